/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Opening a view for reading.  There is no other way to one: whatever is opened has been checked
 * against everything on the device that could contradict it.
 */
#ifndef ERA_OPEN_OPEN_H
#define ERA_OPEN_OPEN_H

#include "base/compiler.h"
#include "base/report.h"
#include "metadata/view.h"

/*
 * Opens the device at path and checks it before the view can be read, by flags of enum
 * era_view_flags.
 *
 * Without ERA_VIEW_REPAIR, everything that a check looks at must be sound, except what is proven
 * to be waste; otherwise all problems are reported, and the result is ERA_DAMAGED (ERA_SYS for
 * what cannot be read).  Only the blocks of the view's own arrays are left to the reader, and
 * damage there ends the reading; with ERA_VIEW_WHOLE they are checked first, too.
 *
 * With ERA_VIEW_REPAIR, problems are reported and counted in the view.  A field of the superblock
 * that the space map proves to be wrong is corrected (noted).  If anything contradicts what would
 * be read, or prevents a check of it, every block counts as written (noted).
 *
 * For a snapshot (ERA_VIEW_SNAPSHOT) on a device that is written to meanwhile, reference counts
 * and lost pointers can't be judged, but whether everything that it reaches is in use can be.
 *
 * With ERA_VIEW_SUSPENDED, the live metadata of a kernel's target are read while it is suspended:
 * they are exact, and nothing changes them (block/suspended.h).  That is seen before they are read,
 * and again when the reading is revalidated.
 *
 * ERA_NO_ANSWER: there is no snapshot, the target is not suspended, or it is not the only device
 * that has these metadata.  All errors are reported.  rep must outlive the view.
 */
int era_view_open(struct era_view **view, const char *path, unsigned flags,
		  const struct report *rep) must_check;

/* The same for an open device, which the view takes over; it is closed on failure, too. */
int era_view_open_dev(struct era_view **view, struct blk_dev *dev, unsigned flags) must_check;

#endif
