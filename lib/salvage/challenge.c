/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * That the newest of the whole generations is the newest of all holds when nothing but the
 * superblock is damaged.  A pointer that leads elsewhere since, under a checksum that is right,
 * keeps the true newest one from adding up, and it looks like one of those of which blocks were
 * used again.  So each space map that belongs to none that is whole is looked at:
 *
 * - Whatever is newer than a generation knows no earlier era than it, unless the origin shrank in
 *   between.  If the highest era among the blocks that are in use is below, it is an old one.
 * - Else it is harmless when its blocks say nothing that the answer does not: each era of an
 *   array's block, and each bit that is set, is there, with that era or a later one.  Where a block
 *   lies in its array a leaf tells that is in use, and of which era a writeset is, its entry in a
 *   tree that is; one without an entry is the current one.  What can't be told is no less than
 *   anything.
 *
 * What is one wrong field away from being whole (salvage/near_miss.c) must moreover have all its
 * trees for that, and no more of them, since the field may be what hides an era.  Not so where
 * there is a superblock, and a hole, which is then what is wrong.
 *
 * A bitmap that does not count itself was written for another place.
 *
 * On a device of one bitmap each bitmap is looked at; on a larger one what an index puts together,
 * as far as it still can be.
 */
#include "salvage/near_miss_internal.h"
#include "salvage/salvage_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map.h"

#define NO_PLACE UINT32_MAX

/* Of a block that is in use: where it lies in its array, and the era of the writeset whose root it
 * is. */
struct use {
	uint32_t place, era;
};

struct challenge {
	struct scan *scan;
	const uint64_t *whole;
	const struct salvage_answer *answer;
	uint64_t *used; /* a bit for each block of the space map that is looked at */
	struct use *uses;
	struct near_miss near;
	void *data;
	struct index_disk *index;
	bool misplaced; /* of what is looked at: a bitmap that doesn't count itself */
};

static void add_used(struct challenge *c, uint64_t block)
{
	if (block && block < c->scan->limit)
		bits_set(c->used, block);
}

static void use_block(struct challenge *c, uint64_t block, uint32_t count)
{
	if (!block || !count)
		return;
	add_used(c, block);
	near_miss_add_count(&c->near, block, count);
}

static void use_bitmap(struct challenge *c, uint64_t bitmap, uint64_t first)
{
	uint64_t end = min_u64(first + BITMAP_ENTRIES, c->scan->end);

	if (scan_read(c->scan, bitmap, c->data))
		return;
	near_miss_add_bitmap(&c->near, bitmap);
	c->misplaced |= bitmap >= first && bitmap < end &&
			!bitmap_get_count(c->data, (uint32_t)(bitmap - first));
	for (uint64_t block = first; block < end; block++)
		use_block(c, block, bitmap_get_count(c->data, (uint32_t)(block - first)));
}

static bool use_index(struct challenge *c, uint64_t block)
{
	bool is_whole = true;

	if (scan_read(c->scan, block, c->index))
		return false;
	for (uint64_t i = 0; i < INDEX_MAX_ENTRIES; i++) {
		uint64_t bitmap = le64_get(c->index->entry[i].blocknr);

		if (!bitmap)
			break;
		if (bitmap >= c->scan->limit || c->scan->blocks[bitmap].type != SCAN_BITMAP)
			return false;
		is_whole &= bits_test(c->whole, bitmap);
		use_bitmap(c, bitmap, i * BITMAP_ENTRIES);
	}
	return !is_whole;
}

/* What a block points to is in use, whatever its count; and as what.  A leaf of the writeset tree
 * under a node has a place, too: it is no root. */
static void follow_node(struct challenge *c, uint64_t node)
{
	for (uint32_t i = 0; i < c->scan->blocks[node].nr; i++) {
		uint32_t child = scan_children(c->scan, node)[i];

		add_used(c, child);
		c->uses[child].place = i;
	}
}

static void follow_leaf(struct challenge *c, uint64_t leaf)
{
	uint64_t first = scan_first_index(c->scan, leaf);
	uint32_t nr = c->scan->blocks[leaf].nr;

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t child = scan_children(c->scan, leaf)[i];
		struct use *use = &c->uses[child];

		add_used(c, child);
		use->place = first == NO_PLACE || use->place != NO_PLACE ? NO_PLACE
									 : (uint32_t)first + i;
		use->era = c->uses[leaf].era;
	}
}

