/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Commits, and what becomes of the engine when one fails. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "target/engine/engine_internal.h"

void engine_show(struct engine *e)
{
	const struct superblock *sb = era_live_sb(e->live);
	const struct era_live_counters counters = era_live_counters(e->live);

	engine_lock(e);
	e->figures = (struct engine_figures){
		.used = sb->sm.nr_allocated,
		.total = sb->sm.nr_blocks,
		.spare = era_live_spare_blocks(e->live),
		.snapshot = sb->metadata_snap,
		.era = sb->current_era,
	};
	e->stats.commits = counters.nr_commits;
	e->stats.flushes = counters.nr_flushes;
	e->stats.blocks_written = counters.nr_written;
	e->stats.digested = counters.nr_digested;
	e->stats.waiting = counters.nr_writesets;
	engine_unlock(e);
}

static int fail(struct engine *e, int r)
{
	e->failed = r;
	engine_lock(e);
	text_copy(e->why, sizeof(e->why), e->last_error);
	engine_unlock(e);
	return r;
}

int engine_give_up(struct engine *e, int r)
{
	int back = 0;

	order_must_have(ORDER_TURN);
	if (r != ERA_NO_SPACE)
		return fail(e, r);
	e->uncommitted_steps = 0;
	if (era_live_is_aborted(e->live))
		back = era_live_roll_back(e->live);
	if (back)
		return fail(e, back);
	engine_show(e);
	return r;
}

int engine_refuse(struct engine *e)
{
	char why[ENGINE_LINE_MAX];

	engine_lock(e);
	text_copy(why, sizeof(why), e->why);
	engine_unlock(e);
	if (!*why)
		return report_fail(e->user, ERA_SYS, "the target is suspended");
	return report_fail(e->user, ERA_SYS, "the target is read-only: %s", why);
}

void engine_took(struct engine *e, struct histogram *h, uint64_t begin_us)
{
	uint64_t us = clock_us() - begin_us;

	engine_lock(e);
	histogram_add(h, us);
	engine_unlock(e);
}

/* With the turn, by which these figures are its own. */
static void tell_commit(const struct engine *e, uint64_t nr_written, uint64_t us)
{
	if (e->tells & ENGINE_TELLS_COMMITS)
		report_note(&e->rep, "commit %" PRIu64 ": %" PRIu64 " blocks in %" PRIu64 " us",
			    era_live_counters(e->live).nr_commits,
			    e->stats.blocks_written - nr_written, us);
}

int engine_commit(struct engine *e)
{
	uint64_t begin_us = clock_us(), nr_written = e->stats.blocks_written;
	int r;

	order_must_have(ORDER_TURN);
	r = era_live_commit(e->live);
	if (r)
		return engine_give_up(e, r);
	engine_show(e);
	engine_took(e, &e->stats.commit, begin_us);
	tell_commit(e, nr_written, clock_us() - begin_us);
	return 0;
}
