/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "live/live_internal.h"

#include "base/bits.h"
#include "base/checked.h"
#include "pdata/array_edit.h"
#include "pdata/btree_edit.h"
#include "pdata/node.h"

/* Commits if there are not `need` blocks to be had and a commit would free some. */
static int find_free_blocks(struct era_live *live, uint64_t need)
{
	int r = 0;

	if (txn_free_blocks(&live->txn) < need && txn_blocks_to_come(&live->txn))
		r = era_live_commit(live);
	return r ? r : txn_free_blocks(&live->txn) >= need;
}

static uint64_t for_mark(uint64_t nr_blocks)
{
	return array_max_shadows(BLOCK_BITSET, bits_words(nr_blocks), 1);
}

static uint64_t for_bitset(uint64_t nr_blocks)
{
	return array_max_blocks(BLOCK_BITSET, bits_words(nr_blocks));
}

/* An entry more in the writeset tree, or one less: a leaf that is root, or two levels, for 25,000
 * writesets and more, which are copied and split, and get a root. */
#define TREE_BLOCKS 5u

static int find_for_tree(struct era_live *live, uint64_t *nr)
{
	struct blk_ro root;
	int r = txn_read(&live->txn, live->sb.writeset_tree_root, BLOCK_WRITESET_NODE, &root);

	if (r)
		return r;
	*nr = node_is_leaf(root.data) && node_nr(root.data) + 1 < node_max(root.data) ? 1
										      : TREE_BLOCKS;
	return 0;
}

/* for_tree: what find_for_tree() found. */
static uint64_t for_digestion(uint64_t nr_blocks, uint32_t nr, uint64_t for_tree)
{
	return array_max_shadows(BLOCK_ERA, nr_blocks, nr) + for_tree;
}

/* What the kernel's target needs to resume what a crash leaves, and to go on: it begins an era,
 * and may digest into the whole array and change the whole bitset before its next commit.  When
 * its resume finds no room, a machine may well go down with it. */
#define KERNEL_PATHS 12u

static uint64_t for_kernel(uint64_t nr_blocks)
{
	return array_max_blocks(BLOCK_ERA, nr_blocks) + 2 * for_bitset(nr_blocks) + KERNEL_PATHS;
}

/* What marks and digestion need at any time; each gives it back before the other has to have it. */
static uint64_t for_others(uint64_t nr_blocks, uint64_t for_tree)
{
	return max_u64(for_mark(nr_blocks), for_digestion(nr_blocks, 1, for_tree));
}

static uint64_t for_resize(uint64_t old_nr, uint64_t new_nr)
{
	uint64_t path = array_max_shadows(BLOCK_ERA, old_nr, 1);
	uint64_t old_blocks = div_up(old_nr, array_per_block(BLOCK_ERA)) + 1; /* and the root */

	if (new_nr <= old_nr)
		return new_nr < old_nr ? 2 * path : 0;
	return path + array_max_blocks(BLOCK_ERA, new_nr) - old_blocks;
}

static uint64_t nr_shared(const struct era_live *live)
{
	uint64_t since = live->txn.nr_unshared - live->shared.at;

	return live->shared.nr > since ? live->shared.nr - since : 0;
}

static int count(struct era_live *live, bool is_shared, uint64_t *nr)
{
	const struct superblock *sb = &live->sb;
	int r;

	*nr = 0;
	r = txn_count_shared(&live->txn, sb->writeset_tree_root, BLOCK_WRITESET_NODE, is_shared,
			     nr);
	return r ? r
		 : txn_count_shared(&live->txn, sb->era_array_root, BLOCK_ERA_NODE, is_shared, nr);
}

int era_live_count_shared(struct era_live *live)
{
	uint64_t nr = 0;
	int r = live->sb.metadata_snap ? count(live, false, &nr) : 0;

	live->shared = (struct era_shared){.nr = nr, .at = live->txn.nr_unshared};
	return r;
}

int era_live_can_mark(struct era_live *live)
{
	return find_free_blocks(live, for_mark(live->sb.nr_blocks));
}

