/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The order within a commit is the transaction's (pdata/txn.h).  What may stand in one commit is
 * decided here: a superblock's current era is never behind what the array or the tree of writesets
 * say, and a writeset that is removed from the tree has all its bits in the array.
 */
#include "live/live.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "build/size.h"
#include "live/live_internal.h"
#include "metadata/recognise.h"
#include "metadata/superblocks.h"
#include "pdata/array_edit.h"
#include "pdata/btree_edit.h"

static int read_superblock(struct era_live *live)
{
	struct problem p;
	int r = era_look_like_metadata(live->dev);

	if (r)
		return r;
	r = era_read_live_superblock(live->dev, false, &live->sb, &p);
	if (r != ERA_DAMAGED)
		return r;
	report_problem(live->dev->rep, &p);
	return first_block_refuse(live->dev, &p);
}

uint64_t era_live_bitset_block(uint64_t block)
{
	return block / (ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) * UINT64_C(64));
}

static int open_live(struct era_live *live, uint32_t capacity)
{
	int r = read_superblock(live);

	if (!r)
		r = txn_open(&live->txn, live->dev, &live->sb.sm, capacity);
	if (!r)
		r = era_live_count_shared(live);
	if (!(live->sb.flags & ERA_FLAG_ORIGIN_UNFLUSHED))
		live->sb.flags &= ERA_FLAG_WHOLE_BLOCKS;
	live->sb.flags &= ~ERA_FLAG_CLEAN_SHUTDOWN;
	live->committed = live->sb;
	return r;
}

int era_live_open(struct era_live **out, struct blk_dev *dev, uint32_t capacity)
{
	struct era_live *live = malloc(sizeof(*live));
	int r;

	if (!live)
		return report_nomem(dev->rep);
	*live = (struct era_live){.dev = dev};
	r = open_live(live, capacity);
	if (r)
		era_live_close(live);
	else
		*out = live;
	return r;
}

void era_live_close(struct era_live *live)
{
	if (!live)
		return;
	txn_close(&live->txn);
	free(live);
}

const struct superblock *era_live_sb(const struct era_live *live)
{
	return &live->sb;
}

struct era_live_counters era_live_counters(const struct era_live *live)
{
	return (struct era_live_counters){
		.nr_commits = live->nr_commits,
		.nr_flushes = live->nr_flushes,
		.nr_written = live->txn.cache.nr_written + live->nr_commits,
		.nr_digested = live->nr_digested,
		.nr_writesets = live->nr_writesets,
	};
}

static int write_super(void *ctx, const struct space_map_root *sm)
{
	struct era_live *live = ctx;

	live->sb.sm = *sm;
	return superblock_write(live->dev, &live->sb);
}

int era_live_commit(struct era_live *live)
{
	int r = txn_commit(&live->txn, write_super, live);

	if (r)
		return r;
	live->committed = live->sb;
	live->nr_committed_writesets = live->nr_writesets;
	live->nr_commits++;
	live->nr_flushes += 2;
	return 0;
}

int era_live_roll_back(struct era_live *live)
{
	uint64_t nr_written = live->txn.cache.nr_written;
	uint32_t capacity = live->txn.cache.capacity;
	int r;

	txn_close(&live->txn);
	live->sb = live->committed;
	live->nr_writesets = live->nr_committed_writesets;
	live->digest.active = false;
	r = txn_open(&live->txn, live->dev, &live->sb.sm, capacity);
	live->txn.cache.nr_written = nr_written;
	return r ? r : era_live_count_shared(live);
}

bool era_live_is_aborted(const struct era_live *live)
{
	return live->txn.aborted;
}

bool era_live_is_changed(const struct era_live *live)
{
	return txn_is_changed(&live->txn);
}

