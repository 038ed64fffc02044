/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "cache/metadata_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "cache/growing_bits.h"
#include "cache/space_map.h"
#include "cache/superblock.h"
#include "pdata/array.h"
#include "pdata/node.h"

#define BUFFER_BLOCKS 64u

/* Mappings have the format of the words of a bitset, and hints that of eras. */
#define BLOCK_OF_MAPPINGS BLOCK_BITSET
#define BLOCK_OF_HINTS BLOCK_ERA
#define NODE_OF_ARRAY BLOCK_BITSET_NODE

_Static_assert(CACHE_HINT_BYTES == ERA_VALUE_SIZE, "hints");

struct cache_metadata {
	struct cache_superblock sb;
	struct blk_dev dev;
	struct walk walk;
	uint64_t *seen; /* one bit per metadata block: it has been reached */
	struct array_iter mappings, dirty;
	struct array_part values, words; /* the current parts of the iterators */
	uint64_t next;			 /* cache block */
};

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct cache_metadata *metadata = ctx;

	return walk_visit_once(metadata->seen, pointer, p);
}

/* Reported as an error, since problems are those of dm-era's metadata. */
static int on_problem(void *ctx, const struct problem *p)
{
	struct cache_metadata *metadata = ctx;
	char line[PROBLEM_LINE_MAX];

	problem_line(p, line, sizeof(line));
	return report_fail(metadata->dev.rep, problem_error(p), "%s: %s", metadata->dev.path, line);
}

int cache_superblock_read(struct blk_dev *dev, struct cache_superblock_disk *block)
{
	if (!dev->nr_blocks)
		return report_fail(dev->rep, ERA_DAMAGED, "%s: too small for cache metadata",
				   dev->path);
	errno = blk_dev_read(dev, 0, 1, block);
	return errno ? report_errno(dev->rep, dev->path, "cannot read") : 0;
}

static int prepare(struct cache_metadata *metadata)
{
	const struct cache_superblock *sb = &metadata->sb;
	uint64_t limit = min_u64(metadata->dev.nr_blocks, sb->sm.nr_blocks);
	struct btree_root mappings = {.block = sb->mapping_root}, dirty = {.block = sb->dirty_root};

	metadata->seen = bits_alloc(limit);
	if (!metadata->seen)
		return report_nomem(metadata->dev.rep);
	bits_set(metadata->seen, 0);
	blk_dev_begin(&metadata->dev, PROGRESS_READ_CACHE, min_u64(sb->sm.nr_allocated, limit));
	metadata->walk = (struct walk){&metadata->dev, limit, metadata, on_pointer, on_problem};
	array_iter_init(&metadata->mappings, &metadata->walk, BLOCK_OF_MAPPINGS, mappings,
			sb->facts.nr_cache_blocks, BUFFER_BLOCKS, "mappings");
	array_iter_init(&metadata->dirty, &metadata->walk, BLOCK_BITSET, dirty,
			bits_words(sb->facts.nr_cache_blocks), 1, "dirty bits");
	return 0;
}

int cache_metadata_open_block(struct cache_metadata **out, struct blk_dev *dev,
			      const struct cache_superblock_disk *block)
{
	struct cache_metadata *metadata = calloc(1, sizeof(*metadata));
	int r;

	if (!metadata) {
		r = report_nomem(dev->rep);
		blk_dev_close(dev);
		return r;
	}
	metadata->dev = *dev;
	r = cache_superblock_decode(&metadata->dev, block, &metadata->sb);
	if (!r)
		r = prepare(metadata);
	if (r)
		cache_metadata_close(metadata);
	else
		*out = metadata;
	return r;
}

int cache_metadata_open(struct cache_metadata **metadata, const char *path,
			const struct report *rep)
{
	struct cache_superblock_disk *block;
	struct blk_dev dev;
	int r = blk_dev_open(&dev, path, BLK_READ, rep);

	if (r)
		return r;
	block = blk_alloc(1);
	r = block ? cache_superblock_read(&dev, block) : report_nomem(rep);
	if (r)
		blk_dev_close(&dev);
	else
		r = cache_metadata_open_block(metadata, &dev, block);
	free(block);
	return r;
}

void cache_metadata_close(struct cache_metadata *metadata)
{
	if (!metadata)
		return;
	array_iter_free(&metadata->mappings);
	array_iter_free(&metadata->dirty);
	free(metadata->seen);
	blk_dev_close(&metadata->dev);
	free(metadata);
}

