/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The newest generation was whole when its superblock was written, and what the kernel wrote after
 * that, before the next superblock, went to blocks that were free.  So when nothing but block 0 is
 * damaged, the newest generation is among those that generation_find() finds.  Those that another
 * one supersedes are not it.  Of the others it is one that no other one covers, or one that says as
 * much is: the highest era of all these is right, or too high.
 *
 * "Nothing but block 0 is damaged" is therefore the question.  A block of no type may have been the
 * newest index.  A block of zeroes may have been, too: but the kernel fills a device from its
 * start, so behind the last block that it wrote all is zero, and before that nothing; and the last
 * block of a commit is its index, or a bitmap that has changed only because the index came to lie,
 * or lay before, where it stands for.  Zeroes that break this rule, or that a space map on the
 * device knows to be in use, or to hold a bitmap, were not always zero.  Then nothing is proven,
 * and every block counts as written.
 *
 * With one exception, a single block of no type, or zero before others that are not: the hole.
 * Whatever it was, all else of the newest generation is there.  If it was the index, some bitmap
 * shows it, where the device is small enough for only one; if it was in use as something else, the
 * index is there, and leads to the hole itself or to a bitmap that knows it.  So the newest
 * generation is among those found with a hole in them, or there is one of which can't be told what
 * the hole was in it.
 *
 * What this can't see: that zeroes begin just behind an older commit, with nothing left of what
 * came later.  Such a device is the same, byte for byte, as one on which the later commits never
 * were.
 */
#include "salvage/salvage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/grow.h"
#include "check/check.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map.h"
#include "salvage/salvage_internal.h"

#define MAX_FOUND 32u

/* Generations compared with each one: those next to it in age, by what one can tell. */
#define NEIGHBOURS 8u

static bool zeroes_are_in_use(struct scan *scan, uint64_t bitmap, uint64_t first, void *data)
{
	uint64_t skip;

	if (blk_dev_read(scan->dev, bitmap, 1, data))
		return true;
	skip = scan->end > first ? scan->end - first : 0;
	return bitmap_next_used(data, (uint32_t)min_u64(skip, BITMAP_ENTRIES)) < BITMAP_ENTRIES;
}

/* A bitmap that an index puts there; last[i] is the one that was looked at last in place i. */
static bool index_uses_zeroes(struct scan *scan, const struct index_disk *index, uint64_t *last,
			      void *data)
{
	for (uint64_t i = 0; i < INDEX_MAX_ENTRIES; i++) {
		uint64_t bitmap = le64_get(index->entry[i].blocknr);

		if (bitmap >= scan->end)
			return true;
		if (i < scan->end / BITMAP_ENTRIES || bitmap == last[i] ||
		    scan->blocks[bitmap].type != SCAN_BITMAP)
			continue;
		last[i] = bitmap;
		if (zeroes_are_in_use(scan, bitmap, i * BITMAP_ENTRIES, data))
			return true;
	}
	return false;
}

/* Bitmaps that stand for blocks behind the last one that isn't zero, or lie there.  On a small
 * device each one may stand for them; on a larger one those that an index puts there. */
static bool any_zeroes_are_in_use(struct scan *scan, void *data, struct index_disk *index)
{
	bool is_small = scan->limit <= BITMAP_ENTRIES;
	uint64_t last[INDEX_MAX_ENTRIES] = {0};

	for (uint64_t block = 1; block < scan->end; block++) {
		if (is_small && scan->blocks[block].type == SCAN_BITMAP &&
		    zeroes_are_in_use(scan, block, 0, data))
			return true;
		if (scan->blocks[block].type != SCAN_INDEX)
			continue;
		if (blk_dev_read(scan->dev, block, 1, index) ||
		    index_uses_zeroes(scan, index, last, data))
			return true;
	}
	return false;
}

/* 0 when a block besides the hole may have been the newest generation's and isn't any more
 * (noted), 1, or ERA_SYS. */
