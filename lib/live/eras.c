/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What was digested between two steps is in the array, which is read last. */
#include "base/bits.h"
#include "base/checked.h"
#include "live/live_internal.h"
#include "pdata/array_edit.h"

#define ARRAY UINT64_MAX
#define WORDS_PER_BLOCK ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE)
#define ERAS_PER_BLOCK ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE)

void era_live_eras_init(struct era_live_eras *eras, uint64_t first, uint32_t nr, uint32_t *values)
{
	*eras = (struct era_live_eras){.first = first, .nr = nr, .values = values, .at = first};
}

static void raise_era(struct era_live_eras *eras, uint64_t block, uint32_t era)
{
	uint32_t *value = &eras->values[block - eras->first];

	if (*value < era)
		*value = era;
}

/* Up to the end of the bitset's block that has the bit of `at`. */
static int read_words(struct era_live *live, struct era_live_eras *eras,
		      const struct live_writeset *ws, uint64_t end)
{
	uint64_t nr_words = bits_words(ws->nr_bits), index = era_live_bitset_block(eras->at);
	uint64_t base = index * WORDS_PER_BLOCK * BITS_PER_WORD;
	const struct le64 *words;
	const uint8_t *values;
	int r = array_read_block(&live->txn, BLOCK_BITSET, ws->root, nr_words, index, &values);

	if (r)
		return r;
	words = (const void *)values;
	end = min_u64(end, base + WORDS_PER_BLOCK * (uint64_t)BITS_PER_WORD);
	for (; eras->at < end; eras->at++) {
		uint64_t bit = eras->at - base;

		if (le64_get(words[bit / BITS_PER_WORD]) >> bit % BITS_PER_WORD & 1)
			raise_era(eras, eras->at, (uint32_t)ws->era);
	}
	return 1;
}

/* Reads a block of the writeset, or goes on to the next one, or to the array. */
static int writeset_step(struct era_live *live, struct era_live_eras *eras)
{
	struct live_writeset ws;
	uint64_t end;
	int r = live_next_writeset(live, eras->era, &ws);

	if (r < 0)
		return r;
	if (!r || ws.era != eras->era) {
		eras->era = r ? ws.era : ARRAY;
		eras->at = eras->first;
		return 1;
	}
	end = min_u64(eras->first + eras->nr, ws.nr_bits);
	if (eras->at < end)
		return read_words(live, eras, &ws, end);
	eras->era++;
	eras->at = eras->first;
	return 1;
}

static int array_step(struct era_live *live, struct era_live_eras *eras)
{
	uint64_t end = eras->first + eras->nr, index = eras->at / ERAS_PER_BLOCK;
	const struct le32 *found;
	const uint8_t *values;
	int r;

	if (eras->at >= end)
		return 0;
	r = array_read_block(&live->txn, BLOCK_ERA, live->sb.era_array_root, live->sb.nr_blocks,
			     index, &values);
	if (r)
		return r;
	found = (const void *)values;
	end = min_u64(end, (index + 1) * ERAS_PER_BLOCK);
	for (; eras->at < end; eras->at++)
		raise_era(eras, eras->at, le32_get(found[eras->at - index * ERAS_PER_BLOCK]));
	return 1;
}

int era_live_eras_step(struct era_live *live, struct era_live_eras *eras, uint32_t nr)
{
	int r = 1, trimmed;

	while (r > 0 && nr--)
		r = eras->era == ARRAY ? array_step(live, eras) : writeset_step(live, eras);
	trimmed = txn_trim(&live->txn);
	return r < 0 || !trimmed ? r : trimmed;
}