/* The tree must not have that era already. */
static int check_no_twin(struct era_live *live)
{
	struct writeset_disk ws;
	struct problem p;
	int r = btree_lookup(&live->txn, BLOCK_WRITESET_NODE, live->sb.writeset_tree_root,
			     live->sb.current_era, &ws);

	if (r <= 0)
		return r;
	problem_set(&p, PROBLEM_WRITESET_TWICE, live->sb.writeset_tree_root, live->sb.current_era,
		    live->sb.current_era);
	return txn_problem(&live->txn, &p, "writeset tree");
}

int era_live_archive(struct era_live *live)
{
	struct superblock *sb = &live->sb;
	struct writeset_disk ws = {le32_make(sb->current_nr_bits), le64_make(sb->current_root)};
	int r;

	if (!sb->current_root)
		return 0;
	r = check_no_twin(live);
	if (!r)
		r = btree_insert(&live->txn, BLOCK_WRITESET_NODE, &sb->writeset_tree_root,
				 sb->current_era, &ws);
	if (r)
		return txn_result(&live->txn, r);
	sb->current_nr_bits = 0;
	sb->current_root = 0;
	live->nr_writesets++;
	return 0;
}

bool era_live_is_unflushed(const struct era_live *live, uint32_t *since)
{
	return superblock_is_unflushed(&live->sb, since);
}

void era_live_set_unflushed(struct era_live *live)
{
	uint32_t since;

	if (!superblock_is_unflushed(&live->sb, &since))
		superblock_set_unflushed(&live->sb, 1);
}

bool era_live_has_whole_blocks(const struct era_live *live)
{
	return live->sb.flags & ERA_FLAG_WHOLE_BLOCKS;
}

void era_live_set_whole_blocks(struct era_live *live, bool whole)
{
	live->sb.flags &= ~ERA_FLAG_WHOLE_BLOCKS;
	live->sb.flags |= whole ? ERA_FLAG_WHOLE_BLOCKS : 0;
}

void era_live_clear_unflushed(struct era_live *live)
{
	superblock_set_unflushed(&live->sb, 0);
}

void era_live_leave_eras(struct era_live *live, uint32_t least)
{
	live->least_era = least;
}

/* Only if there is one. */
static uint32_t next_era(const struct era_live *live)
{
	uint32_t era = live->sb.current_era + 1;

	raise_u32(&era, live->least_era);
	return era;
}

/* What was not flushed stays in doubt since the same era. */
static void enter_era(struct superblock *sb, uint32_t era)
{
	uint32_t in_doubt = sb->flags >> ERA_UNFLUSHED_ERAS_SHIFT;

	if (sb->flags & ERA_FLAG_ORIGIN_UNFLUSHED)
		superblock_set_unflushed(sb, (uint64_t)in_doubt + era - sb->current_era);
	sb->current_era = era;
}

static int begin_era(struct era_live *live)
{
	struct superblock *sb = &live->sb;
	struct le64 clear = le64_make(0);
	int r;

	if (sb->current_era == UINT32_MAX)
		return txn_result(&live->txn,
				  report_fail(live->dev->rep, ERA_SYS,
					      "%s: era %" PRIu32 " is the last there is",
					      live->dev->path, sb->current_era));
	r = array_create(&live->txn, BLOCK_BITSET, bits_words(sb->nr_blocks), &clear,
			 &sb->current_root);
	if (r)
		return r;
	sb->current_nr_bits = sb->nr_blocks;
	enter_era(sb, next_era(live));
	return 0;
}

int era_live_roll_over(struct era_live *live)
{
	int r = era_live_archive(live);

	return r ? r : begin_era(live);
}

/* Does a writeset that is not digested name blocks past the end of the array? */
static int is_longer(struct era_live *live, const struct live_writeset *ws, void *ctx)
{
	(void)ctx;
	return ws->nr_bits > live->sb.nr_blocks;
}

/* The kernel's digestion would give the array's new entries the era of an older writeset that
 * has bits there, so none of these may be left when the array grows. */
