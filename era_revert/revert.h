/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * One revert: the disk becomes what TARGET is.
 *
 * What was written since TARGET was made is listed as for a backup, and copied from TARGET through
 * the tracked device; so it is listed as written again, and every backup of the disk stays right.
 *
 * Then the disk is what TARGET is, and so the state of TARGET says since when: without this, what
 * was reverted once would be copied each time.  That is proven before: an era is ended, what was
 * copied is read back from below the target, and nothing else was written since the list.
 */
#ifndef ERA_ERA_REVERT_REVERT_H
#define ERA_ERA_REVERT_REVERT_H

#include "era_backup/backup.h"

struct revert_options {
	const char *path, *target, *state;
	uint32_t timeout_s;
	uint64_t limit;
	bool never_discarded, dry_run, json, quiet;
};

/* b has the options of a backup that reverts; what was done is in it, too.  Errors are reported. */
int revert(struct backup *b, bool never_discarded) must_check;

#endif
