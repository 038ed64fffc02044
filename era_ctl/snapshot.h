/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A snapshot of the storage between two eras.
 *
 * The command that makes it runs after the barrier, on the running device: what is written between
 * the two is in the snapshot and is listed, too.  No command runs while a device is suspended: LVM
 * asks a suspended era device for its status, and would wait for ever.
 */
#ifndef ERA_CTL_SNAPSHOT_H
#define ERA_CTL_SNAPSHOT_H

#include "era_ctl/target.h"
#include "tools/options.h"

/* Barrier, command, and, if the command ended with 0, the era on standard output, where the command
 * can't write.  mounts: of filesystems that are frozen from before the barrier until the command
 * has ended, or until limit_s seconds have passed: then no era is printed. */
int snapshot_make(struct target *target, const struct option_texts *mounts, uint32_t limit_s,
		  char *const *command) must_check;

#endif