static int is_all_there(struct era_salvage *s)
{
	struct scan *scan = &s->scan;
	const struct report *rep = s->dev.rep;
	void *data = blk_alloc(1);
	void *index = blk_alloc(1);
	int r = 0;

	if (!data || !index)
		r = report_nomem(rep);
	else if (scan->nr_holes > (scan->hole != 0))
		report_note(rep,
			    "%s: %" PRIu64
			    " blocks besides the superblock are damaged, or zero before others "
			    "that are not, the first is %" PRIu64 ": what they held is not known",
			    s->dev.path, scan->nr_holes, scan->first_hole);
	else if (any_zeroes_are_in_use(scan, data, index))
		report_note(rep,
			    "%s: blocks that were in use are zero, or past the end of the device",
			    s->dev.path);
	else
		r = 1;
	free(data);
	free(index);
	return r;
}

static int add(struct era_salvage *s, const struct generation *g)
{
	struct generation *grown =
		grow_array(s->found, s->nr_found + 1, &s->capacity, sizeof(*grown));

	if (!grown)
		return report_nomem(s->dev.rep);
	s->found = grown;
	s->found[s->nr_found++] = *g;
	return 0;
}

/* Then nothing is proven: what wasn't looked at may be newer (noted). */
static bool is_too_much(struct era_salvage *s)
{
	if (!scan_is_exhausted(&s->scan))
		return false;
	report_note(s->dev.rep, "%s: %" PRIu64 " space maps are too many to look at", s->dev.path,
		    s->scan.nr_of_type[SCAN_INDEX]);
	s->nr_found = 0;
	return true;
}

/* What was formatted and never resumed has no data blocks, and nothing worth looking for. */
static int keep(struct era_salvage *s, const struct generation *g)
{
	salvage_mark_whole(s);
	return g->sb.nr_blocks ? add(s, g) : 0;
}

/* 1 when nothing is proven (noted). */
static int on_generation(void *ctx, enum generation_verdict verdict, const struct generation *g)
{
	struct era_salvage *s = ctx;

	switch (verdict) {
	case GENERATION_FOUND:
		return keep(s, g);
	case GENERATION_UNCLEAR:
		report_note(s->dev.rep,
			    "%s: block %" PRIu64 " is damaged, and may have been in use: what it "
			    "held is not known",
			    s->dev.path, s->scan.hole);
		return 1;
	case GENERATION_NOT_TRIED:
		return is_too_much(s);
	case GENERATION_NONE:
		break;
	}
	return 0;
}

/* 1, or 0 when nothing is proven, or ERA_SYS. */
static int find_generations(struct era_salvage *s)
{
	int r = generations_visit(&s->generations, on_generation, s);

	return r < 0 ? r : !r;
}

/* The user knows how many blocks there were.  0, or ERA_DAMAGED when no generation has as many. */
static int check_length(struct era_salvage *s, uint32_t nr_blocks)
{
	for (size_t i = 0; i < s->nr_found; i++)
		if (s->found[i].sb.nr_blocks == nr_blocks)
			return 0;
	if (!s->nr_found)
		return 0;
	return report_fail(s->dev.rep, ERA_DAMAGED,
			   "%s: --nr-blocks: found an era array of %" PRIu32
			   " blocks, wanted %" PRIu32,
			   s->dev.path, s->found[0].sb.nr_blocks, nr_blocks);
}

/* One that may be the newest and has another length proves nothing, but neither do the older
 * ones. */
static bool has_length(const struct era_salvage *s, uint32_t nr_blocks)
{
	for (size_t i = 0; i < s->nr_found; i++) {
		const struct superblock *sb = &s->found[i].sb;

		if (sb->nr_blocks == nr_blocks)
			continue;
		report_note(s->dev.rep,
			    "%s: the generation of block %" PRIu64
			    " may be the newest, and has %" PRIu32 " blocks, not %" PRIu32,
			    s->dev.path, sb->sm.index, sb->nr_blocks, nr_blocks);
		return false;
	}
	return true;
}

/* Roughly in the order of time.  What is wrong in it costs time, nothing else. */
static int by_age(const void *a, const void *b)
{
	const struct generation *x = a, *y = b;

	if (x->max_era != y->max_era)
		return x->max_era < y->max_era ? -1 : 1;
	if (x->nr_set != y->nr_set)
		return x->nr_set < y->nr_set ? -1 : 1;
	return (x->nr_writesets < y->nr_writesets) - (x->nr_writesets > y->nr_writesets);
}

/* Is the one at i `wanted` by those from `first` up to `end`, at most NEIGHBOURS of them?  Those
 * that are left out don't count.  1, 0, or ERA_SYS. */
