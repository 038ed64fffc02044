/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * New metadata of a cache against random old ones: the mappings that were to stay, with their
 * hints, and nothing else.  Wherever the writing is stopped, there are the old ones or the new.
 */
#define ROOM_CACHE
#include "unit.h"

#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/staging.h"
#include "block/validate.h"
#include "cache/metadata_internal.h"
#include "cache/rebuild.h"
#include "pdata/bulk.h"
#include "pdata/space_map_build.h"
#include "tests/sim/simdev.h"

#define MAX_CACHE_BLOCKS 40000u
#define ORIGIN_OF(block) ((uint64_t)(block)*7 + 3)

struct made {
	uint32_t nr_cache_blocks, version, nr_hints; /* 0: no hints */
	bool crashed;
	uint64_t nr_blocks; /* of the device */
	bool mapped[MAX_CACHE_BLOCKS], dirty[MAX_CACHE_BLOCKS], kept[MAX_CACHE_BLOCKS];
	uint32_t hints[MAX_CACHE_BLOCKS];
};

static struct le64 add_array(struct blk_staging *staging, enum block_type type, const void *values,
			     uint32_t nr)
{
	struct array_build array;
	uint64_t root;

	assert_int_equal(array_build_begin(&array, staging, type), 0);
	assert_int_equal(array_build_add(&array, values, nr), 0);
	assert_int_equal(array_build_finish(&array, &root), 0);
	array_build_free(&array);
	return le64_make(root);
}

static struct le64 add_mappings(struct blk_staging *staging, const struct made *made)
{
	static struct le64 values[MAX_CACHE_BLOCKS];

	for (uint32_t i = 0; i < made->nr_cache_blocks; i++) {
		bool dirty = made->dirty[i] && made->version == 1;

		values[i] = le64_make(made->mapped[i] ? ORIGIN_OF(i) << CACHE_MAPPING_SHIFT |
								CACHE_MAPPING_VALID |
								(dirty ? CACHE_MAPPING_DIRTY : 0)
						      : 0);
	}
	return add_array(staging, BLOCK_BITSET, values, made->nr_cache_blocks);
}

static struct le64 add_dirty(struct blk_staging *staging, const struct made *made)
{
	static uint64_t words[MAX_CACHE_BLOCKS / 64 + 1];
	static struct le64 values[MAX_CACHE_BLOCKS / 64 + 1];
	uint32_t nr = (uint32_t)bits_words(made->nr_cache_blocks);

	memset(words, 0, sizeof(words));
	for (uint32_t i = 0; i < made->nr_cache_blocks; i++)
		if (made->dirty[i])
			bits_set(words, i);
	le64_make_all(words, nr, values);
	return add_array(staging, BLOCK_BITSET, values, nr);
}

static struct le64 add_hints(struct blk_staging *staging, const struct made *made)
{
	static struct le32 values[MAX_CACHE_BLOCKS];

	le32_make_all(made->hints, made->nr_hints, values);
	return add_array(staging, BLOCK_ERA, values, made->nr_hints);
}

static void write_superblock(struct simdev *sim, struct cache_superblock_disk *disk)
{
	memset(sim->data, 0, META_BLOCK_SIZE);
	memcpy(sim->data, disk, sizeof(*disk));
	disk = (void *)sim->data;
	disk->csum = le32_make(blk_checksum(disk, CACHE_CSUM_XOR));
}

