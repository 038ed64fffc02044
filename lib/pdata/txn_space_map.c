/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The space map describes its own blocks, which are shadowed like all others, so writing it
 * changes it.  Between two commits it is only in memory (counts.h).  A commit shadows the bitmaps
 * that have changed, until no other has changed by that; only then the counts are written into
 * them.  There are at most 255 bitmaps, and each is shadowed once, so it comes to an end.
 *
 * The index comes last, as the kernel has it, so that where a commit ends can be told without a
 * superblock (salvage/salvage).  A bitmap follows it only if the index itself is the first block of
 * what that one stands for that changes.
 *
 * So many blocks are kept back from everybody else that a commit never lacks room.
 */
#include "pdata/txn_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "pdata/btree.h"
#include "pdata/btree_edit.h"
#include "pdata/space_map_read.h"

/* For the path of an entry of the ref-count tree and what splits of it. */
#define TREE_BLOCKS 8u

uint64_t txn_kept_back(const struct txn *txn)
{
	return counts_nr_bitmaps(&txn->counts) + 1 + (txn->counts.nr_large ? TREE_BLOCKS : 0);
}

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	(void)ctx;
	(void)pointer;
	(void)p;
	return WALK_READ;
}

static int on_problem(void *ctx, const struct problem *p)
{
	struct problem problem = *p;

	return txn_problem(ctx, &problem, p->where);
}

struct loading {
	struct txn *txn;
	uint64_t nr_tree_counts;
};

static int on_part(void *ctx, const struct space_map_part *part)
{
	struct txn *txn = ((struct loading *)ctx)->txn;

	txn->bitmaps[part->number] = le64_get(part->entry->blocknr);
	for (uint32_t e = 0; e < part->nr_blocks; e++)
		counts_load(&txn->counts, part->first + e, bitmap_get_count(part->bitmap, e));
	return 0;
}

static int on_tree_count(void *ctx, uint64_t leaf, uint64_t block, uint32_t count)
{
	struct loading *loading = ctx;
	struct txn *txn = loading->txn;
	struct problem p;

	if (block >= txn->sm.nr_blocks || counts_get(&txn->counts, block) != BITMAP_LOOK_IN_TREE) {
		problem_set(&p, PROBLEM_REF_TREE_STRAY, leaf, block, 0);
	} else if (count < BITMAP_LOOK_IN_TREE || count > COUNTS_MAX) {
		problem_set(&p, PROBLEM_REF_TREE_VALUE, leaf, count, BITMAP_LOOK_IN_TREE);
	} else {
		loading->nr_tree_counts++;
		counts_load(&txn->counts, block, count);
		return 0;
	}
	return txn_problem(txn, &p, "ref-count tree");
}

static int read_space_map(struct txn *txn)
{
	struct loading loading = {.txn = txn};
	const struct space_map_reader reader = {&loading, NULL, on_part, on_tree_count};
	struct walk walk = {txn->dev, txn->sm.nr_blocks, txn, on_pointer, on_problem};
	struct problem p;
	bool complete;
	int r = space_map_read(&walk, &txn->sm, &reader, &complete);

	if (r || loading.nr_tree_counts == txn->counts.nr_large)
		return r;
	problem_set(&p, PROBLEM_REF_TREE_MISSING, txn->sm.ref_tree, loading.nr_tree_counts,
		    txn->counts.nr_large);
	return txn_problem(txn, &p, "ref-count tree");
}

/* The superblock's figures against the device and the bitmaps. */
static int check_size(struct txn *txn, struct problem *p)
{
	int r = space_map_check_size(&txn->sm, p);

	if (r || txn->sm.nr_blocks <= txn->dev->nr_blocks)
		return r;
	problem_set(p, PROBLEM_SM_DEVICE, 0, txn->dev->nr_blocks, txn->sm.nr_blocks);
	return ERA_DAMAGED;
}

int txn_load_space_map(struct txn *txn)
{
	struct problem p;
	int r = check_size(txn, &p);

	if (r)
		return txn_problem(txn, &p, "space map");
	r = counts_open(&txn->counts, txn->sm.nr_blocks, txn->dev->rep);
	if (!r)
		r = read_space_map(txn);
	if (r || txn->counts.nr_allocated == txn->sm.nr_allocated)
		return r;
	problem_set(&p, PROBLEM_NR_ALLOCATED, 0, txn->sm.nr_allocated, txn->counts.nr_allocated);
	return txn_problem(txn, &p, "superblock, space map");
}

