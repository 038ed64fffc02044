/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The messages. */
#include <inttypes.h>
#include <string.h>

#include "target/engine/engine_internal.h"

#define NO_SPACE_YET 1

static int refuse_for_space(struct engine *e)
{
	return report_fail(&e->rep, ERA_NO_SPACE,
			   "%s: the metadata have no room for another era yet; try again later",
			   e->dev.path);
}

/* Nothing has been changed yet: a message that can't be done leaves all as it is. */
static int may_roll_over(struct engine *e, bool snapshot)
{
	if (e->failed)
		return engine_refuse(e);
	if (atomic_load(&e->is_unflushed))
		return engine_refuse_unflushed(e);
	if (snapshot && era_live_sb(e->live)->metadata_snap)
		return report_fail(&e->rep, ERA_SYS, "a metadata snapshot is held already");
	if (era_live_sb(e->live)->current_era == UINT32_MAX)
		return report_fail(&e->rep, ERA_SYS, "era %" PRIu32 " is the last there is",
				   era_live_sb(e->live)->current_era);
	return 0;
}

static int find_space(struct engine *e, bool snapshot)
{
	int r = era_live_can_roll_over(e->live, snapshot);

	engine_show(e);
	if (r < 0)
		return engine_give_up(e, r);
	return r ? 0 : NO_SPACE_YET;
}

static int roll_over(struct engine *e, bool snapshot)
{
	const struct superblock *sb = era_live_sb(e->live);
	int r = era_live_roll_over(e->live);

	if (!r && snapshot)
		r = era_live_take_snapshot(e->live);
	r = r ? engine_give_up(e, r) : engine_commit(e);
	if (r)
		return r;
	engine_publish_era(e);
	r = engine_mark_doubtful(e);
	if (r)
		return r;
	report_note(&e->rep,
		    "era %" PRIu32 " begins; %" PRIu64 " of %" PRIu64 " metadata blocks are in use",
		    sb->current_era, sb->sm.nr_allocated, sb->sm.nr_blocks);
	return 0;
}

/* Returns NO_SPACE_YET, which is not reported, when digestion may help. */
static int try_to_roll_over(struct engine *e, bool snapshot, uint32_t *begun)
{
	int r;

	turns_take(&e->turns);
	r = may_roll_over(e, snapshot);
	if (!r)
		r = find_space(e, snapshot);
	if (!r)
		r = roll_over(e, snapshot);
	*begun = era_live_sb(e->live)->current_era;
	turns_give(&e->turns);
	return r;
}

/* Holds no turn while it waits.  When the digester has come to its end it is tried once more. */
static int wait_to_roll_over(struct engine *e, bool snapshot, const _Atomic bool *cancelled,
			     uint32_t *begun)
{
	struct timespec until = clock_in(e->space_wait_ms);
	int r = try_to_roll_over(e, snapshot, begun);
	bool digests = true;

	while (r == NO_SPACE_YET && digests && !(cancelled && atomic_load(cancelled))) {
		digests = engine_await_digester(e, &until);
		r = try_to_roll_over(e, snapshot, begun);
	}
	return r == NO_SPACE_YET ? refuse_for_space(e) : r;
}

static int close_older_eras(struct engine *e, uint32_t begun)
{
	engine_drain(e, (begun - 1) % 2);
	return engine_flush_origin(e);
}

int engine_begin_era(struct engine *e, bool snapshot, const _Atomic bool *cancelled, uint32_t *era)
{
	uint64_t begin_us = clock_us();
	uint32_t begun;
	int r;

	order_take(ORDER_MESSAGES);
	pthread_mutex_lock(&e->messages);
	era_live_keep_pace(atomic_load(&e->era), 1, atomic_load(&e->begun_ms));
	r = wait_to_roll_over(e, snapshot, cancelled, &begun);
	if (!r) {
		engine_wake_digester(e);
		r = close_older_eras(e, begun);
	}
	pthread_mutex_unlock(&e->messages);
	order_give(ORDER_MESSAGES);
	if (!r)
		engine_took(e, &e->stats.begin_era, begin_us);
	if (!r && era)
		*era = begun;
	return r;
}

/* With the turn. */
static int drop_snapshot(struct engine *e)
{
	int r;

	if (e->failed)
		return engine_refuse(e);
	if (!era_live_sb(e->live)->metadata_snap)
		return report_fail(&e->rep, ERA_SYS, "no metadata snapshot is held");
	r = era_live_drop_snapshot(e->live);
	if (r && !era_live_is_aborted(e->live))
		return r;
	return r ? engine_give_up(e, r) : engine_commit(e);
}

int engine_drop_metadata_snap(struct engine *e)
{
	int r;

	turns_take(&e->turns);
	r = drop_snapshot(e);
	turns_give(&e->turns);
	if (!r)
		engine_wake_digester(e);
	return r;
}
