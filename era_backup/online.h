/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A disk that is in use: its target, its metadata, and the metadata snapshot that is taken. */
#ifndef ERA_ERA_BACKUP_ONLINE_H
#define ERA_ERA_BACKUP_ONLINE_H

#include "dm/freeze.h"
#include "era_backup/backup.h"
#include "era_ctl/target.h"

struct online {
	struct backup *b;
	struct target target;
	struct era_status status;
	char *metadata; /* path */
	uint64_t bytes; /* of the disk */
	/* Of a kernel's target; else -1 and NULL. */
	struct era_table table;
	int fd, origin_fd;
	char *origin; /* path */
	/* The list is of a later round: since this era, whatever the base is. */
	bool is_later;
	uint32_t since;
};

/* All return 0 or an error that was reported. */

/* Connects, finds the metadata, drops what an earlier run has left, checks the origin.
 * online_close() must follow, also after a failure. */
int online_open(struct online *o, struct backup *b) must_check;
void online_close(struct online *o);

/* Again, after target_close(). */
int online_connect(struct online *o) must_check;

/* Opens what --source says, for as long as a server answers within --timeout, or a minute. */
int online_open_source(struct backup *b) must_check;

/* r, of a barrier.  That the target is not alone is noted. */
int online_refused(const struct online *o, int r) must_check;

/* Takes a metadata snapshot, lists, drops it. */
int online_take_and_list(struct online *o) must_check;

/* Freezes the filesystems of --freeze, if any.  online_thaw() returns r, or an error if one
 * was thawed before it; in between, writers wait. */
int online_freeze(const struct online *o, struct freeze *freeze, uint32_t limit_ms) must_check;
int online_thaw(struct online *o, struct freeze *freeze, int r) must_check;

/* ERA_CANCELLED once a signal has come. */
int online_cancelled(void) must_check;

#endif
