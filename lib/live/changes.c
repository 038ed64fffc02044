/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/bits.h"
#include "base/checked.h"
#include "live/live_internal.h"
#include "pdata/array_edit.h"
#include "pdata/btree_edit.h"

#define ARRAY UINT64_MAX

void era_live_changes_init(struct era_live_changes *changes, uint32_t since, uint64_t *bits)
{
	*changes = (struct era_live_changes){.since = since, .bits = bits, .era = since};
}

/* Bits past nr_blocks are not anybody's. */
static void add_words(const struct era_live *live, struct era_live_changes *changes,
		      const struct le64 *words, uint32_t nr, uint64_t nr_bits)
{
	uint64_t first = changes->index * ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE);
	uint64_t end = min_u64(nr_bits, live->sb.nr_blocks), nr_words = bits_words(end);

	for (uint64_t i = 0; i < nr && first + i < nr_words; i++)
		changes->bits[first + i] |=
			le64_get(words[i]) &
			(first + i + 1 == nr_words ? bits_last_mask(end) : ~UINT64_C(0));
}

/* Reads a block of the writeset, or goes on to the next one, or to the array. */
static int writeset_step(struct era_live *live, struct era_live_changes *changes)
{
	struct live_writeset ws;
	const uint8_t *values;
	uint64_t nr_words;
	int r = live_next_writeset(live, changes->era, &ws);

	if (r < 0)
		return r;
	if (!r || ws.era != changes->era) {
		changes->era = r ? ws.era : ARRAY;
		changes->index = 0;
		return 1;
	}
	nr_words = bits_words(ws.nr_bits);
	if (changes->index >= div_up(nr_words, ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE))) {
		changes->era++;
		changes->index = 0;
		return 1;
	}
	r = array_read_block(&live->txn, BLOCK_BITSET, ws.root, nr_words, changes->index, &values);
	if (r)
		return r;
	add_words(live, changes, (const void *)values,
		  array_nr(BLOCK_BITSET, nr_words, changes->index), ws.nr_bits);
	changes->index++;
	return 1;
}

/* A word at a time, without branches. */
static void add_eras(struct era_live_changes *changes, uint64_t first, const struct le32 *eras,
		     uint32_t nr)
{
	uint64_t end = first + nr;

	while (first < end) {
		unsigned bit = (unsigned)(first % BITS_PER_WORD);
		uint64_t mask, found = 0, from = first, word = bits_take_word(&first, end, &mask);

		for (; from < first; from++, eras++, bit++)
			found |= (uint64_t)(le32_get(*eras) >= changes->since) << bit;
		changes->bits[word] |= found;
	}
}

static int array_step(struct era_live *live, struct era_live_changes *changes)
{
	uint64_t first = changes->index * ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE);
	const uint8_t *values;
	int r;

	if (first >= live->sb.nr_blocks)
		return 0;
	r = array_read_block(&live->txn, BLOCK_ERA, live->sb.era_array_root, live->sb.nr_blocks,
			     changes->index, &values);
	if (r)
		return r;
	add_eras(changes, first, (const void *)values,
		 array_nr(BLOCK_ERA, live->sb.nr_blocks, changes->index));
	changes->index++;
	return 1;
}

static int read_block(struct era_live *live, struct era_live_changes *changes)
{
	return changes->era == ARRAY ? array_step(live, changes) : writeset_step(live, changes);
}

int era_live_changes_step(struct era_live *live, struct era_live_changes *changes, uint32_t nr)
{
	int r = 1, trimmed;

	while (r > 0 && nr--)
		r = read_block(live, changes);
	trimmed = txn_trim(&live->txn);
	return r < 0 || !trimmed ? r : trimmed;
}
