/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A space map built from random counts, read back from its blocks: every count, and every sum. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "block/dev.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/space_map_build.h"

#define NR_BLOCKS (2 * BITMAP_ENTRIES + 1000u)
#define NR_LARGE 700u /* counts that go to the tree: more than two leaves of it */
#define EVERY 7u      /* of the free blocks so many are left out as places */

static uint32_t counts[NR_BLOCKS];
static uint8_t device[NR_BLOCKS][META_BLOCK_SIZE];

static int ram_read(struct blk_dev *dev, void *data, size_t len, off_t at)
{
	(void)dev;
	memcpy(data, (uint8_t *)device + at, len);
	return 0;
}

static int ram_write(struct blk_dev *dev, const void *data, size_t len, off_t at)
{
	(void)dev;
	/* Nothing that is counted may be written to. */
	for (size_t block = (size_t)at / META_BLOCK_SIZE;
	     block < ((size_t)at + len) / META_BLOCK_SIZE; block++)
		assert_int_equal(counts[block], 0);
	memcpy((uint8_t *)device + at, data, len);
	return 0;
}

static int ram_flush(struct blk_dev *dev)
{
	(void)dev;
	return 0;
}

static const struct blk_dev_ops ram_ops = {ram_read, ram_write, ram_flush, NULL};

static uint32_t get_count(void *ctx, uint64_t block)
{
	(void)ctx;
	return counts[block];
}

/* Most blocks are free or have a count of 1 or 2. */
static void draw_counts(void)
{
	uint64_t seed = 5;

	memset(counts, 0, sizeof(counts));
	counts[0] = 1;
	for (uint32_t i = 1; i < NR_BLOCKS; i++)
		counts[i] = unit_random(&seed) % 3 ? 0 : 1 + unit_random(&seed) % 2;
	for (uint32_t i = 0; i < NR_LARGE; i++)
		counts[1 + unit_random(&seed) % (NR_BLOCKS - 1)] = 3 + unit_random(&seed) % 1000;
}

static uint64_t find_places(uint64_t *places)
{
	uint64_t nr = 0;

	for (uint32_t i = 1; i < NR_BLOCKS; i++)
		if (!counts[i] && i % EVERY)
			places[nr++] = i;
	return nr;
}

static const struct bitmap_disk *bitmap_of(const struct index_disk *index, uint64_t block)
{
	return (const void *)device[le64_get(index->entry[block / BITMAP_ENTRIES].blocknr)];
}

static unsigned bitmap_count(const struct index_disk *index, uint64_t block)
{
	uint64_t e = block % BITMAP_ENTRIES;
	uint64_t word = le64_get(bitmap_of(index, block)->words[e / 32]);
	unsigned high = (unsigned)(word >> (2 * (e % 32))) & 1;
	unsigned low = (unsigned)(word >> (2 * (e % 32) + 1)) & 1;

	return high << 1 | low;
}

static int visit(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	(void)ctx;
	(void)p;
	assert_int_equal(counts[pointer->block], 0);
	counts[pointer->block] = 1;
	return WALK_READ;
}

static int no_problem(void *ctx, const struct problem *p)
{
	(void)ctx;
	(void)p;
	fail_msg("the ref-count tree is damaged");
	return ERA_DAMAGED;
}

/* Its entries; its nodes are entered as used once. */
static void read_ref_tree(struct blk_dev *dev, uint64_t root, uint32_t *in_tree)
{
	struct walk walk = {dev, NR_BLOCKS, NULL, visit, no_problem};
	struct btree_root at = {.block = root};
	struct btree_iter it;
	struct btree_leaf leaf;
	int r;

	btree_iter_init(&it, &walk, BLOCK_REF_NODE, at, "tree");
	while ((r = btree_iter_next(&it, &leaf)) > 0)
		for (uint32_t i = 0; i < leaf.nr_entries; i++)
			in_tree[le64_get(leaf.keys[i])] =
				le32_get(((const struct le32 *)(const void *)leaf.values)[i]);
	assert_int_equal(r, 0);
	btree_iter_free(&it);
}