int cache_refuse_unchecked(const struct cache_facts *facts, const char *path,
			   const struct report *rep)
{
	if (!facts->needs_check)
		return 0;
	return report_fail(rep, ERA_NO_ANSWER,
			   "%s: the cache could not write its metadata: the kernel does not start "
			   "it before cache_check has cleared needs_check",
			   path);
}

const struct cache_facts *cache_metadata_facts(const struct cache_metadata *metadata)
{
	return &metadata->sb.facts;
}

bool cache_metadata_is_reached(const struct cache_metadata *metadata, uint64_t block)
{
	return bits_test(metadata->seen, block);
}

/* Moves on to the part that has this entry, or to the end if there is none. */
static int find_part(struct array_iter *it, struct array_part *part, uint64_t entry)
{
	int r = 1;

	while (r > 0 && entry >= part->first + part->len)
		r = array_iter_next(it, part);
	return r < 0 ? r : 0;
}

static uint64_t get_value(const struct array_part *part, uint64_t entry)
{
	const struct le64 *values = (const void *)part->values;

	return le64_get(values[entry - part->first]);
}

static int check_value(const struct cache_metadata *metadata, uint64_t value)
{
	uint64_t flags = value & CACHE_MAPPING_FLAGS;

	if (!value || flags == CACHE_MAPPING_VALID ||
	    flags == (CACHE_MAPPING_VALID | CACHE_MAPPING_DIRTY))
		return 0;
	return report_fail(metadata->dev.rep, ERA_DAMAGED,
			   "%s: block %" PRIu64 ": mappings, cache block %" PRIu64
			   ": bad flags: found %" PRIu64 ", wanted 1 (mapped) or 3 (dirty)",
			   metadata->dev.path, metadata->values.block, metadata->next, flags);
}

/* 1, 0 or an error. */
static int is_dirty(struct cache_metadata *metadata, uint64_t value)
{
	uint64_t word = metadata->next / BITS_PER_WORD, bits;
	int r;

	if (value & CACHE_MAPPING_DIRTY)
		return 1;
	if (!metadata->sb.facts.has_dirty_bits)
		return 0;
	r = find_part(&metadata->dirty, &metadata->words, word);
	if (r)
		return r;
	bits = get_value(&metadata->words, word);
	return bits >> metadata->next % BITS_PER_WORD & 1;
}

/* Neither array may have more blocks than it needs. */
static int end_mappings(struct cache_metadata *metadata)
{
	int r = find_part(&metadata->mappings, &metadata->values, UINT64_MAX);

	if (!r && metadata->sb.facts.has_dirty_bits)
		r = find_part(&metadata->dirty, &metadata->words, UINT64_MAX);
	return r;
}

int cache_metadata_next(struct cache_metadata *metadata, struct cache_mapping *mapping)
{
	for (; metadata->next < metadata->sb.facts.nr_cache_blocks; metadata->next++) {
		int r = find_part(&metadata->mappings, &metadata->values, metadata->next), dirty;
		uint64_t value;

		if (r)
			return r;
		value = get_value(&metadata->values, metadata->next);
		r = check_value(metadata, value);
		if (r)
			return r;
		if (!value)
			continue;
		dirty = is_dirty(metadata, value);
		if (dirty < 0)
			return dirty;
		*mapping = (struct cache_mapping){
			.cache_block = (uint32_t)metadata->next++,
			.origin_block = value >> CACHE_MAPPING_SHIFT,
			.dirty = dirty,
		};
		return 1;
	}
	return end_mappings(metadata);
}

struct hint_reader {
	struct cache_metadata *metadata;
	void *block; /* NULL: blocks of the array are not read */
	cache_hint_fn *hint;
	void *ctx;
};

static int tell_hints(const struct hint_reader *reader, uint64_t index)
{
	const struct array_block_disk *array = reader->block;
	const uint8_t *values = array_values(reader->block);
	uint64_t first = min_u64(index, UINT32_MAX) * ARRAY_MAX_ENTRIES(CACHE_HINT_BYTES);
	uint64_t end = reader->metadata->sb.facts.nr_cache_blocks;
	uint32_t nr = le32_get(array->nr_entries);
	int r = 0;

	nr = (uint32_t)min_u64(nr, first < end ? end - first : 0);
	for (uint32_t i = 0; i < nr && !r; i++)
		r = reader->hint(reader->ctx, (uint32_t)(first + i),
				 values + (size_t)i * CACHE_HINT_BYTES);
	return r;
}