/* The old metadata. */
static void make(struct simdev *sim, const struct made *made)
{
	const uint64_t discards[] = {UINT64_C(0x123456789)};
	struct cache_superblock_disk disk = {
		.flags = le32_make(made->crashed ? 0 : CACHE_FLAG_CLEAN_SHUTDOWN),
		.magic = le64_make(CACHE_MAGIC),
		.version = le32_make(made->version),
		.policy_name = "smq",
		.policy_hint_size = le32_make(CACHE_HINT_BYTES),
		.discard_block_size = le64_make(128),
		.discard_nr_blocks = le64_make(60),
		.data_block_size = le32_make(64),
		.metadata_block_size = le32_make(META_BLOCK_SECTORS),
		.cache_blocks = le32_make(made->nr_cache_blocks),
		.statistics = {le32_make(1), le32_make(2), le32_make(3), le32_make(4)},
		.policy_version = {le32_make(2), le32_make(0), le32_make(0)},
	};
	struct space_map_root sm;
	struct blk_staging staging;
	struct blk_dev dev;

	simdev_open(sim, made->nr_blocks);
	assert_int_equal(simdev_dev(sim, &dev, NULL), 0);
	assert_int_equal(blk_staging_open(&staging, made->nr_blocks, NULL), 0);
	disk.mapping_root = add_mappings(&staging, made);
	disk.discard_root = add_array(&staging, BLOCK_BITSET, discards, 1);
	if (made->nr_hints)
		disk.hint_root = add_hints(&staging, made);
	if (made->version == 2)
		disk.dirty_root = add_dirty(&staging, made);
	assert_int_equal(space_map_build(&staging, made->nr_blocks, &space_map_just_superblock,
					 &sm),
			 0);
	disk.sm = (struct space_map_root_disk){le64_make(sm.nr_blocks), le64_make(sm.nr_allocated),
					       le64_make(sm.index), le64_make(sm.ref_tree)};
	assert_int_equal(blk_staging_copy(&staging, &dev), 0);
	blk_staging_close(&staging);
	blk_dev_close(&dev);
	write_superblock(sim, &disk);
	simdev_settle(sim);
}

struct reading {
	const struct made *made;
	uint64_t nr_wrong_hints, nr_hints;
};

static int on_hint(void *ctx, uint32_t cache_block, const uint8_t *hint)
{
	struct reading *reading = ctx;
	const struct made *made = reading->made;
	uint32_t wanted = 0, found;

	if (made->kept[cache_block] && cache_block < made->nr_hints && !made->crashed)
		wanted = made->hints[cache_block];
	found = le32_get(*(const struct le32 *)(const void *)hint);
	reading->nr_hints++;
	reading->nr_wrong_hints += found != wanted;
	return 0;
}

enum found { FOUND_OLD, FOUND_NEW, FOUND_OTHER };

static enum found compare(const struct made *made, struct cache_metadata *metadata)
{
	bool is_old = true, is_new = true;
	struct cache_mapping mapping = {0};
	int more = cache_metadata_next(metadata, &mapping);

	for (uint32_t i = 0; i < made->nr_cache_blocks; i++) {
		bool here = more == 1 && mapping.cache_block == i;
		bool dirty = here && mapping.dirty;

		is_old = is_old && here == made->mapped[i] && dirty == (here && made->dirty[i]);
		is_new = is_new && here == made->kept[i] && !dirty;
		if (here && mapping.origin_block != ORIGIN_OF(i))
			return FOUND_OTHER;
		if (here)
			more = cache_metadata_next(metadata, &mapping);
	}
	if (more)
		return FOUND_OTHER;
	return is_new ? FOUND_NEW : is_old ? FOUND_OLD : FOUND_OTHER;
}

static enum found look(struct simdev *image, const struct made *made)
{
	struct reading reading = {.made = made};
	struct cache_superblock_disk *block = (void *)image->data;
	struct cache_metadata *metadata;
	enum found found;
	struct blk_dev dev;

	assert_int_equal(simdev_dev(image, &dev, NULL), 0);
	if (cache_metadata_open_block(&metadata, &dev, block))
		return FOUND_OTHER;
	found = compare(made, metadata);
	if (cache_metadata_finish(metadata, on_hint, &reading))
		found = FOUND_OTHER;
	if (found == FOUND_NEW && reading.nr_wrong_hints)
		found = FOUND_OTHER;
	if (found == FOUND_NEW && made->nr_hints && !made->crashed &&
	    reading.nr_hints != made->nr_cache_blocks)
		found = FOUND_OTHER;
	cache_metadata_close(metadata);
	return found;
}