static void follow_writesets(struct challenge *c, uint64_t leaf)
{
	for (uint32_t i = 0; i < c->scan->blocks[leaf].nr; i++) {
		struct scan_writeset ws = scan_writeset(c->scan, leaf, i);

		add_used(c, ws.root);
		c->uses[ws.root].era = ws.era;
	}
}

static void follow(struct challenge *c, enum scan_type type,
		   void (*follow_block)(struct challenge *c, uint64_t block))
{
	uint64_t end = c->scan->end;

	for (uint64_t b = bits_next_set(c->used, 1, end); b < end;
	     b = bits_next_set(c->used, b + 1, end))
		if (c->scan->blocks[b].type == type)
			follow_block(c, b);
}

/* Does the answer say all that a block of an array does?  One without a bit or an era says
 * nothing, unless it has no entries at all; and one of eras in a writeset is not what was there.
 * What the hole said nobody knows. */
static bool is_covered(struct challenge *c, uint64_t block, bool is_near)
{
	const struct scan_block *b = &c->scan->blocks[block];
	const struct use *use = &c->uses[block];

	if (block == c->scan->hole)
		return !is_near;
	if (b->type == SCAN_ERAS && use->era != SALVAGE_CURRENT)
		return false;
	if ((b->type == SCAN_ERAS || b->type == SCAN_BITS) && !b->nr)
		return false;
	if ((b->type != SCAN_ERAS && b->type != SCAN_BITS) || !b->value)
		return true;
	if (use->place == NO_PLACE || !c->answer->eras || scan_read(c->scan, block, c->data))
		return false;
	if (b->type == SCAN_ERAS)
		return salvage_answer_has_eras(c->answer, c->data, b->nr, use->place);
	return salvage_answer_has_bits(c->answer, c->data, b->nr, use->place, use->era);
}

/* What there is of the trees of the space map that is looked at. */
struct census {
	uint32_t newest; /* era */
	uint64_t nr_clones, nr_era_arrays, nr_writeset_trees;
	bool is_short; /* a block of an era array or of a writeset lacks entries */
};

/* A block of an array that isn't full is the last one, unless the origin had another size then. */
static bool lacks_entries(const struct challenge *c, uint64_t block, uint32_t value_size,
			  uint64_t length)
{
	uint32_t full = ARRAY_MAX_ENTRIES(value_size), nr = c->scan->blocks[block].nr;

	return nr != full && nr != length % full && !c->scan->resized;
}

static bool starts_era_array(const struct scan *scan, uint64_t leaf)
{
	return scan->blocks[leaf].nr && !scan_first_index(scan, leaf) &&
	       scan->blocks[scan_children(scan, leaf)[0]].type == SCAN_ERAS;
}

static void count_in(struct census *census, const struct challenge *c, uint64_t block)
{
	const struct scan *scan = c->scan;
	uint32_t era = scan_newest_era(scan, block);

	census->newest = era > census->newest ? era : census->newest;
	switch ((enum scan_type)scan->blocks[block].type) {
	case SCAN_SUPERBLOCK:
		census->nr_clones++;
		break;
	case SCAN_ARRAY_LEAF:
		census->nr_era_arrays += starts_era_array(scan, block);
		break;
	case SCAN_WRITESETS:
		census->nr_writeset_trees += c->uses[block].place == NO_PLACE;
		break;
	case SCAN_ERAS:
		census->is_short |= lacks_entries(c, block, ERA_VALUE_SIZE, c->answer->nr_blocks);
		break;
	case SCAN_BITS:
		census->is_short |=
			lacks_entries(c, block, WORD_VALUE_SIZE, bits_words(c->answer->nr_blocks));
		break;
	case SCAN_DAMAGED:
	case SCAN_ZERO:
	case SCAN_INDEX:
	case SCAN_BITMAP:
	case SCAN_NODE:
	case SCAN_REF_LEAF:
		break;
	}
}

static struct census take_census(const struct challenge *c)
{
	struct census census = {.newest = 0};
	uint64_t end = c->scan->end;

	for (uint64_t b = bits_next_set(c->used, 1, end); b < end;
	     b = bits_next_set(c->used, b + 1, end))
		count_in(&census, c, b);
	return census;
}

