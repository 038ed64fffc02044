/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Whether a delta belongs on TARGET is known in three steps: its header against the state, TARGET's
 * samples against the state, and its trailer.
 */
#include <inttypes.h>
#include <string.h>

#include "base/next_step.h"
#include "copy/apply_internal.h"

static int refuse(const struct apply *a, const char *what)
{
	return report_fail(a->rep, ERA_NO_ANSWER, "%s: %s; %s", a->task->target, what,
			   NEXT_OTHER_DELTA);
}

/* The header and the state. */

bool apply_is_going(const struct delta_header *going, const struct delta_header *header)
{
	return going->size == header->size && going->has_from == header->has_from &&
	       backup_name_same(&going->to, &header->to) &&
	       (!going->has_from || backup_name_same(&going->from, &header->from));
}

static int refuse_unfinished(const struct apply *a)
{
	const struct backup_state *state = a->ends->state;
	char name[BACKUP_NAME_BYTES];

	backup_name_format(&state->going.to, name);
	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: the delta to %s was begun and not finished: apply it again%s%s",
			   a->task->target, name, state->is_staged ? ", it is " : "",
			   state->is_staged ? a->staging : "");
}

static int refuse_base(const struct apply *a)
{
	char base[BACKUP_NAME_BYTES], from[BACKUP_NAME_BYTES];

	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: wrong base: found %s, wanted %s, which the delta starts from; %s",
			   a->task->target, backup_name_format(&a->ends->state->base, base),
			   backup_name_format(&a->result.header.from, from), NEXT_OTHER_DELTA);
}

static int refuse_size(const struct apply_task *task, const struct copy_target *target,
		       const struct backup_state *state)
{
	return report_fail(task->rep, ERA_NO_ANSWER,
			   "%s: its size is not that of the backup: found %" PRIu64
			   " bytes, wanted %" PRIu64 "; %s",
			   task->target, target->size, state->size, NEXT_OTHER_DELTA);
}

static int refuse_content(const struct apply_task *task, uint64_t at)
{
	return report_fail(task->rep, ERA_NO_ANSWER,
			   "%s: was changed since it was made, or is another backup: it differs at "
			   "byte %" PRIu64 "; %s",
			   task->target, at, NEXT_OTHER_DELTA);
}

/* A device may be larger than what it holds. */
static bool has_size(const struct copy_target *target, uint64_t size)
{
	return target->is_device ? target->size >= size : target->size == size;
}

static int check_base(const struct apply *a)
{
	const struct copy_target *target = a->ends->target;
	const struct backup_state *state = a->ends->state;

	if (!target->exists)
		return refuse(a, "does not exist, and the delta is no full backup");
	if (!state->has_base)
		return refuse(a, "has no state that says which backup it is, and the delta is no "
				 "full backup");
	if (a->result.end == APPLY_FINISHED && has_size(target, a->result.header.size))
		return 0;
	return has_size(target, state->size) ? 0 : refuse_size(a->task, target, state);
}

static int check_full(const struct apply *a)
{
	const struct copy_target *target = a->ends->target;
	const struct backup_state *state = a->ends->state;

	if (a->task->force || state->has_base || state->under_way || !target->size)
		return 0;
	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: has no state: it is no backup, or another program's; --force "
			   "overwrites it",
			   a->task->target);
}

/* What is to be done, and whether the state allows it. */
static int judge_state(struct apply *a)
{
	const struct delta_header *header = &a->result.header;
	const struct backup_state *state = a->ends->state;

	a->result.end = APPLY_DONE;
	if (state->under_way && apply_is_going(&state->going, header))
		a->result.end = APPLY_FINISHED;
	else if (!state->under_way && state->has_base && !(apply_is_full(a) && a->task->force) &&
		 backup_name_same(&state->base, &header->to))
		a->result.end = APPLY_ALREADY;
	if (a->result.end != APPLY_ALREADY && apply_is_full(a))
		return check_full(a);
	if (a->result.end == APPLY_DONE && state->under_way)
		return refuse_unfinished(a);
	if (a->result.end == APPLY_DONE && state->has_base &&
	    !backup_name_same(&state->base, &header->from))
		return refuse_base(a);
	return check_base(a);
}