static bool keep(void *ctx, const struct cache_mapping *mapping)
{
	const struct made *made = ctx;

	return made->kept[mapping->cache_block];
}

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	print_message("# %s\n", text);
}

static const struct report printing = {.error = on_error};

static int rebuild(struct simdev *sim, struct made *made)
{
	const struct cache_choice choice = {made, keep};
	struct cache_rebuild *rebuild;
	struct blk_dev dev;
	int r;

	assert_int_equal(simdev_dev(sim, &dev, &printing), 0);
	r = cache_rebuild_open(&rebuild, &dev);
	if (!r) {
		r = cache_rebuild_make(rebuild, &choice);
		if (!r)
			r = cache_rebuild_commit(rebuild);
		cache_rebuild_close(rebuild);
	}
	blk_dev_close(&dev);
	return r;
}

/* What the new superblock says. */
static void check_superblock(const struct simdev *sim)
{
	const struct cache_superblock_disk *disk = (const void *)sim->data;

	assert_int_equal(le32_get(disk->flags), CACHE_FLAG_CLEAN_SHUTDOWN);
	assert_int_equal(le64_get(disk->discard_nr_blocks), 0);
	assert_int_equal(le32_get(disk->statistics[3]), 4);
	assert_int_equal(le32_get(disk->policy_version[0]), 2);
	assert_string_equal((const char *)disk->policy_name, "smq");
}

static void choose(struct made *made, uint64_t *seed)
{
	uint32_t full = unit_random(seed) % 101, kept = unit_random(seed) % 101;

	memset(made->mapped, 0, sizeof(made->mapped));
	memset(made->dirty, 0, sizeof(made->dirty));
	memset(made->kept, 0, sizeof(made->kept));
	for (uint32_t i = 0; i < made->nr_cache_blocks; i++) {
		made->mapped[i] = unit_random(seed) % 100 < full;
		made->dirty[i] = made->mapped[i] && unit_random(seed) % 10 == 0;
		made->kept[i] = made->mapped[i] && unit_random(seed) % 100 < kept;
		made->hints[i] = unit_random(seed);
	}
}

/* Sizes at which an array gets another block or another level, and some at random. */
static void any_size(void **state)
{
	static const uint32_t sizes[] = {1, 63, 64, 65, 508, 509, 510, 1018, 1019, 32000, 40000};
	static struct made made;
	uint64_t seed = 19;

	(void)state;
	for (unsigned i = 0; i < 80; i++) {
		struct simdev sim;

		made.nr_cache_blocks = i < ARRAY_SIZE(sizes)
					       ? sizes[i]
					       : 1 + unit_random(&seed) % (i % 4 ? 2000 : 40000);
		made.version = 1 + unit_random(&seed) % 2;
		made.nr_hints = made.nr_cache_blocks;
		if (i % 5 == 0)
			made.nr_hints = unit_random(&seed) % (made.nr_cache_blocks + 1);
		made.crashed = i % 7 == 3;
		made.nr_blocks = 40 + made.nr_cache_blocks / 100 + unit_random(&seed) % 50;
		choose(&made, &seed);
		make(&sim, &made);
		assert_int_equal(rebuild(&sim, &made), 0);
		if (look(&sim, &made) != FOUND_NEW)
			fail_msg("round %u: not the new ones", i);
		check_superblock(&sim);
		simdev_settle(&sim);
		/* Once more, from what was written. */
		memcpy(made.mapped, made.kept, sizeof(made.mapped));
		memset(made.dirty, 0, sizeof(made.dirty));
		for (uint32_t c = 0; c < made.nr_cache_blocks; c += 2)
			made.kept[c] = false;
		made.nr_hints = made.crashed ? 0 : made.nr_hints;
		assert_int_equal(rebuild(&sim, &made), 0);
		assert_int_equal(look(&sim, &made), FOUND_NEW);
		simdev_close(&sim);
	}
}