/* Nothing of it may be newer.  Where one block may be wrong, its trees must all be there to tell
 * that. */
static bool is_proven_old(const struct challenge *c, const struct census *census, bool is_near)
{
	if (census->newest >= c->answer->told_era || c->scan->resized)
		return false;
	return !is_near || (!census->is_short && census->nr_era_arrays &&
			    census->nr_writeset_trees > census->nr_clones);
}

/* There is one era array and one writeset tree, and one more of each with a clone.  Where there are
 * more, a block of eras is not what was there, and an entry may name a root that it had before. */
static bool has_trees_too_many(const struct census *census, bool is_near)
{
	return census->nr_era_arrays > 1 + census->nr_clones ||
	       (is_near && census->nr_writeset_trees > 1 + census->nr_clones);
}

/* May a field be wrong, besides the superblock and the hole? */
static bool is_doubtful(const struct challenge *c)
{
	return !c->scan->hole || !c->answer->has_superblock;
}

/* Of the space map whose blocks in use are known. */
static bool may_be_newer(struct challenge *c)
{
	uint64_t end = c->scan->end, b;
	bool is_near = is_doubtful(c) && near_miss_is_one(&c->near, c->used);
	struct census census;

	c->scan->nr_looked_at += end;
	memset(c->uses, 0xff, (size_t)c->scan->limit * sizeof(*c->uses));
	follow(c, SCAN_NODE, follow_node);
	follow(c, SCAN_WRITESETS, follow_writesets);
	follow(c, SCAN_ARRAY_LEAF, follow_leaf);
	census = take_census(c);
	if (is_proven_old(c, &census, is_near))
		return false;
	if (has_trees_too_many(&census, is_near) || (is_near && census.is_short))
		return true;
	for (b = bits_next_set(c->used, 1, end); b < end; b = bits_next_set(c->used, b + 1, end))
		if (!is_covered(c, b, is_near))
			return true;
	return false;
}

/* Looks at a space map that starts with that block, if one may. */
static bool challenges(struct challenge *c, uint64_t block)
{
	bool is_small = c->scan->limit <= BITMAP_ENTRIES;
	uint8_t type = c->scan->blocks[block].type;

	if (type != (is_small ? SCAN_BITMAP : SCAN_INDEX) || bits_test(c->whole, block))
		return false;
	memset(c->used, 0, (size_t)bits_words(c->scan->limit) * sizeof(*c->used));
	near_miss_begin(&c->near);
	c->misplaced = false;
	if (!is_small)
		return use_index(c, block) && may_be_newer(c);
	use_bitmap(c, block, 0);
	return c->misplaced || may_be_newer(c);
}

static bool is_challenged(struct challenge *c)
{
	for (uint64_t block = 1; block < c->scan->end; block++)
		if (scan_is_exhausted(c->scan) || challenges(c, block))
			return true;
	return false;
}

int salvage_is_unchallenged(struct scan *scan, const uint64_t *whole,
			    const struct salvage_answer *answer)
{
	struct challenge c = {
		.scan = scan,
		.whole = whole,
		.answer = answer,
		.used = bits_alloc(scan->limit),
		.uses = malloc((size_t)scan->limit * sizeof(*c.uses)),
		.data = blk_alloc(1),
		.index = blk_alloc(1),
	};
	int r = near_miss_open(&c.near, scan);

	if (!r)
		r = c.used && c.uses && c.data && c.index ? !is_challenged(&c)
							  : report_nomem(scan->dev->rep);
	near_miss_close(&c.near);
	free(c.used);
	free(c.uses);
	free(c.data);
	free(c.index);
	if (!r)
		report_note(scan->dev->rep,
			    "%s: a space map that does not add up may be the newest: a pointer may "
			    "be wrong",
			    scan->dev->path);
	return r;
}

int salvage_open_whole(struct era_salvage *s)
{
	s->whole = bits_alloc(s->scan.limit);
	return s->whole ? 0 : report_nomem(s->dev.rep);
}

void salvage_close_whole(struct era_salvage *s)
{
	free(s->whole);
	s->whole = NULL;
}

void salvage_mark_whole(struct era_salvage *s)
{
	const struct replay *replay = &s->generations.replay;

	for (uint64_t i = 0; i < replay->nr_bitmaps; i++)
		bits_set(s->whole, replay->numbers[i]);
}