static void check_counts(const struct space_map_root *sm, const uint32_t *in_tree)
{
	const struct index_disk *index = (const void *)device[sm->index];
	uint64_t nr_used[3] = {0}, first_free[3] = {BITMAP_ENTRIES, BITMAP_ENTRIES, BITMAP_ENTRIES};

	for (uint64_t b = 0; b < NR_BLOCKS; b++) {
		uint64_t i = b / BITMAP_ENTRIES;

		assert_int_equal(bitmap_count(index, b), counts[b] < 3 ? counts[b] : 3);
		assert_int_equal(in_tree[b], counts[b] < 3 ? 0 : counts[b]);
		nr_used[i] += counts[b] != 0;
		if (!counts[b] && first_free[i] == BITMAP_ENTRIES)
			first_free[i] = b % BITMAP_ENTRIES;
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(le32_get(index->entry[i].nr_free), BITMAP_ENTRIES - nr_used[i]);
		assert_int_equal(le32_get(index->entry[i].none_free_before), first_free[i]);
	}
	assert_int_equal(sm->nr_allocated, nr_used[0] + nr_used[1] + nr_used[2]);
	assert_int_equal(sm->nr_blocks, NR_BLOCKS);
}

static void counts_are_built_in_their_places(void **state)
{
	const struct space_map_counts from = {NULL, get_count};
	uint64_t *places = calloc(NR_BLOCKS, sizeof(*places));
	uint32_t *in_tree = calloc(NR_BLOCKS, sizeof(*in_tree));
	struct space_map_root sm;
	struct blk_staging staging;
	struct blk_dev dev;
	const struct index_disk *index;

	(void)state;
	assert_non_null(places);
	assert_non_null(in_tree);
	draw_counts();
	assert_int_equal(blk_dev_open_ops(&dev, "ram", NR_BLOCKS, &ram_ops, NULL, NULL), 0);
	assert_int_equal(blk_staging_open_at(&staging, places, find_places(places), NULL), 0);
	assert_int_equal(space_map_build(&staging, NR_BLOCKS, &from, &sm), 0);
	assert_true(staging.next <= staging.limit);
	assert_int_equal(blk_staging_copy(&staging, &dev), 0);

	read_ref_tree(&dev, sm.ref_tree, in_tree);
	index = (const void *)device[sm.index];
	counts[sm.index] = 1;
	for (unsigned i = 0; i < 3; i++)
		counts[le64_get(index->entry[i].blocknr)] = 1;
	check_counts(&sm, in_tree);
	blk_staging_close(&staging);
	blk_dev_close(&dev);
	free(places);
	free(in_tree);
}

static void too_few_places_are_told(void **state)
{
	const struct space_map_counts from = {NULL, get_count};
	static const uint64_t places[] = {5, 9};
	struct space_map_root sm;
	struct blk_staging staging;

	(void)state;
	memset(counts, 0, sizeof(counts));
	assert_int_equal(blk_staging_open_at(&staging, places, 2, NULL), 0);
	assert_int_equal(space_map_build(&staging, NR_BLOCKS, &from, &sm), 0);
	assert_int_equal(staging.next, 1 + 5);
	assert_int_equal(staging.limit, 1 + 2);
	blk_staging_close(&staging);
}

/* Sparse and dense bitmaps: the next block in use is found from each one. */
static void used_blocks_of_a_bitmap_are_found(void **state)
{
	static const uint32_t one_in[] = {1, 2, 20, 300, 5000, UINT32_MAX};
	struct bitmap_disk bitmap;
	uint64_t seed = 9;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(one_in); i++) {
		uint32_t next = BITMAP_ENTRIES;

		memset(&bitmap, 0, sizeof(bitmap));
		for (uint32_t e = 0; e < BITMAP_ENTRIES; e++)
			if (unit_random(&seed) % one_in[i] == 0)
				bitmap_set_count(&bitmap, e, 1 + e % 3);
		assert_int_equal(bitmap_next_used(&bitmap, BITMAP_ENTRIES), BITMAP_ENTRIES);
		for (uint32_t e = BITMAP_ENTRIES; e-- > 0;) {
			next = bitmap_get_count(&bitmap, e) ? e : next;
			assert_int_equal(bitmap_next_used(&bitmap, e), next);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_built_in_their_places),
		cmocka_unit_test(too_few_places_are_told),
		cmocka_unit_test(used_blocks_of_a_bitmap_are_found),
	};

	return cmocka_run_group_tests_name("space_map", tests, NULL, NULL);
}
