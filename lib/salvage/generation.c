/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The superblock is the only block that isn't copied before it is written, and the only one whose
 * pointers are nowhere else.  But the space map counts them: in a whole generation every block
 * that is in use has as many references as there are pointers to it in the others, and those with
 * one more are exactly the ones that the superblock pointed to.  Which root is which, their trees
 * tell: there is one of each kind.  The kernel never needs a count above 2, so a ref-count tree
 * that isn't empty is not believed.
 *
 * One block besides may have been destroyed, the scan's hole.  As a block of an array, or as the
 * root of the ref-count tree, it has no pointers, so all still adds up and only what it held is
 * lost.  As the index, the bitmap is found without it.  As anything else it leaves blocks that
 * nothing points to.
 */
#include "salvage/generation_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/node.h"
#include "pdata/walk.h"

struct finder {
	struct generations *all;
	struct scan *scan;
	struct generation g;
	struct superblock clone;
};

static uint64_t leftmost_leaf(const struct scan *scan, uint64_t block)
{
	for (unsigned depth = 0; depth < BTREE_MAX_DEPTH && scan->blocks[block].type == SCAN_NODE;
	     depth++)
		block = scan_children(scan, block)[0];
	return block;
}

static bool set_root(uint64_t *root, uint64_t block)
{
	if (*root)
		return false;
	*root = block;
	return true;
}

/* The first child of a leaf that isn't the hole, or 0. */
static uint64_t known_child(const struct scan *scan, uint64_t leaf)
{
	const uint32_t *children = scan_children(scan, leaf);

	for (uint32_t i = 0; i < scan->blocks[leaf].nr; i++)
		if (!scan->hole || children[i] != scan->hole)
			return children[i];
	return 0;
}

static bool set_array_root(struct finder *f, uint64_t block, uint64_t leaf)
{
	const struct scan *scan = f->scan;
	struct superblock *sb = &f->g.sb;
	uint64_t child = known_child(scan, leaf);

	if (!child)
		return !scan->blocks[leaf].nr &&
		       set_root(sb->era_array_root ? &sb->current_root : &sb->era_array_root,
				block);
	return set_root(scan->blocks[child].type == SCAN_ERAS ? &sb->era_array_root
							      : &sb->current_root,
			block);
}

/* As a root the hole is the index, if that is looked for, or else that of the ref-count tree, if
 * there is no other one.  Any other root would leave what it pointed to among the roots, too. */
static bool set_hole_root(struct finder *f)
{
	return f->g.sb.sm.index == f->scan->hole || set_root(&f->g.sb.sm.ref_tree, f->scan->hole);
}

/* What the superblock pointed to. */
static bool set_any_root(struct finder *f, uint64_t block)
{
	uint64_t leaf = leftmost_leaf(f->scan, block);

	if (block == f->scan->hole)
		return set_hole_root(f);
	switch ((enum scan_type)f->scan->blocks[leaf].type) {
	case SCAN_INDEX:
		return true;
	case SCAN_SUPERBLOCK:
		return block == f->g.sb.metadata_snap;
	case SCAN_REF_LEAF:
		return set_root(&f->g.sb.sm.ref_tree, block);
	case SCAN_WRITESETS:
		return set_root(&f->g.sb.writeset_tree_root, block);
	case SCAN_ARRAY_LEAF:
		return set_array_root(f, block, leaf);
	case SCAN_DAMAGED:
	case SCAN_ZERO:
	case SCAN_BITMAP:
	case SCAN_NODE:
	case SCAN_ERAS:
	case SCAN_BITS:
		break;
	}
	return false;
}

static bool is_root(const struct replay *replay, uint64_t block)
{
	for (unsigned i = 0; i < replay->nr_roots; i++)
		if (replay->roots[i] == block)
			return true;
	return false;
}

static bool set_roots(struct finder *f)
{
	const struct replay *replay = &f->all->replay;
	struct superblock *sb = &f->g.sb;
	struct problem p;

	sb->sm.nr_blocks = min_u64(f->scan->limit, replay->nr_bitmaps * BITMAP_ENTRIES);
	sb->sm.nr_allocated = replay->nr_allocated;
	sb->metadata_snap = replay->clone;
	if (sb->metadata_snap &&
	    superblock_read(f->scan->dev, sb->metadata_snap, BLOCK_SNAPSHOT, &f->clone, &p))
		return false;
	sb->data_block_size = f->clone.data_block_size;
	for (unsigned i = 0; i < replay->nr_roots; i++)
		if (!set_any_root(f, replay->roots[i]))
			return false;
	return is_root(replay, sb->sm.index) && sb->sm.ref_tree && sb->writeset_tree_root &&
	       sb->era_array_root && (!sb->metadata_snap || is_root(replay, sb->metadata_snap));
}

