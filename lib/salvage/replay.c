/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A device may hold a generation for every four of its blocks, and to count each anew would take
 * time that grows with the square of its size.  But a commit changes few bitmaps, and few entries
 * of them. So one balance is kept for all: turning to another index takes its bitmaps in place of
 * the ones before, and where an entry differs a block comes into use or goes out of it, with its
 * pointers.
 *
 * All that is kept follows from the bitmaps that are in place, whatever was there before.  A block
 * that can't be in use in a whole generation is counted as wrong while it is, so what is damaged in
 * one generation needs no undoing.
 */
#include "salvage/replay_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/validate.h"
#include "pdata/space_map.h"

int replay_open(struct replay *replay, struct scan *scan)
{
	size_t nr = (size_t)scan->limit + 1;

	*replay = (struct replay){
		.scan = scan,
		.nr_wrong = 1, /* block 0 */
		.next = blk_alloc(1),
		.index = blk_alloc(1),
		.balance = calloc(nr, sizeof(*replay->balance)),
		.open = malloc(nr * sizeof(*replay->open)),
		.place = malloc(nr * sizeof(*replay->place)),
	};
	if (replay->next && replay->index && replay->balance && replay->open && replay->place)
		return 0;
	replay_close(replay);
	return report_nomem(scan->dev->rep);
}

void replay_close(struct replay *replay)
{
	for (size_t i = 0; i < ARRAY_SIZE(replay->bitmaps); i++)
		free(replay->bitmaps[i]);
	free(replay->next);
	free(replay->index);
	free(replay->balance);
	free(replay->open);
	free(replay->place);
	*replay = (struct replay){.scan = NULL};
}

static void set_open(struct replay *replay, uint32_t block, bool is_open)
{
	uint32_t last;

	if (is_open) {
		replay->place[block] = (uint32_t)replay->nr_open;
		replay->open[replay->nr_open++] = block;
		return;
	}
	last = replay->open[--replay->nr_open];
	replay->open[replay->place[block]] = last;
	replay->place[last] = replay->place[block];
}

static void add(struct replay *replay, uint64_t block, int32_t n)
{
	int32_t was = replay->balance[block], is = was + n;

	replay->balance[block] = is;
	replay->nr_short = replay->nr_short + (is < 0) - (was < 0);
	if ((is > 0) != (was > 0))
		set_open(replay, (uint32_t)block, is > 0);
}

/* n more, or n less. */
static void tally(uint64_t *counter, uint64_t n, bool more)
{
	*counter = more ? *counter + n : *counter - n;
}

/* in_use: the block with the pointer comes into use; else it goes out of it. */
static void count_pointer(struct replay *replay, uint64_t block, bool in_use)
{
	replay->scan->nr_looked_at++;
	if (block && block < replay->scan->limit)
		add(replay, block, in_use ? -1 : 1);
	else
		tally(&replay->nr_wrong, 1, in_use);
}

static void count_clone(struct replay *replay, uint64_t block, bool in_use)
{
	struct superblock clone;
	struct problem p;

	replay->scan->nr_looked_at += META_BLOCK_SIZE / sizeof(struct le64);
	tally(&replay->nr_clones, 1, in_use);
	tally(&replay->sum_of_clones, block, in_use);
	if (superblock_read(replay->scan->dev, block, BLOCK_SNAPSHOT, &clone, &p)) {
		tally(&replay->nr_wrong, 1, in_use);
		return;
	}
	count_pointer(replay, clone.writeset_tree_root, in_use);
	count_pointer(replay, clone.era_array_root, in_use);
}

/* All that a block which comes into use, or goes out of it, says. */
static void count_block(struct replay *replay, uint64_t block, bool in_use)
{
	const struct scan *scan = replay->scan;
	const struct scan_block *b = &scan->blocks[block];

	switch ((enum scan_type)b->type) {
	case SCAN_DAMAGED:
	case SCAN_ZERO:
		tally(block == scan->hole ? &replay->nr_holes : &replay->nr_wrong, 1, in_use);
		break;
	case SCAN_SUPERBLOCK:
		count_clone(replay, block, in_use);
		break;
	case SCAN_INDEX:
		tally(&replay->nr_indexes, 1, in_use);
		tally(&replay->sum_of_indexes, block, in_use);
		break;
	case SCAN_NODE:
	case SCAN_ARRAY_LEAF:
		for (uint32_t i = 0; i < b->nr; i++)
			count_pointer(replay, scan_children(scan, block)[i], in_use);
		break;
	case SCAN_WRITESETS:
		for (uint32_t i = 0; i < b->nr; i++)
			count_pointer(replay, scan_writeset(scan, block, i).root, in_use);
		break;
	case SCAN_REF_LEAF:
		tally(&replay->nr_wrong, b->nr > 0, in_use);
		break;
	case SCAN_BITMAP:
	case SCAN_ERAS:
	case SCAN_BITS:
		break;
	}
}

static bool is_wrong(const struct replay *replay, uint64_t block, uint32_t count)
{
	return count == BITMAP_LOOK_IN_TREE || (count && block >= replay->scan->limit) ||
	       (count != 1 && !block);
}

/* Block 0 is wrong without its one reference, so before the first bitmap, too. */
static void change(struct replay *replay, uint64_t block, uint32_t was, uint32_t is)
{
	replay->scan->nr_looked_at++;
	replay->nr_wrong =
		replay->nr_wrong + is_wrong(replay, block, is) - is_wrong(replay, block, was);
	replay->nr_allocated = replay->nr_allocated + (is > 0) - (was > 0);
	if (block >= replay->scan->limit || !block)
		return;
	add(replay, block, (int32_t)is - (int32_t)was);
	if (!is != !was)
		count_block(replay, block, is > 0);
}

