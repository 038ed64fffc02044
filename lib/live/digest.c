/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Digestion: the oldest writeset's bits go into the era array, in steps that change a limited
 * number of array blocks and look at a limited number of the bitset's.
 *
 * An entry only ever rises.  It may be above a writeset's era, where the array was given later eras
 * when it grew.
 */
#include "live/live.h"

#include "base/bits.h"
#include "base/checked.h"
#include "live/live_internal.h"
#include "pdata/array_edit.h"
#include "pdata/btree_edit.h"

/* A step changes at most so many array blocks, and reads so many of the bitset's. */
#define STEP_BLOCKS 64u
#define STEP_BITSET_BLOCKS 16u

#define ERAS_PER_BLOCK ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE)
#define BITS_PER_BLOCK (ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) * (uint64_t)BITS_PER_WORD)

/* Sets up the oldest writeset; 0 when there is none. */
static int begin(struct era_live *live)
{
	struct era_digest *digest = &live->digest;
	struct live_writeset ws;
	int r = live_next_writeset(live, 0, &ws);

	if (r <= 0)
		return r;
	if (ws.era > live->sb.current_era) {
		struct problem p;

		problem_set(&p, PROBLEM_WRITESET_AFTER, live->sb.writeset_tree_root, ws.era,
			    live->sb.current_era);
		return txn_result(&live->txn, txn_problem(&live->txn, &p, "writeset tree"));
	}
	*digest = (struct era_digest){
		.active = true,
		.era = (uint32_t)ws.era,
		.nr_bits = ws.nr_bits,
		.root = ws.root,
		.end = min_u64(ws.nr_bits, live->sb.nr_blocks),
	};
	return 1;
}

static int finish(struct era_live *live)
{
	struct era_digest *digest = &live->digest;
	int r = btree_remove(&live->txn, BLOCK_WRITESET_NODE, &live->sb.writeset_tree_root,
			     digest->era);

	if (r >= 0)
		r = txn_drop(&live->txn, digest->root, BLOCK_BITSET_NODE);
	if (r)
		return r;
	digest->active = false;
	live->nr_digested++;
	live->nr_writesets--;
	return 0;
}

static int count_one(struct era_live *live, const struct live_writeset *ws, void *ctx)
{
	uint64_t *nr = ctx;

	(void)live;
	(void)ws;
	++*nr;
	return 0;
}

int era_live_count_writesets(struct era_live *live)
{
	uint64_t nr = 0;
	int r = live_each_writeset(live, count_one, &nr);

	if (!r)
		live->nr_writesets = live->nr_committed_writesets = nr;
	return r;
}

/* A bit past the end says that nr_bits is wrong, or the bit: what else there is can't be told. */
static int check_tail(struct era_live *live, uint32_t nr_words)
{
	struct era_digest *digest = &live->digest;
	uint64_t base = digest->index * BITS_PER_BLOCK, nr = nr_words * (uint64_t)BITS_PER_WORD;
	uint64_t tail = digest->nr_bits - base;
	struct problem p;

	if (tail >= nr || bits_next_set(digest->words, tail, nr) == nr)
		return 0;
	problem_set(&p, PROBLEM_WRITESET_TAIL, digest->root,
		    base + bits_next_set(digest->words, tail, nr), digest->nr_bits);
	return txn_problem(&live->txn, &p, block_type_name(BLOCK_BITSET));
}

/* Has the words of the bitset's block where `next` is in memory. */
static int read_words(struct era_live *live)
{
	struct era_digest *digest = &live->digest;
	uint64_t total = bits_words(digest->nr_bits);
	const uint8_t *values;
	uint32_t nr;
	int r;

	digest->index = era_live_bitset_block(digest->next);
	digest->has_words = false;
	r = array_read_block(&live->txn, BLOCK_BITSET, digest->root, total, digest->index, &values);
	if (r)
		return txn_result(&live->txn, r);
	nr = array_nr(BLOCK_BITSET, total, digest->index);
	for (uint32_t i = 0; i < nr; i++)
		digest->words[i] = le64_get(((const struct le64 *)(const void *)values)[i]);
	digest->has_words = true;
	return txn_result(&live->txn, check_tail(live, nr));
}

/* Raises the entries of one array block from `next` on, as far as these words reach. */
static int digest_block(struct era_live *live, uint64_t base)
{
	struct era_digest *digest = &live->digest;
	uint64_t index = digest->next / ERAS_PER_BLOCK, first = index * ERAS_PER_BLOCK;
	uint64_t end = min_u64(min_u64(first + ERAS_PER_BLOCK, base + BITS_PER_BLOCK), digest->end);
	uint64_t block = digest->next;
	struct le32 *eras;
	uint8_t *values;
	int r = array_edit_block(&live->txn, BLOCK_ERA, &live->sb.era_array_root,
				 live->sb.nr_blocks, index, &values);

	if (r)
		return r;
	eras = (void *)values;
	while (block < end) {
		if (le32_get(eras[block - first]) < digest->era)
			eras[block - first] = le32_make(digest->era);
		block = base + bits_next_set(digest->words, block + 1 - base, end - base);
	}
	digest->next = end;
	return txn_trim(&live->txn);
}

/* Works through the words in memory until they are used up or *left is 0. */
static int digest_words(struct era_live *live, uint32_t *left)
{
	struct era_digest *digest = &live->digest;
	uint64_t base = digest->index * BITS_PER_BLOCK;
	uint64_t end = min_u64(base + BITS_PER_BLOCK, digest->end);
	int r = 0;

	while (*left && digest->next < end && !r) {
		digest->next = base + bits_next_set(digest->words, digest->next - base, end - base);
		if (digest->next == end)
			break;
		r = digest_block(live, base);
		--*left;
	}
	return r;
}

/* Changes at most nr array blocks. */
static int step(struct era_live *live, uint32_t nr)
{
	struct era_digest *digest = &live->digest;
	uint32_t left = nr;
	int r = 0;

	for (uint32_t reads = 0; left && reads < STEP_BITSET_BLOCKS && !r; reads++) {
		if (digest->next >= digest->end)
			return finish(live);
		if (!digest->has_words || era_live_bitset_block(digest->next) != digest->index)
			r = read_words(live);
		if (!r)
			r = digest_words(live, &left);
	}
	return r;
}

int era_live_digest(struct era_live *live)
{
	uint32_t nr = STEP_BLOCKS;
	int r = live->digest.active ? 1 : begin(live);

	if (r <= 0)
		return r;
	r = era_live_can_digest(live, &nr);
	if (r <= 0)
		return r ? r : ERA_DIGEST_STUCK;
	r = step(live, nr);
	return r ? r : ERA_DIGEST_MORE;
}
