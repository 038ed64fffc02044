/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Clones of TARGET: files that share its blocks until one of the two is written to.  Linux has them
 * on Btrfs, on XFS with reflink, and on some others.
 *
 * A delta is applied to a clone, which then takes TARGET's place: whoever reads TARGET has the old
 * backup or the new, and never a mixture.  Older backups are clones with names of their own.
 */
#ifndef ERA_COPY_CLONE_H
#define ERA_COPY_CLONE_H

#include "base/compiler.h"
#include "base/replacement.h"
#include "copy/state.h"
#include "copy/target.h"

struct clone {
	struct replacement file; /* of target NULL: there is none */
	int old_fd;
};

/* All calls report errors. */

/* From now on, what is written to the target, which exists, goes to a clone of it.  Where there are
 * no clones, as for a device, nothing changes, and that is no error. */
int clone_begin(struct clone *clone, struct copy_target *target) must_check;

/* Flushes the clone, and puts it in TARGET's place.  Without one, copy_target_flush().  After a
 * failure there is no clone any more, and TARGET may be the old file or the new. */
int clone_commit(struct clone *clone, struct copy_target *target) must_check;

/* Is there a clone that is not in TARGET's place? */
bool clone_is_open(const struct clone *clone);

/* Also after clone_commit(), and of a zeroed one.  A clone that is not in TARGET's place is gone,
 * and the target is the old file again. */
void clone_end(struct clone *clone, struct copy_target *target);

/* An error where the directory of this path has no clones, or the path is a link to a file on
 * another filesystem; says what to do. */
int clone_wants_support(const char *path, const struct report *rep) must_check;

/* Keeps the target, of which the state is complete, as TARGET.NAME, where NAME is that of the
 * backup, with its state TARGET.NAME.era. */
int clone_keep(struct copy_target *target, const struct backup_state *state) must_check;

/* Removes all backups that clone_keep() has made of this TARGET but the newest ones. */
int clone_prune(const char *target, uint32_t nr, const struct report *rep) must_check;

#endif
