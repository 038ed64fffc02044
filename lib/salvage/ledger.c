/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device may hold a generation for every four of its blocks, and to count each anew would take time
 * that grows with the square of its size.  But a commit changes few bitmaps, and few entries of them.
 * So one balance is kept for all: turning to another index takes its bitmaps in place of the ones
 * before, and where an entry differs a block comes into use or goes out of it, with its pointers.
 *
 * All that is kept follows from the bitmaps that are in place, whatever was there before.  A block
 * that can't be in use in a whole generation is counted as wrong while it is, so what is damaged in one
 * generation needs no undoing.
 */
#include "salvage/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/validate.h"
#include "pdata/space_map.h"

int ledger_open(struct ledger *ledger, struct scan *scan)
{
	size_t nr = (size_t)scan->limit + 1;

	*ledger = (struct ledger){
		.scan = scan,
		.nr_wrong = 1, /* block 0 */
		.next = blk_alloc(1),
		.index = blk_alloc(1),
		.balance = calloc(nr, sizeof(*ledger->balance)),
		.open = malloc(nr * sizeof(*ledger->open)),
		.place = malloc(nr * sizeof(*ledger->place)),
	};
	if (ledger->next && ledger->index && ledger->balance && ledger->open && ledger->place)
		return 0;
	ledger_close(ledger);
	return report_nomem(scan->dev->rep);
}

void ledger_close(struct ledger *ledger)
{
	for (size_t i = 0; i < ARRAY_SIZE(ledger->bitmaps); i++)
		free(ledger->bitmaps[i]);
	free(ledger->next);
	free(ledger->index);
	free(ledger->balance);
	free(ledger->open);
	free(ledger->place);
	*ledger = (struct ledger){.scan = NULL};
}

static void set_open(struct ledger *ledger, uint32_t block, bool is_open)
{
	uint32_t last;

	if (is_open) {
		ledger->place[block] = (uint32_t)ledger->nr_open;
		ledger->open[ledger->nr_open++] = block;
		return;
	}
	last = ledger->open[--ledger->nr_open];
	ledger->open[ledger->place[block]] = last;
	ledger->place[last] = ledger->place[block];
}

static void add(struct ledger *ledger, uint64_t block, int32_t n)
{
	int32_t was = ledger->balance[block], is = was + n;

	ledger->balance[block] = is;
	ledger->nr_short = ledger->nr_short + (is < 0) - (was < 0);
	if ((is > 0) != (was > 0))
		set_open(ledger, (uint32_t)block, is > 0);
}

/* n: 1 when the pointer comes into use, -1 when it goes out of it. */
static void count_pointer(struct ledger *ledger, uint64_t block, int32_t n)
{
	ledger->scan->nr_looked_at++;
	if (block && block < ledger->scan->limit)
		add(ledger, block, -n);
	else
		ledger->nr_wrong += (uint64_t)n;
}

static void count_clone(struct ledger *ledger, uint64_t block, int32_t n)
{
	struct superblock clone;
	struct problem p;

	ledger->scan->nr_looked_at += META_BLOCK_SIZE / sizeof(struct le64);
	ledger->nr_clones += (uint64_t)n;
	ledger->sum_of_clones += (uint64_t)n * block;
	if (superblock_read(ledger->scan->dev, block, ROLE_SNAPSHOT, &clone, &p)) {
		ledger->nr_wrong += (uint64_t)n;
		return;
	}
	count_pointer(ledger, clone.writeset_tree_root, n);
	count_pointer(ledger, clone.era_array_root, n);
}

static void count_pointers(struct ledger *ledger, uint64_t block, int32_t n)
{
	const struct scan *scan = ledger->scan;
	const struct scan_block *b = &scan->blocks[block];

	switch ((enum scan_kind)b->kind) {
	case SCAN_DAMAGED:
	case SCAN_ZERO:
		*(block == scan->hole ? &ledger->nr_holes : &ledger->nr_wrong) += (uint64_t)n;
		break;
	case SCAN_SUPERBLOCK:
		count_clone(ledger, block, n);
		break;
	case SCAN_INDEX:
		ledger->nr_indexes += (uint64_t)n;
		ledger->sum_of_indexes += (uint64_t)n * block;
		break;
	case SCAN_NODE:
	case SCAN_ARRAY_LEAF:
		for (uint32_t i = 0; i < b->nr; i++)
			count_pointer(ledger, scan_children(scan, block)[i], n);
		break;
	case SCAN_WRITESETS:
		for (uint32_t i = 0; i < b->nr; i++)
			count_pointer(ledger, scan_writeset(scan, block, i).root, n);
		break;
	case SCAN_REF_LEAF:
		ledger->nr_wrong += b->nr ? (uint64_t)n : 0;
		break;
	case SCAN_BITMAP:
	case SCAN_ERAS:
	case SCAN_BITS:
		break;
	}
}

static bool is_wrong(const struct ledger *ledger, uint64_t block, uint32_t count)
{
	return count == BITMAP_LOOK_IN_TREE || (count && block >= ledger->scan->limit) ||
	       (count != 1 && !block);
}

/* Block 0 is wrong without its one reference, so before the first bitmap, too. */
static void change(struct ledger *ledger, uint64_t block, uint32_t was, uint32_t is)
{
	ledger->scan->nr_looked_at++;
	ledger->nr_wrong = ledger->nr_wrong + is_wrong(ledger, block, is) -
			   is_wrong(ledger, block, was);
	ledger->nr_allocated = ledger->nr_allocated + (is > 0) - (was > 0);
	if (block >= ledger->scan->limit || !block)
		return;
	add(ledger, block, (int32_t)is - (int32_t)was);
	if (!is != !was)
		count_pointers(ledger, block, is ? 1 : -1);
}

