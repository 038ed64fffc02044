/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The old metadata are read twice: once to check them and to find the blocks that they use, and
 * once more for the arrays that are made of them, one after the other.
 */
#include "cache/rebuild.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/staging.h"
#include "block/validate.h"
#include "cache/growing_bits.h"
#include "cache/metadata_internal.h"
#include "pdata/bulk.h"
#include "pdata/space_map_build.h"

/* As in metadata.c. */
#define BLOCK_OF_MAPPINGS BLOCK_BITSET
#define BLOCK_OF_HINTS BLOCK_ERA

struct cache_rebuild {
	struct blk_dev *dev;
	struct cache_rebuild_facts facts;
	struct cache_superblock_disk *old, *new; /* a block each */
	uint64_t *places, nr_places;
	struct blk_staging staging;
	struct growing_bits kept;
};

/* An array that is made with zeroes for what is not added. */
struct sparse_array {
	struct array_build build;
	uint64_t next;
};

/* Its entries may be added only in ascending order; `size` is that of one. */
static int sparse_add_zeroes(struct sparse_array *array, uint64_t end, size_t size)
{
	static const uint64_t zeroes[512];
	int r = 0;

	while (array->next < end && !r) {
		uint64_t nr = min_u64(end - array->next, sizeof(zeroes) / size);

		r = array_build_add(&array->build, zeroes, (uint32_t)nr);
		array->next += nr;
	}
	return r;
}

static int sparse_add(struct sparse_array *array, uint64_t entry, const void *value, size_t size)
{
	int r = sparse_add_zeroes(array, entry, size);

	if (!r)
		r = array_build_add(&array->build, value, 1);
	array->next++;
	return r;
}

/* Also where it has failed before, with r. */
static int sparse_finish(struct sparse_array *array, uint64_t end, size_t size, struct le64 *root,
			 int r)
{
	uint64_t block = 0;

	if (!r)
		r = sparse_add_zeroes(array, end, size);
	if (!r)
		r = array_build_finish(&array->build, &block);
	if (!r)
		*root = le64_make(block);
	array_build_free(&array->build);
	return r;
}

static int open_metadata(const struct cache_rebuild *rebuild,
			 const struct cache_superblock_disk *superblock,
			 struct cache_metadata **metadata)
{
	struct blk_dev copy;
	int r = blk_dev_dup(rebuild->dev, &copy);

	return r ? r : cache_metadata_open_block(metadata, &copy, superblock);
}

static int read_all(struct cache_metadata *metadata, struct cache_rebuild_facts *facts)
{
	struct cache_mapping mapping;
	int r;

	while ((r = cache_metadata_next(metadata, &mapping)) > 0) {
		facts->nr_mapped++;
		facts->nr_dirty += mapping.dirty;
	}
	if (!r)
		r = cache_metadata_finish(metadata, NULL, NULL);
	if (!r)
		facts->cache = *cache_metadata_facts(metadata);
	return r;
}

/* The blocks that the old metadata do not use. */
static int find_places(struct cache_rebuild *rebuild, const struct cache_metadata *metadata)
{
	uint64_t end = min_u64(le64_get(rebuild->old->sm.nr_blocks), rebuild->dev->nr_blocks);

	rebuild->places = calloc((size_t)end, sizeof(*rebuild->places));
	if (!rebuild->places)
		return report_nomem(rebuild->dev->rep);
	for (uint64_t block = 1; block < end; block++)
		if (!cache_metadata_is_reached(metadata, block))
			rebuild->places[rebuild->nr_places++] = block;
	rebuild->facts.nr_spare = rebuild->nr_places;
	return blk_staging_open_at(&rebuild->staging, rebuild->places, rebuild->nr_places,
				   rebuild->dev->rep);
}

static int read_old(struct cache_rebuild *rebuild)
{
	struct cache_metadata *metadata;
	int r = cache_superblock_read(rebuild->dev, rebuild->old);

	if (!r)
		r = open_metadata(rebuild, rebuild->old, &metadata);
	if (r)
		return r;
	r = read_all(metadata, &rebuild->facts);
	if (!r)
		r = find_places(rebuild, metadata);
	cache_metadata_close(metadata);
	return r;
}

