/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Turns TARGET, which is one backup, into the next by a delta.
 *
 * The delta is verified as a whole first; what comes from a pipe is staged beside TARGET for that.
 * Then the state is marked, the delta applied, TARGET flushed, and the state completed, in this
 * order.  So TARGET is the old backup, or its state says that the delta is being applied, and
 * applying it again finishes that, without the source of the backup.
 *
 * ERA_NO_ANSWER, reported: the delta does not belong on this TARGET.  ERA_DAMAGED: the delta, or
 * the state, is none or is damaged.  TARGET is unchanged after either, unless apply_task.no_stage.
 */
#ifndef ERA_COPY_APPLY_H
#define ERA_COPY_APPLY_H

#include "base/compiler.h"
#include "copy/delta.h"
#include "copy/state.h"
#include "copy/target.h"

struct apply_task {
	const char *delta; /* "-" is standard input; may be compressed by gzip */
	const char *target;
	const char *state; /* NULL: TARGET.era, which a device must not have */
	bool no_checksum;  /* take one without trailer */
	bool no_stage;	   /* a pipe is applied as it comes, and verified when it has ended */
	bool clones;	   /* where there are clones, TARGET is replaced by one (copy/clone.h) */
	bool keeps;	   /* the backup that TARGET is stays, as a clone */
	bool force;	   /* a full backup may replace anything */
	bool dry_run;	   /* verify and compare, and change nothing */
	const struct report *rep;
};

enum apply_end {
	APPLY_DONE,
	APPLY_FINISHED, /* it had been begun before */
	APPLY_ALREADY,	/* TARGET was that backup; nothing was changed */
};

struct apply_result {
	enum apply_end end; /* with dry_run, what it would be */
	struct delta_header header;
	uint64_t data_bytes, zero_bytes; /* of the delta */
};

int apply_delta(const struct apply_task *task, struct apply_result *result) must_check;

/* Reads the state of task->target, and compares the target with it, unless a delta was begun: then
 * it may be neither backup.  ERA_NO_ANSWER, reported, if there is no state or they disagree. */
int apply_examine(const struct apply_task *task, struct backup_state *state) must_check;

/* The names of the state and of the staging file; free() them.  NULL if there is no memory. */
char *apply_state_path(const struct apply_task *task) must_check;
char *apply_staging_path(const struct apply_task *task) must_check;

/* apply_delta() on a target and a state that the caller has opened: its part for tests. */
struct apply_ends {
	struct copy_target *target;
	struct backup_state *state; /* all zero if there is none; changed as it is saved */
	int (*save)(void *ctx, const struct backup_state *state);
	void *ctx;
};

int apply_to(const struct apply_task *task, const struct apply_ends *ends,
	     struct apply_result *result) must_check;

#endif