int era_live_can_digest(struct era_live *live, uint32_t *nr)
{
	uint64_t nr_blocks = live->sb.nr_blocks, for_tree;
	int r = find_for_tree(live, &for_tree);

	if (!r)
		r = find_free_blocks(live, for_digestion(nr_blocks, *nr, for_tree));
	while (!r && (*nr /= 2))
		r = for_digestion(nr_blocks, *nr, for_tree) <= txn_free_blocks(&live->txn);
	return r;
}

/* Is anything left to be digested? */
static int is_pending(struct era_live *live)
{
	struct live_writeset ws;

	return live_next_writeset(live, 0, &ws);
}

/* Finds `need` free blocks, and for the kernel; or without it when digestion can't help. */
static int find_for_all(struct era_live *live, uint64_t need, uint64_t for_tree)
{
	uint64_t nr_blocks = live->sb.nr_blocks;
	int r = find_free_blocks(live, need + for_kernel(nr_blocks));

	if (r)
		return r;
	r = is_pending(live);
	if (r)
		return r < 0 ? r : 0;
	return find_free_blocks(live, need + for_others(nr_blocks, for_tree));
}

static int to_roll_over(struct era_live *live)
{
	uint64_t for_tree;
	int r = find_for_tree(live, &for_tree);

	if (r)
		return r;
	return find_for_all(live, for_bitset(live->sb.nr_blocks) + for_tree + nr_shared(live),
			    for_tree);
}

/* Is more than half of the metadata in use, and would less be if all were digested? */
static int is_crowded(struct era_live *live)
{
	if (live->txn.counts.nr_allocated <= live->txn.counts.nr_blocks / 2)
		return 0;
	return is_pending(live);
}

/* A snapshot is a block itself, and holds all that is live.  Digestion does not give back the
 * writesets among it, so there must be room for another rollover; and not so many may be among it
 * that the origin cannot grow while it is held. */
static int to_take_snapshot(struct era_live *live)
{
	uint64_t shared, for_tree;
	int r = is_crowded(live);

	if (r)
		return r < 0 ? r : 0;
	r = count(live, true, &shared);
	if (!r)
		r = find_for_tree(live, &for_tree);
	if (r)
		return r;
	return find_for_all(live, 2 * (for_bitset(live->sb.nr_blocks) + for_tree) + shared + 1,
			    for_tree);
}

/* The number of shared blocks may be too high, but never too low, so they are counted again before
 * anything is refused because of it. */
int era_live_can_roll_over(struct era_live *live, bool with_snapshot)
{
	int r = with_snapshot ? to_take_snapshot(live) : to_roll_over(live);

	if (r || with_snapshot || !nr_shared(live))
		return r;
	r = era_live_count_shared(live);
	return r ? r : to_roll_over(live);
}

uint64_t era_live_spare_blocks(const struct era_live *live)
{
	uint64_t nr_blocks = live->sb.nr_blocks;
	uint64_t need =
		for_bitset(nr_blocks) + TREE_BLOCKS + for_kernel(nr_blocks) + nr_shared(live);
	uint64_t nr_free = txn_free_blocks(&live->txn) + txn_blocks_to_come(&live->txn);

	return nr_free > need ? nr_free - need : 0;
}

int era_live_can_archive(struct era_live *live)
{
	uint64_t for_tree;
	int r = find_for_tree(live, &for_tree);

	return r ? r : find_free_blocks(live, for_tree);
}

int era_live_can_resume(struct era_live *live, uint64_t nr_blocks, bool is_least)
{
	uint64_t for_tree, need;
	int r = find_for_tree(live, &for_tree);

	if (r)
		return r;
	need = for_resize(live->sb.nr_blocks, nr_blocks) + for_bitset(nr_blocks);
	if (is_least)
		return find_free_blocks(live, need + for_others(nr_blocks, for_tree));
	return find_free_blocks(live, need + for_kernel(nr_blocks) + nr_shared(live));
}