static int digest_before_growth(struct era_live *live)
{
	int r = live_each_writeset(live, is_longer, NULL);

	if (r <= 0)
		return r;
	while ((r = era_live_digest(live)) == ERA_DIGEST_MORE)
		;
	if (r != ERA_DIGEST_STUCK)
		return r;
	return report_fail(
		live->dev->rep, ERA_NO_SPACE,
		"%s: the metadata are too full to digest writesets before the origin grows",
		live->dev->path);
}

static int resize(struct era_live *live, uint32_t nr_blocks)
{
	struct superblock *sb = &live->sb;
	struct le32 era = le32_make(next_era(live));
	int r = 0;

	if (nr_blocks == sb->nr_blocks)
		return 0;
	if (nr_blocks > sb->nr_blocks)
		r = digest_before_growth(live);
	if (!r)
		r = array_resize(&live->txn, BLOCK_ERA, &sb->era_array_root, sb->nr_blocks,
				 nr_blocks, &era);
	if (r)
		return txn_result(&live->txn, r);
	sb->nr_blocks = nr_blocks;
	return 0;
}

static int refuse_size(struct era_live *live, uint64_t nr_blocks)
{
	uint64_t used = max_u64(era_size_used((uint32_t)nr_blocks, ERA_SIZE_WRITESETS),
				live->txn.counts.nr_allocated);

	return report_fail(live->dev->rep, ERA_NO_SPACE,
			   "%s: found %" PRIu64 " metadata blocks, %" PRIu64
			   " of them in use: no room for "
			   "an era on %" PRIu64 " data blocks%s; wanted %" PRIu64
			   " metadata blocks in all",
			   live->dev->path, live->sb.sm.nr_blocks, live->txn.counts.nr_allocated,
			   nr_blocks, live->sb.metadata_snap ? " beside the metadata snapshot" : "",
			   era_size_with_spare(used, (uint32_t)nr_blocks));
}

/* What a crash has left goes first, unless there is no room for it. */
static int archive_leftover(struct era_live *live)
{
	int r = live->sb.current_root ? era_live_can_archive(live) : 0;

	return r > 0 ? era_live_archive(live) : r;
}

/* Digests as long as there are too few free blocks; all that was pending may be gone then. */
static int free_blocks_to_resume(struct era_live *live, uint64_t nr_blocks)
{
	int r;

	for (;;) {
		r = archive_leftover(live);
		if (!r)
			r = era_live_can_resume(live, nr_blocks, false);
		if (r && (r < 0 || !live->sb.current_root))
			return r < 0 ? r : 0;
		r = era_live_digest(live);
		if (r < 0)
			return r;
		if (r != ERA_DIGEST_MORE)
			break;
	}
	r = live->sb.current_root ? 0 : era_live_can_resume(live, nr_blocks, true);
	if (!r)
		return refuse_size(live, nr_blocks);
	if (r > 0)
		report_note(live->dev->rep,
			    "%s: rollovers may have no room, and the kernel's target none to "
			    "resume%s",
			    live->dev->path,
			    live->sb.metadata_snap ? ", until the metadata snapshot is dropped"
						   : "");
	return r < 0 ? r : 0;
}

/* What the page cache shows of the superblock may be a commit whose flush has failed. */
static int secure_last_commit(struct era_live *live)
{
	int r = live->is_secured ? 0 : superblock_write(live->dev, &live->sb);

	live->is_secured = !r;
	return r;
}

/* The kernel, when it has found no room for an era and is stopped, archives an era without a
 * bitset: which blocks were written in it can't be told any more. */
static int check_root(struct era_live *live, const struct live_writeset *ws, void *ctx)
{
	uint64_t last = live->sb.sm.nr_blocks - 1;
	struct problem p;

	(void)ctx;
	if (ws->root && ws->root <= last)
		return 0;
	problem_set(&p, PROBLEM_POINTER, live->sb.writeset_tree_root, ws->root, last);
	report_note(live->dev->rep,
		    "%s: the writeset of era %" PRIu64 " is lost; " ERA_PROGRAM
		    " repair makes sound metadata, on another device",
		    live->dev->path, ws->era);
	return txn_problem(&live->txn, &p, "root of a writeset");
}