/* Visits an array block, and reads it if its hints are wanted. */
static int read_array_block(const struct hint_reader *reader, const struct btree_iter *it,
			    const struct btree_leaf *leaf, uint32_t i)
{
	const struct le64 *pointers = (const void *)leaf->values;
	struct walk *walk = &reader->metadata->walk;
	struct walk_pointer pointer = {
		.block = le64_get(pointers[i]),
		.type = BLOCK_OF_HINTS,
		.index = le64_get(leaf->keys[i]),
	};
	struct problem p;
	int r = walk_visit(walk, leaf->block, &pointer, &p);

	if (!r && reader->block)
		r = walk_read(walk, pointer.block, BLOCK_OF_HINTS, reader->block, &p);
	if (r == ERA_DAMAGED)
		return walk_problem(walk, &p, "%s, block %" PRIu64, it->name, pointer.index + 1);
	return r || !reader->block ? r : tell_hints(reader, pointer.index);
}

/* Visits all blocks of an array that may have any length. */
static int read_array(const struct hint_reader *reader, uint64_t root, const char *name)
{
	struct btree_iter it;
	struct btree_leaf leaf;
	int r;

	if (!root)
		return 0;
	btree_iter_init(&it, &reader->metadata->walk, NODE_OF_ARRAY,
			(struct btree_root){.block = root}, name);
	while ((r = btree_iter_next(&it, &leaf)) > 0) {
		for (uint32_t i = 0; i < leaf.nr_entries && r >= 0; i++)
			r = read_array_block(reader, &it, &leaf, i);
		if (r < 0)
			break;
	}
	btree_iter_free(&it);
	return r;
}

int cache_metadata_finish(struct cache_metadata *metadata, cache_hint_fn *hint, void *ctx)
{
	const struct hint_reader only_count = {.metadata = metadata};
	struct hint_reader reader = {metadata, hint ? blk_alloc(1) : NULL, hint, ctx};
	int r = hint && !reader.block ? report_nomem(metadata->dev.rep) : 0;

	if (!r)
		r = read_array(&reader, metadata->sb.hint_root, "hints");
	free(reader.block);
	if (!r)
		r = read_array(&only_count, metadata->sb.discard_root, "discards");
	return r ? r : cache_space_map_compare(&metadata->walk, &metadata->sb.sm, metadata->seen);
}

/* A stream that leaves out the hints of cache blocks that are not mapped. */
struct passing {
	const struct cache_stream *to;
	struct growing_bits mapped;
};

/* In base64, as cache_dump prints it. */
static void encode_hint(const uint8_t *hint, char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t first = (uint32_t)hint[0] << 16 | (uint32_t)hint[1] << 8 | hint[2];

	for (int i = 0; i < 4; i++)
		text[i] = digits[first >> (18 - 6 * i) & 63];
	text[4] = digits[hint[3] >> 2];
	text[5] = digits[(hint[3] & 3) << 4];
	text[6] = text[7] = '=';
	text[8] = 0;
}

static int pass_hint(void *ctx, uint32_t cache_block, const uint8_t *hint)
{
	struct passing *passing = ctx;
	char text[9];

	if (!growing_bits_test(&passing->mapped, cache_block))
		return 0;
	encode_hint(hint, text);
	return passing->to->hint(passing->to->ctx, cache_block, text);
}

static int pass_mappings(struct cache_metadata *metadata, struct passing *passing)
{
	const struct cache_stream *to = passing->to;
	struct cache_mapping mapping;
	int r;

	while ((r = cache_metadata_next(metadata, &mapping)) > 0) {
		r = to->mapping(to->ctx, &mapping);
		if (!r && to->hint &&
		    !growing_bits_set(&passing->mapped, mapping.cache_block,
				      metadata->sb.facts.nr_cache_blocks))
			r = report_nomem(metadata->dev.rep);
		if (r)
			break;
	}
	return r;
}

int cache_metadata_read(struct cache_metadata *metadata, const struct cache_stream *to)
{
	const struct cache_header header = {
		.uuid = "",
		.policy = metadata->sb.policy,
		.block_size = metadata->sb.facts.block_size,
		.nr_cache_blocks = metadata->sb.facts.nr_cache_blocks,
		.hint_width = CACHE_HINT_BYTES,
	};
	struct passing passing = {.to = to};
	int r = to->begin(to->ctx, &header);

	if (!r)
		r = pass_mappings(metadata, &passing);
	if (!r)
		r = to->hints_begin(to->ctx);
	if (!r)
		r = cache_metadata_finish(metadata, to->hint ? pass_hint : NULL, &passing);
	growing_bits_free(&passing.mapped);
	return r ? r : to->end(to->ctx);
}