int cache_rebuild_open(struct cache_rebuild **out, struct blk_dev *dev)
{
	struct cache_rebuild *rebuild = calloc(1, sizeof(*rebuild));
	int r;

	if (!rebuild)
		return report_nomem(dev->rep);
	rebuild->dev = dev;
	rebuild->old = blk_alloc(1);
	rebuild->new = blk_alloc(1);
	r = rebuild->old && rebuild->new ? read_old(rebuild) : report_nomem(dev->rep);
	if (r)
		cache_rebuild_close(rebuild);
	else
		*out = rebuild;
	return r;
}

void cache_rebuild_close(struct cache_rebuild *rebuild)
{
	if (!rebuild)
		return;
	blk_staging_close(&rebuild->staging);
	growing_bits_free(&rebuild->kept);
	free(rebuild->places);
	free(rebuild->old);
	free(rebuild->new);
	free(rebuild);
}

const struct cache_rebuild_facts *cache_rebuild_facts(const struct cache_rebuild *rebuild)
{
	return &rebuild->facts;
}

static int keep_mapping(struct cache_rebuild *rebuild, struct sparse_array *array,
			const struct cache_mapping *mapping)
{
	struct le64 value =
		le64_make(mapping->origin_block << CACHE_MAPPING_SHIFT | CACHE_MAPPING_VALID);

	if (!growing_bits_set(&rebuild->kept, mapping->cache_block,
			      rebuild->facts.cache.nr_cache_blocks))
		return report_nomem(rebuild->dev->rep);
	rebuild->facts.nr_kept++;
	return sparse_add(array, mapping->cache_block, &value, sizeof(value));
}

static int make_mappings(struct cache_rebuild *rebuild, struct cache_metadata *metadata,
			 const struct cache_choice *choice)
{
	struct sparse_array array = {0};
	struct cache_mapping mapping;
	int r = array_build_begin(&array.build, &rebuild->staging, BLOCK_OF_MAPPINGS);

	while (!r && (r = cache_metadata_next(metadata, &mapping)) > 0)
		r = choice->keep(choice->ctx, &mapping) ? keep_mapping(rebuild, &array, &mapping)
							: 0;
	return sparse_finish(&array, rebuild->facts.cache.nr_cache_blocks, sizeof(struct le64),
			     &rebuild->new->mapping_root, r);
}

struct hints {
	struct cache_rebuild *rebuild;
	struct sparse_array array;
};

static int on_hint(void *ctx, uint32_t cache_block, const uint8_t *hint)
{
	struct hints *hints = ctx;

	if (!growing_bits_test(&hints->rebuild->kept, cache_block))
		return 0;
	return sparse_add(&hints->array, cache_block, hint, CACHE_HINT_BYTES);
}

/* Those of a crash say nothing of the mappings there are, and the kernel would not use them. */
static bool has_hints(const struct cache_rebuild *rebuild)
{
	return rebuild->facts.cache.is_clean && le64_get(rebuild->old->hint_root) &&
	       le32_get(rebuild->old->policy_hint_size);
}

static int make_hints(struct cache_rebuild *rebuild, struct cache_metadata *metadata)
{
	struct hints hints = {.rebuild = rebuild};
	int r;

	if (!has_hints(rebuild)) {
		rebuild->new->hint_root = le64_make(0);
		return cache_metadata_finish(metadata, NULL, NULL);
	}
	r = array_build_begin(&hints.array.build, &rebuild->staging, BLOCK_OF_HINTS);
	if (!r)
		r = cache_metadata_finish(metadata, on_hint, &hints);
	return sparse_finish(&hints.array, rebuild->facts.cache.nr_cache_blocks, CACHE_HINT_BYTES,
			     &rebuild->new->hint_root, r);
}

static int make_bits(struct cache_rebuild *rebuild, uint64_t nr_bits, struct le64 *root)
{
	struct sparse_array array = {0};
	int r = array_build_begin(&array.build, &rebuild->staging, BLOCK_BITSET);

	return sparse_finish(&array, bits_words(nr_bits), sizeof(struct le64), root, r);
}