int era_live_resume(struct era_live *live, uint64_t nr_blocks)
{
	int r;

	if (nr_blocks > ERA_MAX_BLOCKS)
		return report_fail(live->dev->rep, ERA_SYS,
				   "%s: the origin has %" PRIu64 " blocks, more than %" PRIu64
				   ", the most that dm-era can track",
				   live->dev->path, nr_blocks, ERA_MAX_BLOCKS);
	live->digest.active = false;
	r = live_each_writeset(live, check_root, NULL);
	if (!r)
		r = secure_last_commit(live);
	if (!r)
		r = free_blocks_to_resume(live, nr_blocks);
	if (!r)
		r = resize(live, (uint32_t)nr_blocks);
	if (!r)
		r = begin_era(live);
	return r;
}

/* Sets bits first .. end - 1 of a bitset's block. */
static void set_bits(struct le64 *words, uint64_t first, uint64_t end)
{
	while (first < end) {
		uint64_t mask, word = bits_take_word(&first, end, &mask);

		words[word] = le64_make(le64_get(words[word]) | mask);
	}
}

static int find_blocks_to_mark(struct era_live *live)
{
	int r = era_live_can_mark(live);

	if (r)
		return r < 0 ? r : 0;
	return report_fail(live->dev->rep, ERA_NO_SPACE, "%s: the metadata have no room for a mark",
			   live->dev->path);
}

int era_live_mark(struct era_live *live, uint64_t first, uint64_t nr)
{
	uint64_t per_block = ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) * (uint64_t)BITS_PER_WORD;
	uint64_t end = first + nr, nr_words = bits_words(live->sb.current_nr_bits);
	int r = 0;

	while (first < end && !r) {
		uint64_t index = era_live_bitset_block(first), base = index * per_block;
		uint64_t stop = min_u64(end, base + per_block);
		uint8_t *values;

		r = find_blocks_to_mark(live);
		if (!r)
			r = array_edit_block(&live->txn, BLOCK_BITSET, &live->sb.current_root,
					     nr_words, index, &values);
		if (!r)
			set_bits((void *)values, first - base, stop - base);
		if (!r)
			r = txn_trim(&live->txn);
		first = stop;
	}
	return r;
}

int era_live_take_snapshot(struct era_live *live)
{
	struct superblock *sb = &live->sb;
	struct blk_rw clone;
	int r = txn_new(&live->txn, BLOCK_SNAPSHOT, &clone);

	if (!r)
		r = txn_inc(&live->txn, sb->writeset_tree_root);
	if (!r)
		r = txn_inc(&live->txn, sb->era_array_root);
	if (r)
		return r;
	superblock_encode(sb, clone.data);
	sb->metadata_snap = clone.nr;
	return era_live_count_shared(live);
}

static int read_clone(struct era_live *live, struct superblock *clone)
{
	struct problem p;
	int r = era_read_clone(live->dev, &live->sb, clone, &p);

	if (r != ERA_DAMAGED)
		return r;
	report_problem(live->dev->rep, &p);
	return problem_error(&p);
}

int era_live_drop_snapshot(struct era_live *live)
{
	struct superblock clone;
	int r = read_clone(live, &clone);

	if (r)
		return r;
	r = txn_drop(&live->txn, clone.writeset_tree_root, BLOCK_WRITESET_NODE);
	if (!r)
		r = txn_drop(&live->txn, clone.era_array_root, BLOCK_ERA_NODE);
	if (!r)
		r = txn_release(&live->txn, live->sb.metadata_snap);
	if (r)
		return txn_result(&live->txn, r);
	live->sb.metadata_snap = 0;
	return era_live_count_shared(live);
}