static int check_room(const struct apply *a)
{
	const struct copy_target *target = a->ends->target;

	if (!target->is_device || target->size >= a->result.header.size)
		return 0;
	return report_fail(a->rep, ERA_SYS,
			   "%s: is too small: found %" PRIu64 " bytes, wanted %" PRIu64,
			   a->task->target, target->size, a->result.header.size);
}

int judge_header(struct apply *a)
{
	int r = judge_state(a);

	return r ? r : check_room(a);
}

/* TARGET's samples: those that the delta, if it was begun, may have changed say nothing. */
static int check_samples(struct apply *a, const struct samples_touched *touched)
{
	uint64_t at;
	int r = samples_compare(&a->ends->state->samples, a->ends->target, touched, &at);

	return r > 0 ? 0 : r ? r : refuse_content(a->task, at);
}

/* Samples past the end of the smaller size may be cut off. */
static void touch_end(struct apply *a)
{
	const struct samples *samples = &a->ends->state->samples;

	for (uint32_t i = 0; i < samples->nr; i++)
		if (samples->at[i].offset + samples->at[i].length > a->result.header.size)
			a->touched.is[i] = true;
}

int judge_samples_before(struct apply *a)
{
	if (a->result.end == APPLY_FINISHED || (apply_is_full(a) && a->result.end != APPLY_ALREADY))
		return 0;
	return check_samples(a, NULL);
}

int judge_samples_after(struct apply *a)
{
	if (a->result.end != APPLY_FINISHED || apply_is_full(a))
		return 0;
	touch_end(a);
	return check_samples(a, &a->touched);
}

/* The trailer. */

/* A delta that was merged by another program does not say what it is of. */
static int check_origin(const struct apply *a)
{
	const struct backup_state *state = a->ends->state;
	const char *wanted = a->has_facts ? a->facts.origin : "";

	if (!apply_is_full(a) || a->task->force || !state->has_base || !*state->origin ||
	    a->result.end == APPLY_ALREADY || !strcmp(state->origin, wanted))
		return 0;
	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: is a backup of another origin: found %s, wanted %s; --force "
			   "overwrites it",
			   a->task->target, state->origin, *wanted ? wanted : "an unknown one");
}

int judge_facts(struct apply *a)
{
	const struct delta_facts *facts = delta_reader_facts(a->reader);
	const struct backup_state *state = a->ends->state;

	if (!facts && !delta_reader_covers(a->reader, apply_is_full(a) ? 0 : state->size))
		return refuse(a, "is smaller, and what was added is not in the delta");
	if (!facts && a->task->no_checksum)
		return check_origin(a);
	if (!facts)
		return report_fail(a->rep, ERA_DAMAGED,
				   "%s: delta: ends without a checksum: if rbd has merged it, "
				   "--no-checksum takes it",
				   a->source.name);
	a->has_facts = true;
	a->facts = *facts;
	if (!apply_is_full(a) && a->result.end != APPLY_ALREADY && facts->from_size != state->size)
		return refuse(a, "its size is not that of the delta's base");
	return check_origin(a);
}

int judge_backup(const struct apply_task *task, struct copy_target *target,
		 const struct backup_state *state)
{
	uint64_t at;
	int r;

	if (!state->has_base && !state->under_way)
		return report_fail(task->rep, ERA_NO_ANSWER, "%s: has no state; %s", task->target,
				   NEXT_FULL_BACKUP);
	if (state->under_way)
		return 0;
	if (!has_size(target, state->size))
		return refuse_size(task, target, state);
	r = samples_compare(&state->samples, target, NULL, &at);
	return r > 0 ? 0 : r ? r : refuse_content(task, at);
}