struct counts {
	const struct made *made;
	unsigned nr_old, nr_new;
};

static bool judge(void *ctx, struct simdev_stop *stop)
{
	struct counts *counts = ctx;
	enum found found = look(stop->image, counts->made);

	counts->nr_old += found == FOUND_OLD;
	counts->nr_new += found == FOUND_NEW;
	strcpy(stop->why, found == FOUND_OLD ? "still the old" : "neither the old nor the new");
	return found == FOUND_NEW || (found == FOUND_OLD && !stop->promise);
}

static const uint64_t flushes[] = {0, 1, 2};

static void stopped_anywhere(void **state)
{
	static struct made made = {.nr_cache_blocks = 1200,
				   .version = 2,
				   .nr_hints = 1200,
				   .nr_blocks = 64};
	uint64_t seed = 5;

	(void)state;
	choose(&made, &seed);
	made.mapped[5] = true;
	made.kept[5] = false;
	for (unsigned i = 0; i < ARRAY_SIZE(flushes); i++) {
		struct simdev_how how = {.states = 64, .seed = 1, .without_flush = flushes[i]};
		struct counts counts = {.made = &made};
		struct simdev_result result;
		struct simdev sim;

		make(&sim, &made);
		assert_int_equal(rebuild(&sim, &made), 0);
		assert_int_equal(sim.flushes, 2);
		simdev_promise(&sim, 1);
		simdev_for_each_stop(&sim, &how, judge, &counts, &result);
		if (!flushes[i] && result.bad)
			fail_msg("%s", result.first_bad);
		if (flushes[i])
			assert_true(result.bad > 0);
		assert_true(counts.nr_old && counts.nr_new);
		simdev_close(&sim);
	}
}

static void every_call_fails_once(void **state)
{
	static struct made made = {.nr_cache_blocks = 600,
				   .version = 1,
				   .nr_hints = 600,
				   .nr_blocks = 48};
	uint64_t seed = 6;

	(void)state;
	choose(&made, &seed);
	made.mapped[5] = true;
	made.kept[5] = false;
	for (unsigned kind = 0; kind < 3; kind++) {
		uint64_t nr = 0;
		int r;

		do {
			uint64_t *fault;
			struct simdev sim;
			enum found found;

			make(&sim, &made);
			fault = kind == 0   ? &sim.faults.read
				: kind == 1 ? &sim.faults.write
					    : &sim.faults.flush;
			*fault = ++nr;
			r = rebuild(&sim, &made);
			*fault = 0;
			found = look(&sim, &made);
			assert_int_not_equal(found, FOUND_OTHER);
			assert_true(r || found == FOUND_NEW);
			simdev_close(&sim);
		} while (r);
		assert_true(nr > 2);
	}
}

/* The old ones stay when there is no room beside them. */
static void too_few_free_blocks(void **state)
{
	static struct made made = {.nr_cache_blocks = 5000,
				   .version = 2,
				   .nr_hints = 5000,
				   .nr_blocks = 30};
	uint64_t seed = 7;
	struct simdev sim;

	(void)state;
	choose(&made, &seed);
	made.mapped[5] = true;
	made.kept[5] = false;
	make(&sim, &made);
	assert_int_equal(rebuild(&sim, &made), ERA_NO_SPACE);
	assert_int_equal(look(&sim, &made), FOUND_OLD);
	simdev_close(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size),
		cmocka_unit_test(stopped_anywhere),
		cmocka_unit_test(every_call_fails_once),
		cmocka_unit_test(too_few_free_blocks),
	};

	return cmocka_run_group_tests_name("cache_rebuild", tests, NULL, NULL);
}