/* Adds a block of an array; all but the last are full.  False when it isn't. */
static bool extend(struct extent *extent, const struct scan *scan, uint32_t block, uint64_t place,
		   uint32_t per_block)
{
	const struct scan_block *b = &scan->blocks[block];
	uint32_t entries = block == scan->hole ? per_block : b->nr;

	if (!entries || extent->length != place * per_block)
		return false;
	extent->length += entries;
	if (block == scan->hole) {
		extent->sum++;
		extent->spare = per_block - 1;
		return true;
	}
	extent->spare = 0;
	extent->sum += b->value;
	extent->max = b->value > extent->max ? b->value : extent->max;
	return true;
}

static bool may_have_length(const struct extent *extent, uint64_t length)
{
	return length <= extent->length && length + extent->spare >= extent->length;
}

/* 1, 0 when it is no array of that type, or ERA_SYS. */
static int measure(struct scan *scan, uint64_t root, enum scan_type type, struct extent *extent)
{
	uint32_t per_block =
		ARRAY_MAX_ENTRIES(type == SCAN_ERAS ? ERA_VALUE_SIZE : WORD_VALUE_SIZE);
	uint64_t nr;
	uint32_t *list = scan_array(scan, root, type, &nr);
	bool is_one = true;

	*extent = (struct extent){.length = 0};
	if (!list)
		return nr ? ERA_SYS : scan_is_empty_array(scan, root);
	for (uint64_t i = 0; i < nr && is_one; i++)
		is_one = extend(extent, scan, list[i], i, per_block);
	free(list);
	return is_one && extent->length - extent->spare <= ERA_MAX_BLOCKS;
}

/* The same of an era array, which few commits change. */
static int measure_eras(struct scan *scan, uint64_t root, struct known_array *known)
{
	int r;

	if (known->root == root)
		return 1;
	known->root = 0;
	r = measure(scan, root, SCAN_ERAS, &known->extent);
	if (r > 0)
		known->root = root;
	return r;
}

static int find_nr_blocks(struct finder *f)
{
	const struct extent *extent = &f->all->eras.extent;
	int r = measure_eras(f->scan, f->g.sb.era_array_root, &f->all->eras);
	uint64_t length = extent->spare ? f->all->nr_blocks : extent->length;

	if (r <= 0 || !may_have_length(extent, length))
		return r < 0 ? r : 0;
	f->g.sb.nr_blocks = (uint32_t)length;
	f->g.max_era = extent->max;
	f->g.told_era = extent->max;
	return 1;
}

/* The current writeset has nr_blocks bits, unless the device was resized and then crashed.  Then
 * there is an array of the other size, too. */
static int find_current(struct finder *f)
{
	struct superblock *sb = &f->g.sb;
	struct extent extent;
	int r;

	if (!sb->current_root)
		return 1;
	r = measure(f->scan, sb->current_root, SCAN_BITS, &extent);
	if (r <= 0)
		return r;
	f->g.nr_set = extent.sum;
	if (may_have_length(&extent, bits_words(sb->nr_blocks))) {
		sb->current_nr_bits = sb->nr_blocks;
		return 1;
	}
	sb->current_nr_bits = (uint32_t)min_u64(extent.length * BITS_PER_WORD, ERA_MAX_BLOCKS);
	return f->scan->resized && !extent.spare && extent.length <= bits_words(ERA_MAX_BLOCKS);
}

/* Sets *known to what there is in a tree of writesets, and the root to 0 when it is none. */
static int measure_writesets(struct scan *scan, uint64_t root, struct known_writesets *known)
{
	struct scan_writesets ws;
	struct extent extent;
	uint32_t told = 0;
	int r;

	if (known->root == root)
		return 1;
	*known = (struct known_writesets){.root = 0};
	r = scan_writesets(scan, root, &ws);
	if (r <= 0)
		return r;
	for (uint64_t i = 0; i < ws.nr && r > 0; i++) {
		r = measure(scan, ws.list[i].root, SCAN_BITS, &extent);
		if (r > 0)
			r = may_have_length(&extent, bits_words(ws.list[i].nr_bits));
		if (r > 0 && (extent.sum || scan->hole))
			told = ws.list[i].era;
	}
	if (r > 0)
		*known = (struct known_writesets){root, ws.nr, ws.nr ? ws.list[ws.nr - 1].era : 0,
						  told};
	free(ws.list);
	return r;
}

