/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening a view, for those who read it.  There is no other way to one: whatever is opened has been held
 * against all on the device that could contradict it.
 */
#ifndef ERA_OPEN_OPEN_H
#define ERA_OPEN_OPEN_H

#include "base/compiler.h"
#include "base/report.h"
#include "metadata/view.h"

/*
 * Opens the device at path and checks it before the view can be read, by flags of enum era_view_flags:
 *
 * - Strict, all that era_check looks at must be sound, but for what is proven to be waste; else all
 *   problems are reported, and it is ERA_DAMAGED (ERA_SYS for what cannot be read).  Only the blocks of the
 *   view's own arrays are left to who reads them, and damage there ends the reading; with ERA_VIEW_WHOLE
 *   they are checked before, too.
 * - With ERA_VIEW_REPAIR problems are reported and counted in the view.  A field of the superblock that
 *   the space map proves to be wrong is put right (noted).  Where something contradicts what would be
 *   read, or was not to be looked at, every block counts as written (noted).
 * - Of a snapshot (ERA_VIEW_SNAPSHOT) on a device that is written to meanwhile, counts of references and
 *   lost pointers can't be judged; that all it reaches is in use can.
 *
 * ERA_NO_ANSWER: there is no snapshot.  All errors are reported.  rep must outlive the view.
 */
int era_view_open(struct era_view **view, const char *path, unsigned flags,
		  const struct report *rep)
	must_check;

/* The same of an open device, which the view takes over; it is closed on failure, too. */
int era_view_open_dev(struct era_view **view, struct blk_dev *dev, unsigned flags) must_check;

#endif
