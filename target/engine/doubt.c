/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Blocks that are in doubt: what was written to them may reach the medium, or be lost from it,
 * after an era was given out.
 *
 * When a target is killed, its last requests may still be on their way below: they land while the
 * next target is running.  Others are done, but in a cache below that only their own connection
 * could flush.  Both are of the current era or the one before it, since an era is given out only
 * after the one before it is closed.  And after a flush has failed, nothing that it should have
 * covered is certain.
 *
 * So resume collects the blocks of these eras and marks them in the era that begins.  As long as
 * they are in doubt they are marked in each later era, too, before its number is given out: for a
 * while, or if a connection cannot flush what another one has written, until the target is
 * suspended.
 *
 * The last block is in doubt when its length may have changed: metadata tell how many blocks there
 * are, but not where the last one ends.  A flag in the superblock says that it is a whole one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "target/engine/engine_internal.h"

#define BLOCKS_A_STEP 32u

void engine_set_doubt(struct engine *e, enum engine_doubt doubt)
{
	e->doubt.how = doubt;
}

void engine_forget_doubt(struct engine *e)
{
	free(e->doubt.bits);
	e->doubt.bits = NULL;
}

/* Which eras?  false: none. */
static bool is_in_doubt(const struct engine *e, uint32_t *since)
{
	const struct superblock *sb = era_live_sb(e->live);

	if (era_live_is_unflushed(e->live, since))
		return true;
	*since = sb->current_era ? sb->current_era - 1 : 0;
	return e->flush_origin && e->doubt.how != DOUBT_NONE && sb->current_root;
}

void engine_begin_doubt(struct engine *e, uint64_t nr_blocks)
{
	uint64_t old_blocks = era_live_sb(e->live)->nr_blocks;

	engine_forget_doubt(e);
	e->doubt.exists = is_in_doubt(e, &e->doubt.since);
	e->doubt.nr_blocks = min_u64(old_blocks, nr_blocks);
	e->doubt.has_whole_blocks =
		era_live_has_whole_blocks(e->live) || !old_blocks || old_blocks > nr_blocks;
	e->doubt.last_block = old_blocks - !!old_blocks;
}

static int collect(struct engine *e)
{
	struct era_live_changes changes;
	int r;

	e->doubt.bits = bits_alloc(e->nr_blocks);
	if (!e->doubt.bits)
		return report_nomem(&e->rep);
	era_live_changes_init(&changes, e->doubt.since, e->doubt.bits);
	do
		r = era_live_changes_step(e->live, &changes, BLOCKS_A_STEP);
	while (r > 0);
	return r;
}

/* Marks the next run of doubtful blocks from *first on.  1, 0 when there is none, or an error. */
static int mark_run(struct engine *e, uint64_t *first)
{
	const struct doubt *doubt = &e->doubt;
	uint64_t begin = bits_next_set(doubt->bits, *first, doubt->nr_blocks);
	int r;

	if (begin >= doubt->nr_blocks)
		return 0;
	*first = bits_next_clear(doubt->bits, begin, doubt->nr_blocks);
	r = era_live_mark(e->live, begin, *first - begin);
	return r ? r : 1;
}

static int mark_all(struct engine *e)
{
	uint64_t first = 0;
	int r;

	if (!e->doubt.bits)
		return 0;
	do
		r = mark_run(e, &first);
	while (r > 0);
	return r;
}

void engine_believe_doubtful(struct engine *e)
{
	const struct doubt *doubt = &e->doubt;

	for (uint64_t end = 0, first; doubt->bits; engine_believe(e, first, end)) {
		first = bits_next_set(doubt->bits, end, doubt->nr_blocks);
		if (first >= doubt->nr_blocks)
			break;
		end = bits_next_clear(doubt->bits, first, doubt->nr_blocks);
	}
	if (!doubt->has_whole_blocks)
		engine_believe(e, doubt->last_block, doubt->last_block + 1);
}

static void tell_unflushed(const struct engine *e)
{
	report_fail(e->user, ERA_SYS,
		    "%s: a flush of the origin had failed: all that was written since era "
		    "%" PRIu32 " counts as written again in era %" PRIu32 "; make a full backup",
		    e->dev.path, e->doubt.since, era_live_sb(e->live)->current_era);
}

static int clear_flag(struct engine *e)
{
	uint32_t since;
	int r;

	if (!era_live_is_unflushed(e->live, &since))
		return 0;
	era_live_clear_unflushed(e->live);
	r = era_live_commit(e->live);
	if (!r)
		tell_unflushed(e);
	return r;
}

int engine_mark_doubtful_at_resume(struct engine *e)
{
	int r = e->doubt.exists ? collect(e) : 0;

	if (!r)
		r = mark_all(e);
	if (!r && !e->doubt.has_whole_blocks)
		r = era_live_mark(e->live, e->doubt.last_block, 1);
	if (r)
		return r;
	era_live_set_whole_blocks(e->live, e->origin_bytes % e->block_bytes == 0);
	e->doubt.until = clock_in(e->doubt_ms);
	r = era_live_commit(e->live);
	return r ? r : clear_flag(e);
}

int engine_mark_doubtful(struct engine *e)
{
	int r;

	order_must_have(ORDER_TURN);
	if (!e->doubt.bits)
		return 0;
	if (e->doubt.how != DOUBT_LASTS && clock_is_past(&e->doubt.until)) {
		engine_forget_doubt(e);
		return 0;
	}
	r = mark_all(e);
	if (r)
		return engine_give_up(e, r);
	r = engine_commit(e);
	if (!r)
		engine_believe_doubtful(e);
	return r;
}