static int find_writesets(struct finder *f)
{
	struct known_writesets *known = &f->all->writesets;
	int r = measure_writesets(f->scan, f->g.sb.writeset_tree_root, known);

	f->g.nr_writesets = known->nr;
	f->g.max_era = known->newest > f->g.max_era ? known->newest : f->g.max_era;
	f->g.told_era = known->told > f->g.told_era ? known->told : f->g.told_era;
	return r;
}

/* The trees of the snapshot may have parts of their own that were overwritten. */
static int find_snapshot(struct finder *f)
{
	struct known_array *eras = &f->all->snap_eras;
	int r;

	if (!f->g.sb.metadata_snap)
		return 1;
	f->g.snap_era = f->clone.current_era;
	r = measure_eras(f->scan, f->clone.era_array_root, eras);
	if (r > 0)
		r = may_have_length(&eras->extent, f->clone.nr_blocks);
	return r > 0 ? measure_writesets(f->scan, f->clone.writeset_tree_root,
					 &f->all->snap_writesets)
		     : r;
}

static int find_all(struct finder *f)
{
	int r = set_roots(f);

	if (r > 0)
		r = find_nr_blocks(f);
	if (r > 0)
		r = find_current(f);
	if (r > 0)
		r = find_writesets(f);
	return r > 0 ? find_snapshot(f) : r;
}

/* Of the space map that was replayed. */
static int find_whole(struct generations *all, uint64_t index, struct generation *g)
{
	struct finder f = {
		.all = all,
		.scan = all->scan,
		.g = {.sb = {.sm = {.index = index}}},
	};
	int r = find_all(&f);

	if (r < 0)
		return r;
	if (!r)
		return all->replay.nr_holes ? GENERATION_UNCLEAR : GENERATION_NONE;
	*g = f.g;
	return GENERATION_FOUND;
}

/* verdict: the replay's of its space map. */
static int find(struct generations *all, uint64_t index, enum replay_verdict verdict,
		struct generation *g)
{
	switch (verdict) {
	case REPLAY_WRONG:
		return GENERATION_NONE;
	case REPLAY_UNCLEAR:
		return GENERATION_UNCLEAR;
	case REPLAY_ADDS_UP:
		break;
	}
	return find_whole(all, index, g);
}

uint64_t generation_lowest_era(const struct generation *g)
{
	uint64_t era = g->max_era + (uint64_t)(g->sb.current_root != 0);

	return era > g->snap_era ? era : g->snap_era;
}

int generations_open(struct generations *all, struct scan *scan)
{
	*all = (struct generations){.scan = scan};
	return replay_open(&all->replay, scan);
}

void generations_close(struct generations *all)
{
	replay_close(&all->replay);
}

int generation_find(struct generations *all, uint64_t index, struct generation *g)
{
	enum replay_verdict verdict;
	int r = replay_turn_to(&all->replay, index, &verdict);

	return r ? r : find(all, index, verdict, g);
}

int generation_find_by_bitmap(struct generations *all, uint64_t bitmap, struct generation *g)
{
	enum replay_verdict verdict;
	int r = replay_turn_to_bitmap(&all->replay, bitmap, &verdict);

	return r ? r : find(all, all->scan->hole, verdict, g);
}

typedef int find_fn(struct generations *all, uint64_t block, struct generation *g);

static int visit_type(struct generations *all, enum scan_type type, find_fn *find_by,
		      generation_visitor *visit, void *ctx)
{
	struct scan *scan = all->scan;
	int r = 0;

	for (uint64_t block = 1; block < scan->end && !r; block++) {
		struct generation g;

		if (scan->blocks[block].type != type)
			continue;
		r = scan_is_exhausted(scan) ? GENERATION_NOT_TRIED : find_by(all, block, &g);
		if (r > 0)
			r = visit(ctx, (enum generation_verdict)r, &g);
	}
	return r;
}

int generations_visit(struct generations *all, generation_visitor *visit, void *ctx)
{
	int r = visit_type(all, SCAN_INDEX, generation_find, visit, ctx);

	if (!r && all->scan->hole)
		r = visit_type(all, SCAN_BITMAP, generation_find_by_bitmap, visit, ctx);
	return r;
}