static int is_any(struct era_salvage *s, size_t i, size_t first, size_t end,
		  const uint8_t *left_out, enum generation_cover wanted)
{
	size_t nr = 0;

	for (size_t j = first; j < end && nr < NEIGHBOURS; j++) {
		int r;

		if (j == i || (left_out && left_out[j]))
			continue;
		r = generation_compare(&s->scan, &s->found[i], &s->found[j]);
		if (r < 0 || r >= (int)wanted)
			return r < 0 ? r : 1;
		nr++;
	}
	return 0;
}

/* Those that are proven to be old say nothing that the newest doesn't.  What proves it has a higher
 * era, and the first of those are the likeliest to have still what others digested since. */
static int mark_superseded(struct era_salvage *s, uint8_t *left_out)
{
	size_t later = 0;
	int r = 0;

	for (size_t i = 0; i < s->nr_found && r >= 0 && !is_too_much(s); i++) {
		while (later < s->nr_found && s->found[later].max_era <= s->found[i].max_era)
			later++;
		r = is_any(s, i, later, s->nr_found, NULL, GENERATION_SUPERSEDES);
		left_out[i] = r > 0;
	}
	return r < 0 ? r : 0;
}

/* Of two that cover each other the younger one stays.  What covers one is mostly the next, which
 * shares its era array, so that is tried first; or else one of the youngest. */
static int mark_covered(struct era_salvage *s, uint8_t *left_out)
{
	size_t nr = s->nr_found, youngest = nr > NEIGHBOURS ? nr - NEIGHBOURS : 0;
	int r = 0;

	for (size_t i = 0; i < nr && r >= 0 && !is_too_much(s); i++) {
		r = is_any(s, i, i + 1, nr, left_out, GENERATION_COVERS);
		if (!r)
			r = is_any(s, i, youngest, nr, left_out, GENERATION_COVERS);
		left_out[i] = r > 0;
	}
	return r < 0 ? r : 0;
}

static void remove_marked(struct era_salvage *s, uint8_t *left_out)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_found; i++)
		if (!left_out[i])
			s->found[nr++] = s->found[i];
	s->nr_found = nr;
	memset(left_out, 0, nr);
}

static int leave_out_old(struct era_salvage *s)
{
	uint8_t *left_out = calloc(s->nr_found + 1, sizeof(*left_out));
	int r;

	if (!left_out)
		return report_nomem(s->dev.rep);
	if (s->nr_found)
		qsort(s->found, s->nr_found, sizeof(*s->found), by_age);
	r = mark_superseded(s, left_out);
	remove_marked(s, left_out);
	if (!r)
		r = mark_covered(s, left_out);
	remove_marked(s, left_out);
	free(left_out);
	return r;
}

/* May the generation of that index be the newest of those that are left?  Where the origin has
 * shrunk, it can be and say less than they do: then it must be proven to be old. */
static int may_be_newest(struct era_salvage *s, uint64_t index)
{
	struct generation last;
	int r = index == s->scan.hole ? GENERATION_UNCLEAR
				      : generation_find(&s->generations, index, &last);

	if (r != GENERATION_FOUND)
		return r < 0 ? r : r == GENERATION_UNCLEAR;
	for (size_t i = 0; i < s->nr_found; i++) {
		const struct generation *g = &s->found[i];
		bool is_shorter = last.sb.nr_blocks < g->sb.nr_blocks;

		if (g->sb.sm.index == index)
			return 1;
		r = is_shorter ? generation_compare(&s->scan, &last, g)
			       : generation_may_follow(&s->scan, g, &last);
		if (r < 0)
			return r;
		if (is_shorter ? r != GENERATION_SUPERSEDES : r)
			return 1;
	}
	return 0;
}

static bool is_left(const struct era_salvage *s, uint64_t index)
{
	for (size_t i = 0; i < s->nr_found; i++)
		if (s->found[i].sb.sm.index == index)
			return true;
	return false;
}

/* Are all blocks between an index and the zeroes bitmaps of it? */
static int has_bitmaps_behind(struct era_salvage *s, uint64_t index)
{
	const struct scan *scan = &s->scan;
	struct index_disk *data;
	uint64_t nr = 0;
	int r;

	if (index == scan->hole)
		return index == scan->end - 1 && is_left(s, index);
	data = blk_alloc(1);
	if (!data)
		return report_nomem(s->dev.rep);
	r = !blk_dev_read(&s->dev, index, 1, data);
	for (uint64_t i = 0; i < INDEX_MAX_ENTRIES && r; i++) {
		uint64_t block = le64_get(data->entry[i].blocknr);

		nr += block > index && block < scan->end && scan->blocks[block].type == SCAN_BITMAP;
	}
	free(data);
	return r && nr == scan->end - 1 - index;
}

