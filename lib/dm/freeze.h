/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Filesystems that are frozen for a while, and thawed whatever happens.
 *
 * Each one has a guard (dm/guard.h), which thaws it when this program is killed, and when the time
 * is over.  Whatever writes to it waits meanwhile, this program included.
 */
#ifndef ERA_DM_FREEZE_H
#define ERA_DM_FREEZE_H

#include "dm/guard.h"

#define FREEZE_MAX 16

struct frozen_one {
	int fd;
	struct guard guard;
};

struct freeze {
	struct frozen_one each[FREEZE_MAX];
	unsigned nr;
	int64_t began_ms;
	uint32_t limit_ms;
};

/* Freezes them, in this order, so one that lies in a file of another stands before it.  A mount is
 * the path at which a filesystem is mounted; any other is refused, since what would be frozen is
 * the filesystem around it.  nr may be 0.  After limit_ms, which is not 0, all are thawed.  Errors
 * are reported, and leave nothing frozen but what somebody else froze. */
int freeze_begin(struct freeze *freeze, const char *const *mounts, unsigned nr, uint32_t limit_ms,
		 const struct report *rep) must_check;

/* Of limit_ms; at least 1. */
uint32_t freeze_left_ms(const struct freeze *freeze);

/* Thaws them.  NULL, or one of the mounts that were given, which was thawed before. */
const char *freeze_end(struct freeze *freeze, const char *const *mounts) must_check;

#endif