/* As in metadata that are new: the kernel gives the discards their size when it writes them. */
static int make_discards(struct cache_rebuild *rebuild)
{
	rebuild->new->discard_block_size = le64_make(0);
	rebuild->new->discard_nr_blocks = le64_make(0);
	return make_bits(rebuild, 0, &rebuild->new->discard_root);
}

static int make_space_map(struct cache_rebuild *rebuild)
{
	uint64_t nr_blocks = min_u64(le64_get(rebuild->old->sm.nr_blocks), rebuild->dev->nr_blocks);
	struct space_map_root sm;
	int r = space_map_build(&rebuild->staging, nr_blocks, &space_map_just_superblock, &sm);

	if (r)
		return r;
	rebuild->new->sm = (struct space_map_root_disk){
		.nr_blocks = le64_make(sm.nr_blocks),
		.nr_allocated = le64_make(sm.nr_allocated),
		.bitmap_root = le64_make(sm.index),
		.ref_count_root = le64_make(sm.ref_tree),
	};
	rebuild->facts.nr_written = rebuild->staging.next - 1;
	if (rebuild->facts.nr_written <= rebuild->nr_places)
		return 0;
	return report_fail(rebuild->dev->rep, ERA_NO_SPACE,
			   "%s: no room for new cache metadata beside the old: found %" PRIu64
			   " free blocks of 4096 bytes, needs %" PRIu64,
			   rebuild->dev->path, rebuild->nr_places, rebuild->facts.nr_written);
}

static void make_superblock(struct cache_rebuild *rebuild)
{
	struct cache_superblock_disk *new = rebuild->new;

	new->flags = le32_make(CACHE_FLAG_CLEAN_SHUTDOWN);
	new->csum = le32_make(blk_checksum(new, CACHE_CSUM_XOR));
}

static int make_arrays(struct cache_rebuild *rebuild, struct cache_metadata *metadata,
		       const struct cache_choice *choice)
{
	int r = make_mappings(rebuild, metadata, choice);

	if (!r)
		r = make_hints(rebuild, metadata);
	if (!r && rebuild->facts.cache.has_dirty_bits)
		r = make_bits(rebuild, rebuild->facts.cache.nr_cache_blocks,
			      &rebuild->new->dirty_root);
	return r ? r : make_discards(rebuild);
}

int cache_rebuild_make(struct cache_rebuild *rebuild, const struct cache_choice *choice)
{
	struct cache_metadata *metadata;
	int r = open_metadata(rebuild, rebuild->old, &metadata);

	if (r)
		return r;
	memcpy(rebuild->new, rebuild->old, META_BLOCK_SIZE);
	r = make_arrays(rebuild, metadata, choice);
	cache_metadata_close(metadata);
	if (!r)
		r = make_space_map(rebuild);
	if (!r)
		make_superblock(rebuild);
	return r;
}

/* Reads from the device what the new superblock will lead to. */
static int read_back(const struct cache_rebuild *rebuild)
{
	struct cache_rebuild_facts found = {0};
	struct cache_metadata *metadata;
	int r = open_metadata(rebuild, rebuild->new, &metadata);

	if (r)
		return r;
	r = read_all(metadata, &found);
	cache_metadata_close(metadata);
	if (!r && (found.nr_mapped != rebuild->facts.nr_kept || found.nr_dirty))
		r = report_fail(rebuild->dev->rep, ERA_SYS,
				"%s: the new cache metadata are not read as they were written: "
				"found %" PRIu64 " mappings, wanted %" PRIu64,
				rebuild->dev->path, found.nr_mapped, rebuild->facts.nr_kept);
	return r;
}

int cache_rebuild_commit(struct cache_rebuild *rebuild)
{
	int r = blk_staging_copy(&rebuild->staging, rebuild->dev);

	if (!r)
		r = blk_dev_flush(rebuild->dev);
	if (!r)
		r = read_back(rebuild);
	if (!r)
		r = blk_dev_write(rebuild->dev, 0, 1, rebuild->new);
	return r ? r : blk_dev_flush(rebuild->dev);
}