static void change_word(struct replay *replay, uint64_t slot, uint32_t word)
{
	for (uint32_t e = word * BITMAP_ENTRIES_PER_WORD; e < (word + 1) * BITMAP_ENTRIES_PER_WORD;
	     e++) {
		uint32_t was = bitmap_get_count(replay->bitmaps[slot], e);
		uint32_t is = bitmap_get_count(replay->next, e);

		if (was != is)
			change(replay, slot * BITMAP_ENTRIES + e, was, is);
	}
}

/* Puts the bitmap in `next`, of block `number`, in its place; that of none is 0 and all zeroes. */
static void put(struct replay *replay, uint64_t slot, uint64_t number)
{
	struct bitmap_disk *old = replay->bitmaps[slot];

	replay->scan->nr_looked_at += ARRAY_SIZE(old->words);
	for (uint32_t i = 0; i < ARRAY_SIZE(old->words); i++)
		if (memcmp(&old->words[i], &replay->next->words[i], sizeof(old->words[i])))
			change_word(replay, slot, i);
	if (replay->numbers[slot])
		count_pointer(replay, replay->numbers[slot], false);
	if (number)
		count_pointer(replay, number, true);
	replay->numbers[slot] = number;
	replay->bitmaps[slot] = replay->next;
	replay->next = old;
}

static int turn_slot(struct replay *replay, uint64_t slot, uint64_t number)
{
	if (replay->numbers[slot] == number)
		return 1;
	if (!replay->bitmaps[slot]) {
		replay->bitmaps[slot] = blk_alloc(1);
		if (!replay->bitmaps[slot])
			return report_nomem(replay->scan->dev->rep);
		memset(replay->bitmaps[slot], 0, META_BLOCK_SIZE);
	}
	memset(replay->next, 0, META_BLOCK_SIZE);
	if (number && blk_dev_read(replay->scan->dev, number, 1, replay->next))
		return 0;
	put(replay, slot, number);
	return 1;
}

/* Its bitmaps, all of which must be some. */
static enum replay_verdict read_index(struct replay *replay, uint64_t index)
{
	const struct scan *scan = replay->scan;
	enum replay_verdict verdict = REPLAY_ADDS_UP;
	uint64_t nr = 0;

	if (index >= scan->limit || scan->blocks[index].type != SCAN_INDEX ||
	    blk_dev_read(scan->dev, index, 1, replay->index))
		return REPLAY_WRONG;
	for (; nr < INDEX_MAX_ENTRIES && le64_get(replay->index->entry[nr].blocknr); nr++) {
		uint64_t block = le64_get(replay->index->entry[nr].blocknr);

		if (block == scan->hole)
			verdict = REPLAY_UNCLEAR;
		else if (block >= scan->limit || scan->blocks[block].type != SCAN_BITMAP)
			return REPLAY_WRONG;
	}
	replay->nr_bitmaps = nr;
	return nr ? verdict : REPLAY_WRONG;
}

/* 1, 0 when a bitmap can't be read, or ERA_SYS. */
static int turn_all(struct replay *replay)
{
	int r = 1;

	for (uint64_t i = 0; i < INDEX_MAX_ENTRIES && r > 0; i++)
		r = turn_slot(replay, i,
			      i < replay->nr_bitmaps ? le64_get(replay->index->entry[i].blocknr)
						     : 0);
	return r;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool list_roots(struct replay *replay)
{
	if (replay->nr_open > REPLAY_MAX_ROOTS)
		return false;
	replay->nr_roots = (unsigned)replay->nr_open;
	for (unsigned i = 0; i < replay->nr_roots; i++) {
		replay->roots[i] = replay->open[i];
		if (replay->balance[replay->roots[i]] != 1)
			return false;
	}
	qsort(replay->roots, replay->nr_roots, sizeof(replay->roots[0]), by_number);
	return true;
}

/* nr_indexes: those in use. */
static enum replay_verdict add_up(struct replay *replay, uint64_t nr_indexes,
				  uint64_t sum_of_indexes)
{
	replay->clone = replay->sum_of_clones;
	if (replay->nr_wrong || replay->nr_short || replay->nr_indexes != nr_indexes ||
	    replay->sum_of_indexes != sum_of_indexes || replay->nr_clones > 1)
		return REPLAY_WRONG;
	if (list_roots(replay))
		return REPLAY_ADDS_UP;
	return replay->nr_holes ? REPLAY_UNCLEAR : REPLAY_WRONG;
}

int replay_turn_to(struct replay *replay, uint64_t index, enum replay_verdict *verdict)
{
	int r;

	*verdict = read_index(replay, index);
	if (*verdict != REPLAY_ADDS_UP)
		return 0;
	r = turn_all(replay);
	*verdict = r > 0 ? add_up(replay, 1, index) : REPLAY_WRONG;
	return r < 0 ? r : 0;
}

int replay_turn_to_bitmap(struct replay *replay, uint64_t bitmap, enum replay_verdict *verdict)
{
	int r;

	memset(replay->index, 0, META_BLOCK_SIZE);
	replay->index->entry[0].blocknr = le64_make(bitmap);
	replay->nr_bitmaps = 1;
	r = turn_all(replay);
	*verdict = r > 0 && replay->nr_holes ? add_up(replay, 0, 0) : REPLAY_WRONG;
	return r < 0 ? r : 0;
}
