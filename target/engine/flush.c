/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The origin's flushes, and what follows when one fails.
 *
 * An era is given out when the one before it is closed: its requests are done, and the origin has been
 * flushed since.  So what may not be durable was written in the current era, or in the one before it
 * when that is just being closed.
 *
 * A flush that fails is final.  A flag in the superblock remembers it, with the first era of which
 * something may be lost; a rollover leaves it standing.  The next resume marks all blocks
 * of these eras in the era that it begins, commits, and clears the flag in another commit, before
 * anything is marked by requests: wherever that is stopped, the next one does it again.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "target/engine/engine_internal.h"

#define BLOCKS_A_STEP 32u

/* With the turn.  A commit that finds no room forgets the flag; one with nothing else in it needs none. */
static int remember_failed_flush(struct engine *e)
{
	int r = ERA_NO_SPACE;

	if (e->failed)
		return engine_refuse(e);
	for (int tries = 0; tries < 2 && r == ERA_NO_SPACE; tries++) {
		era_live_set_unflushed(e->live);
		r = engine_commit(e);
	}
	return r;
}

void engine_flush_failed(struct engine *e)
{
	int r;

	if (atomic_exchange(&e->is_unflushed, true))
		return;
	turns_take(&e->turns);
	r = remember_failed_flush(e);
	turns_give(&e->turns);
	report_fail(e->user, ERA_SYS,
		    "a flush of the origin has failed: no era is given out until the target is started "
		    "again%s; make a full backup then",
		    r ? ", and this could not be written into the metadata" : "");
}

int engine_refuse_unflushed(struct engine *e)
{
	return report_fail(&e->rep, ERA_SYS,
			   "a flush of the origin has failed: no era can be given out "
			   "until the target is started again");
}

int engine_flush_origin(struct engine *e)
{
	uint64_t begin_us = clock_us();
	int r = e->flush_origin ? e->flush_origin(e->origin) : 0;

	if (r)
		engine_flush_failed(e);
	else if (e->flush_origin)
		engine_took(e, &e->stats.origin_flush, begin_us);
	return r || atomic_load(&e->is_unflushed) ? engine_refuse_unflushed(e) : 0;
}

static int mark_set_bits(struct engine *e, const uint64_t *bits)
{
	uint64_t first = bits_next_set(bits, 0, e->nr_blocks);
	int r = 0;

	while (first < e->nr_blocks && !r) {
		uint64_t end = bits_next_clear(bits, first, e->nr_blocks);

		r = era_live_mark(e->live, first, end - first);
		first = bits_next_set(bits, end, e->nr_blocks);
	}
	return r;
}

static int mark_all_since(struct engine *e, uint32_t since)
{
	uint64_t *bits = bits_alloc(e->nr_blocks);
	struct era_live_changes changes;
	int r;

	if (!bits)
		return report_nomem(&e->rep);
	era_live_changes_init(&changes, since, bits);
	do
		r = era_live_changes_step(e->live, &changes, BLOCKS_A_STEP);
	while (r > 0);
	if (!r)
		r = mark_set_bits(e, bits);
	free(bits);
	return r ? r : era_live_commit(e->live);
}

int engine_mark_unflushed_again(struct engine *e)
{
	uint32_t since;
	int r;

	if (!era_live_is_unflushed(e->live, &since))
		return 0;
	r = mark_all_since(e, since);
	if (r)
		return r;
	era_live_clear_unflushed(e->live);
	r = era_live_commit(e->live);
	if (!r)
		report_fail(e->user, ERA_SYS,
			    "%s: a flush of the origin had failed: all that was written since era "
			    "%" PRIu32 " counts as written again in era %" PRIu32
			    "; make a full backup", e->dev.path, since, era_live_sb(e->live)->current_era);
	return r;
}