static void change_word(struct ledger *ledger, uint64_t slot, uint32_t word)
{
	for (uint32_t e = word * BITMAP_ENTRIES_PER_WORD; e < (word + 1) * BITMAP_ENTRIES_PER_WORD; e++) {
		uint32_t was = bitmap_get_count(ledger->bitmaps[slot], e);
		uint32_t is = bitmap_get_count(ledger->next, e);

		if (was != is)
			change(ledger, slot * BITMAP_ENTRIES + e, was, is);
	}
}

/* Puts the bitmap in `next`, of block `number`, in its place; that of none is 0 and all zeroes. */
static void put(struct ledger *ledger, uint64_t slot, uint64_t number)
{
	struct bitmap_disk *old = ledger->bitmaps[slot];

	ledger->scan->nr_looked_at += ARRAY_SIZE(old->words);
	for (uint32_t i = 0; i < ARRAY_SIZE(old->words); i++)
		if (memcmp(&old->words[i], &ledger->next->words[i], sizeof(old->words[i])))
			change_word(ledger, slot, i);
	if (ledger->numbers[slot])
		count_pointer(ledger, ledger->numbers[slot], -1);
	if (number)
		count_pointer(ledger, number, 1);
	ledger->numbers[slot] = number;
	ledger->bitmaps[slot] = ledger->next;
	ledger->next = old;
}

static int turn_slot(struct ledger *ledger, uint64_t slot, uint64_t number)
{
	if (ledger->numbers[slot] == number)
		return 1;
	if (!ledger->bitmaps[slot]) {
		ledger->bitmaps[slot] = blk_alloc(1);
		if (!ledger->bitmaps[slot])
			return report_nomem(ledger->scan->dev->rep);
		memset(ledger->bitmaps[slot], 0, META_BLOCK_SIZE);
	}
	memset(ledger->next, 0, META_BLOCK_SIZE);
	if (number && blk_dev_read(ledger->scan->dev, number, 1, ledger->next))
		return 0;
	put(ledger, slot, number);
	return 1;
}

/* Its bitmaps, all of which must be some. */
static enum ledger_verdict read_index(struct ledger *ledger, uint64_t index)
{
	const struct scan *scan = ledger->scan;
	enum ledger_verdict verdict = LEDGER_ADDS_UP;
	uint64_t nr = 0;

	if (index >= scan->limit || scan->blocks[index].kind != SCAN_INDEX ||
	    blk_dev_read(scan->dev, index, 1, ledger->index))
		return LEDGER_WRONG;
	for (; nr < INDEX_MAX_ENTRIES && le64_get(ledger->index->entry[nr].blocknr); nr++) {
		uint64_t block = le64_get(ledger->index->entry[nr].blocknr);

		if (block == scan->hole)
			verdict = LEDGER_UNCLEAR;
		else if (block >= scan->limit || scan->blocks[block].kind != SCAN_BITMAP)
			return LEDGER_WRONG;
	}
	ledger->nr_bitmaps = nr;
	return nr ? verdict : LEDGER_WRONG;
}

static int turn_all(struct ledger *ledger)
{
	int r = 1;

	for (uint64_t i = 0; i < INDEX_MAX_ENTRIES && r > 0; i++)
		r = turn_slot(ledger, i, i < ledger->nr_bitmaps
					 ? le64_get(ledger->index->entry[i].blocknr) : 0);
	return r;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool list_roots(struct ledger *ledger)
{
	if (ledger->nr_open > LEDGER_MAX_ROOTS)
		return false;
	ledger->nr_roots = (unsigned)ledger->nr_open;
	for (unsigned i = 0; i < ledger->nr_roots; i++) {
		ledger->roots[i] = ledger->open[i];
		if (ledger->balance[ledger->roots[i]] != 1)
			return false;
	}
	qsort(ledger->roots, ledger->nr_roots, sizeof(ledger->roots[0]), by_number);
	return true;
}

/* nr_indexes: those in use. */
static enum ledger_verdict add_up(struct ledger *ledger, uint64_t nr_indexes, uint64_t sum_of_indexes)
{
	ledger->clone = ledger->sum_of_clones;
	if (ledger->nr_wrong || ledger->nr_short || ledger->nr_indexes != nr_indexes ||
	    ledger->sum_of_indexes != sum_of_indexes || ledger->nr_clones > 1)
		return LEDGER_WRONG;
	if (list_roots(ledger))
		return LEDGER_ADDS_UP;
	return ledger->nr_holes ? LEDGER_UNCLEAR : LEDGER_WRONG;
}

int ledger_turn_to(struct ledger *ledger, uint64_t index)
{
	enum ledger_verdict verdict = read_index(ledger, index);
	int r;

	if (verdict != LEDGER_ADDS_UP)
		return verdict;
	r = turn_all(ledger);
	return r > 0 ? (int)add_up(ledger, 1, index) : r;
}

int ledger_turn_to_bitmap(struct ledger *ledger, uint64_t bitmap)
{
	int r;

	memset(ledger->index, 0, META_BLOCK_SIZE);
	ledger->index->entry[0].blocknr = le64_make(bitmap);
	ledger->nr_bitmaps = 1;
	r = turn_all(ledger);
	return r > 0 ? (int)(ledger->nr_holes ? add_up(ledger, 0, 0) : LEDGER_WRONG) : r;
}
