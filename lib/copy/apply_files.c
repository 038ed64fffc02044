/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Deltas on real targets, with the files of their states. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy/apply_internal.h"

#define STATE_SUFFIX ".era"
#define STAGING_SUFFIX ".delta"

static char *join(const char *path, const char *suffix)
{
	char *joined;

	return asprintf(&joined, "%s%s", path, suffix) < 0 ? NULL : joined;
}

char *apply_state_path(const struct apply_task *task)
{
	return task->state ? strdup(task->state) : join(task->target, STATE_SUFFIX);
}

char *apply_staging_path(const struct apply_task *task)
{
	return join(task->state ? task->state : task->target, STAGING_SUFFIX);
}

static int refuse_device(const struct apply_task *task)
{
	return report_fail(task->rep, ERA_SYS,
			   "%s: is a device, beside which no state lasts: --state says where it is",
			   task->target);
}

/* A state that says nothing is no file. */
static int save_at(const char *path, const struct backup_state *state, const struct report *rep)
{
	if (state->has_base || state->under_way || state->has_snapshot_era)
		return backup_state_save(state, path, rep);
	return unlink(path) && errno != ENOENT ? report_errno(rep, path, "cannot remove") : 0;
}

static int save(void *ctx, const struct backup_state *state)
{
	const struct apply_task *task = ctx;
	char *path = apply_state_path(task);
	int r = path ? save_at(path, state, task->rep) : report_nomem(task->rep);

	free(path);
	return r;
}

/* With force, which a full backup alone heeds, a damaged one is none. */
static int load(const struct apply_task *task, struct backup_state *state)
{
	char *path = apply_state_path(task);
	int r = path ? backup_state_load(state, path, task->rep) : report_nomem(task->rep);

	free(path);
	return r > 0 || (r == ERA_DAMAGED && task->force) ? 0 : r;
}

static int apply_with(const struct apply_task *task, struct copy_target *target,
		      struct backup_state *state, struct apply_result *result)
{
	struct apply_task own = *task;
	const struct apply_ends ends = {target, state, save, &own};
	int r = load(task, state);

	return r ? r : apply_to(task, &ends, result);
}

static int open_target(const struct apply_task *task, struct copy_target *target)
{
	int r = copy_target_open(target, task->target, task->dry_run ? TARGET_READ : TARGET_WRITE,
				 task->rep);

	return r || !target->is_device || task->state ? r : refuse_device(task);
}

/* What makes the delta may be reading TARGET's state until then, at the other end of the pipe. */
static void wait_for_delta(const struct apply_task *task)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	if (!strcmp(task->delta, "-"))
		while (poll(&input, 1, -1) < 0 && errno == EINTR)
			;
}

int apply_delta(const struct apply_task *task, struct apply_result *result)
{
	struct backup_state *state = calloc(1, sizeof(*state));
	struct copy_target target;
	int r;

	if (!state)
		return report_nomem(task->rep);
	wait_for_delta(task);
	r = open_target(task, &target);
	if (!r)
		r = apply_with(task, &target, state, result);
	copy_target_close(&target);
	free(state);
	return r;
}

int apply_examine(const struct apply_task *task, struct backup_state *state)
{
	struct copy_target target;
	int r = open_target(task, &target);

	*state = (struct backup_state){0};
	if (!r)
		r = load(task, state);
	if (!r)
		r = judge_backup(task, &target, state);
	copy_target_close(&target);
	return r;
}