/* Changes one count in the ref-count tree, if it must be changed. */
static int update_count(struct txn *txn, uint64_t block, uint32_t count)
{
	struct le32 value = le32_make(count);
	int r;

	if (count >= BITMAP_LOOK_IN_TREE)
		return btree_insert(txn, BLOCK_REF_NODE, &txn->sm.ref_tree, block, &value);
	r = btree_remove(txn, BLOCK_REF_NODE, &txn->sm.ref_tree, block);
	return r < 0 ? r : 0;
}

/* old: what the bitmap said at the last commit. */
static int update_tree(struct txn *txn, uint64_t i, const struct bitmap_disk *old)
{
	uint64_t first = i * BITMAP_ENTRIES;
	uint32_t nr = (uint32_t)min_u64(BITMAP_ENTRIES, txn->counts.nr_blocks - first);
	int r = 0;

	for (uint32_t e = 0; e < nr && !r; e++) {
		uint32_t count = counts_get(&txn->counts, first + e);

		if (count >= BITMAP_LOOK_IN_TREE || bitmap_get_count(old, e) == BITMAP_LOOK_IN_TREE)
			r = update_count(txn, first + e, count);
	}
	return r;
}

/* The shadow still has the old bitmap when the tree is updated by it. */
static int shadow_bitmap(struct txn *txn, uint64_t i, bool with_tree)
{
	struct blk_rw blk;
	int r = txn_shadow(txn, txn->bitmaps[i], BLOCK_BITMAP, &blk);

	if (r)
		return r;
	txn->bitmaps[i] = blk.nr;
	return with_tree ? update_tree(txn, i, blk.data) : 0;
}

static int shadow_bitmaps(struct txn *txn, uint64_t *shadowed, bool with_tree)
{
	uint64_t nr_bitmaps = counts_nr_bitmaps(&txn->counts);
	bool more = true;
	int r = 0;

	while (more && !r) {
		more = false;
		for (uint64_t i = 0; i < nr_bitmaps && !r; i++) {
			if (!bits_test(txn->counts.changed, i) || bits_test(shadowed, i))
				continue;
			bits_set(shadowed, i);
			r = shadow_bitmap(txn, i, with_tree);
			more = true;
		}
	}
	return r;
}

static int fill(struct txn *txn, const uint64_t *shadowed, struct index_disk *index)
{
	uint64_t nr_bitmaps = counts_nr_bitmaps(&txn->counts);

	for (uint64_t i = 0; i < nr_bitmaps; i++) {
		struct blk_rw blk;
		int r;

		if (!bits_test(shadowed, i))
			continue;
		r = txn_shadow(txn, txn->bitmaps[i], BLOCK_BITMAP, &blk);
		if (r)
			return r;
		index->entry[i].blocknr = le64_make(blk.nr);
		counts_encode(&txn->counts, i, blk.data, &index->entry[i]);
	}
	return 0;
}

/* A tree that had entries at the last commit has a root of more than an empty leaf. */
static int tree_has_entries(struct txn *txn)
{
	struct le32 count;
	uint64_t block = 0;

	return btree_next(txn, BLOCK_REF_NODE, txn->sm.ref_tree, &block, &count);
}

int txn_store_space_map(struct txn *txn)
{
	uint64_t shadowed[ARRAY_SIZE(txn->counts.changed)] = {0};
	int with_tree = tree_has_entries(txn);
	struct blk_rw index;
	int r = with_tree < 0 ? with_tree : 0;

	bits_set(txn->counts.changed, txn->sm.index / BITMAP_ENTRIES);
	if (!r)
		r = shadow_bitmaps(txn, shadowed, with_tree || txn->counts.nr_large);
	if (!r)
		r = txn_shadow(txn, txn->sm.index, BLOCK_INDEX, &index);
	if (!r)
		r = shadow_bitmaps(txn, shadowed, with_tree || txn->counts.nr_large);
	if (!r)
		r = fill(txn, shadowed, index.data);
	if (r)
		return r;
	txn->sm.index = index.nr;
	txn->sm.nr_allocated = txn->counts.nr_allocated;
	return 0;
}