/* The last one, which the hole may be. */
static uint64_t last_index(const struct era_salvage *s)
{
	const struct scan *scan = &s->scan;
	uint64_t last = scan->end - 1;

	while (last && scan->blocks[last].type != SCAN_INDEX && last != scan->hole)
		last--;
	return last;
}

/* Were the device once longer and its newest commits lost with its end, the newest one left would
 * have the last index there is.  1 when that can't be, 0, or ERA_SYS. */
static int was_not_cut_off(struct era_salvage *s, uint64_t last)
{
	int r = may_be_newest(s, last);

	return r < 0 ? r : !r;
}

/* A commit takes free blocks upwards, its index last, or bitmaps that only the index's own place
 * changes.  So these are the last blocks before the zeroes; without zeroes there may have been
 * more. */
static int ends_with_a_commit(struct era_salvage *s)
{
	const struct scan *scan = &s->scan;
	uint64_t last = last_index(s);
	bool ends_in_zeroes = scan->end < scan->limit;
	int r = ends_in_zeroes ? has_bitmaps_behind(s, last) : was_not_cut_off(s, last);

	if (!r)
		report_note(s->dev.rep,
			    "%s: what may have been written behind block %" PRIu64 " is not known",
			    s->dev.path, last);
	return r;
}

struct soundness {
	uint64_t hole;
	bool is_sound; /* but for the hole */
};

static void on_problem(void *ctx, const struct problem *p)
{
	struct soundness *s = ctx;

	if ((!s->hole || p->block != s->hole) && problem_severity(p) != PROBLEM_NOTE)
		s->is_sound = false;
}

/* 1, 0, or ERA_SYS. */
static int is_sound_besides(struct blk_dev *dev, const struct superblock *sb, uint64_t hole)
{
	struct soundness s = {hole, true};
	const struct report rep = {.ctx = &s, .problem = on_problem, .errors_to = dev->rep};
	struct era_check_result result;
	int r = era_check_as(dev, sb, &rep, &result);

	return r ? r : s.is_sound;
}

/* What is used must pass the whole check, whatever the current era was.  1, 0, or ERA_SYS. */
static int check_found(struct era_salvage *s)
{
	int r = 1;

	for (size_t i = 0; i < s->nr_found && r > 0; i++) {
		struct superblock sb = s->found[i].sb;

		sb.current_era = UINT32_MAX;
		r = is_sound_besides(&s->dev, &sb, s->scan.hole);
		if (r)
			continue;
		report_note(s->dev.rep,
			    "%s: the space map of block %" PRIu64 " is not what it seems to be",
			    s->dev.path, sb.sm.index);
	}
	return r;
}

/* 1 when one is left, or a few. */
static int leave_out_others(struct era_salvage *s, uint32_t nr_blocks)
{
	int r = nr_blocks ? check_length(s, nr_blocks) : 0;

	if (!r)
		r = leave_out_old(s);
	if (r || !s->nr_found || s->nr_found > MAX_FOUND)
		return r;
	return !nr_blocks || has_length(s, nr_blocks);
}

int salvage_find_newest(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	size_t nr_all = 0;
	int r;

	if (s->scan.nr_holes == 1 && s->scan.limit <= BITMAP_ENTRIES)
		s->scan.hole = s->scan.first_hole;
	s->generations.nr_blocks = hints->nr_blocks;
	r = salvage_open_whole(s);
	if (!r)
		r = is_all_there(s);
	if (r > 0)
		r = find_generations(s);
	nr_all = s->nr_found;
	if (r > 0)
		r = leave_out_others(s, hints->nr_blocks);
	if (r > 0)
		r = ends_with_a_commit(s);
	if (r > 0)
		r = check_found(s);
	if (r > 0)
		report_note(s->dev.rep,
			    "%s: %zu generations recompute exactly, %zu of them may be the newest",
			    s->dev.path, nr_all, s->nr_found);
	else
		s->nr_found = 0;
	return r < 0 ? r : 0;
}
