/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A superblock that is sound in itself, and of whose space map nothing is known, or not enough.
 * Its trees are the newest state when a space map on the device, wherever it lies, recomputes with
 * just these trees; when they say no less than all others that recompute; and when none is left
 * that may be newer.  So no block may be destroyed that may have been its bitmap, or any but one.
 */
#include "salvage/salvage_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "metadata/map.h"
#include "ondisk/era_disk.h"

struct vouching {
	struct era_salvage s;
	const struct superblock *sb;
	uint32_t told_era; /* of the generation with its trees */
	bool found, denied;
	int (*look)(struct vouching *v, const struct generation *g); /* 0, or ERA_SYS */
};

struct generation salvage_generation_of(const struct superblock *sb)
{
	return (struct generation){.sb = *sb,
				   .max_era = UINT32_MAX,
				   .nr_set = sb->current_root != 0};
}

bool salvage_has_trees_of(const struct superblock *sb, const struct superblock *other)
{
	return sb->writeset_tree_root == other->writeset_tree_root &&
	       sb->era_array_root == other->era_array_root &&
	       sb->current_root == other->current_root;
}

/* Is this generation, which is whole, the one with the superblock's trees? */
static int look_for_ours(struct vouching *v, const struct generation *g)
{
	salvage_mark_whole(&v->s);
	if (v->sb->current_era < generation_lowest_era(g)) {
		v->denied = true;
	} else if (salvage_has_trees_of(v->sb, &g->sb)) {
		v->found = true;
		v->told_era = g->told_era;
	}
	return 0;
}

/* What is newer knows no earlier era. */
static int look_for_newer(struct vouching *v, const struct generation *g)
{
	struct generation ours = salvage_generation_of(v->sb);
	int r;

	if (g->max_era < v->told_era || salvage_has_trees_of(v->sb, &g->sb))
		return 0;
	r = generation_compare(&v->s.scan, g, &ours);
	v->denied |= !r;
	return r < 0 ? r : 0;
}

static int on_generation(void *ctx, enum generation_verdict verdict, const struct generation *g)
{
	struct vouching *v = ctx;
	int r = 0;

	if (verdict == GENERATION_FOUND)
		r = v->look(v, g);
	v->denied |= verdict == GENERATION_NOT_TRIED;
	return r ? r : v->denied;
}

static int look_at_all(struct vouching *v,
		       int (*look)(struct vouching *v, const struct generation *g))
{
	int r;

	v->look = look;
	r = generations_visit(&v->s.generations, on_generation, v);
	return r < 0 ? r : 0;
}

static bool is_on_device(const struct scan *scan, const struct superblock *sb)
{
	return sb->writeset_tree_root < scan->limit && sb->era_array_root < scan->limit &&
	       sb->current_root < scan->limit;
}

static int take_eras(void *ctx, const struct era_chunk *chunk)
{
	const struct salvage_answer *answer = ctx;

	memcpy(answer->eras + chunk->first, chunk->eras, chunk->nr * sizeof(*answer->eras));
	return 0;
}

/* The eras as a view of the trees has them.  Any error: they can't be read. */
static int read_answer(struct vouching *v, struct salvage_answer *answer)
{
	struct era_view *view;
	int r = era_view_open_as(&view, &v->s.dev, v->sb, 0);

	if (r)
		return r;
	r = era_map_read(view, take_eras, answer);
	era_view_close(view);
	return r;
}

static int is_unchallenged(struct vouching *v)
{
	struct salvage_answer answer;
	int r = salvage_answer_open(&answer, &v->s.scan, v->sb->nr_blocks, v->sb->current_era,
				    v->told_era);

	answer.has_superblock = true;
	if (!r && (!answer.eras || !read_answer(v, &answer)))
		r = salvage_is_unchallenged(&v->s.scan, v->s.whole, &answer);
	salvage_answer_close(&answer);
	return r;
}

static bool is_destroyed(const struct scan *scan, uint64_t block)
{
	return block && block < scan->limit &&
	       (scan->blocks[block].type == SCAN_DAMAGED || scan->blocks[block].type == SCAN_ZERO);
}

/* Does its index lead to a bitmap that is destroyed?  That may have been of other trees than those
 * that the superblock names. */
static bool has_lost_bitmap(struct scan *scan, const struct superblock *sb)
{
	struct index_disk *index = blk_alloc(1);
	bool is_lost = !index;

	if (index && sb->sm.index < scan->limit && scan->blocks[sb->sm.index].type == SCAN_INDEX &&
	    !scan_read(scan, sb->sm.index, index))
		for (unsigned i = 0; i < INDEX_MAX_ENTRIES && !is_lost; i++)
			is_lost = is_destroyed(scan, le64_get(index->entry[i].blocknr));
	free(index);
	return is_lost;
}

/* Besides the hole, which may lie in the zeroes at the end. */
static bool has_other_holes(const struct scan *scan)
{
	return scan->nr_holes > (scan->hole && scan->hole < scan->end);
}

static int vouch(struct vouching *v)
{
	struct scan *scan = &v->s.scan;
	int r;

	if (!is_on_device(scan, v->sb) || has_other_holes(scan) || has_lost_bitmap(scan, v->sb))
		return 0;
	v->s.generations.nr_blocks = v->sb->nr_blocks;
	r = look_at_all(v, look_for_ours);
	if (!r && v->found)
		r = look_at_all(v, look_for_newer);
	if (r || !v->found || v->denied)
		return r;
	return is_unchallenged(v);
}

int salvage_vouches(struct blk_dev *dev, const struct superblock *sb, uint64_t destroyed)
{
	const struct report errors = report_only_errors(dev->rep);
	struct vouching v = {.s = {.dev = *dev}, .sb = sb};
	int r;

	v.s.dev.rep = &errors;
	r = scan_open(&v.s.scan, &v.s.dev);
	if (!r)
		r = generations_open(&v.s.generations, &v.s.scan);
	if (!r)
		r = salvage_open_whole(&v.s);
	if (!r) {
		v.s.scan.hole = v.s.scan.limit <= BITMAP_ENTRIES ? destroyed : 0;
		r = vouch(&v);
	}
	salvage_close_whole(&v.s);
	generations_close(&v.s.generations);
	scan_close(&v.s.scan);
	return r;
}
