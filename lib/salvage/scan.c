/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A block is read once.  What stays in memory is eight bytes a block, and four for each pointer
 * of a node: block numbers of a metadata device fit 32 bits.
 */
#include "salvage/scan_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/grow.h"
#include "block/validate.h"
#include "metadata/state_room.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/node.h"
#include "pdata/space_map.h"

#define RUN_BLOCKS BUFFER_SIZE(256u, 16u)
#define NO_INDEX UINT32_MAX
#define WRITESET_WORDS 3u
#define MAX_WORK 32768u /* for each block */
#define MAX_POOL (UINT64_C(1) << 31)
#define LIST_WORDS 64u /* what a list costs, even an empty one */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !len || (!bytes[0] && !memcmp(bytes, bytes + 1, len - 1));
}

static int reserve(struct scan *scan, uint64_t more)
{
	uint64_t wanted = scan->nr_pool + more;
	uint32_t *grown = NULL;

	if (wanted <= MAX_POOL)
		grown = grow_array(scan->pool, (size_t)wanted, &scan->capacity, sizeof(*grown));
	if (!grown)
		return report_nomem(scan->dev->rep);
	scan->pool = grown;
	return 0;
}

static void push(struct scan *scan, uint32_t value)
{
	scan->pool[scan->nr_pool++] = value;
}

static uint32_t block_number(const struct scan *scan, struct le64 disk)
{
	uint64_t nr = le64_get(disk);

	return nr < scan->limit ? (uint32_t)nr : 0;
}

static bool keys_follow(const struct le64 *keys, uint32_t nr)
{
	for (uint32_t i = 1; i < nr; i++)
		if (le64_get(keys[i]) != le64_get(keys[0]) + i)
			return false;
	return true;
}

static void keep_children(struct scan *scan, const struct le64 *keys, const void *values,
			  uint32_t nr)
{
	const struct le64 *children = values;
	uint64_t first = nr ? le64_get(keys[0]) : 0;

	push(scan, keys_follow(keys, nr) ? (uint32_t)min_u64(first, NO_INDEX) : NO_INDEX);
	for (uint32_t i = 0; i < nr; i++)
		push(scan, block_number(scan, children[i]));
}

static void note_era(struct scan *scan, uint32_t era)
{
	scan->max_era = era > scan->max_era ? era : scan->max_era;
}

static void keep_writesets(struct scan *scan, const struct le64 *keys, const void *values,
			   uint32_t nr)
{
	const struct writeset_disk *writesets = values;

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t era = (uint32_t)min_u64(le64_get(keys[i]), UINT32_MAX);
		uint32_t nr_bits = le32_get(writesets[i].nr_bits);

		note_era(scan, era);
		raise_u32(&scan->max_bits, nr_bits);
		push(scan, era);
		push(scan, nr_bits);
		push(scan, block_number(scan, writesets[i].root));
	}
}

static int look_at_node(struct scan *scan, const void *data, struct scan_block *block)
{
	const struct le64 *keys = node_keys(data);
	const void *values = node_values(data);
	int r = reserve(scan, 1 + WRITESET_WORDS * (uint64_t)node_nr(data));

	if (r)
		return r;
	if (!node_is_leaf(data))
		block->type = SCAN_NODE;
	block->nr = (uint16_t)node_nr(data);
	block->value = (uint32_t)scan->nr_pool;
	if (block->type == SCAN_WRITESETS)
		keep_writesets(scan, keys, values, block->nr);
	else if (block->type != SCAN_REF_LEAF)
		keep_children(scan, keys, values, block->nr);
	return 0;
}

/* Is anything in an array's block behind its last entry? */
static bool has_more(const void *data, uint32_t nr_bytes)
{
	const uint8_t *more = array_values(data) + nr_bytes;
	const uint8_t *end = (const uint8_t *)data + META_BLOCK_SIZE;

	return !is_zero(more, (size_t)(end - more));
}

static void look_at_eras(struct scan *scan, const void *data, struct scan_block *block)
{
	const struct array_block_disk *array = data;
	const struct le32 *eras = (const void *)array_values(data);

	block->nr = (uint16_t)le32_get(array->nr_entries);
	scan->was_longer |= has_more(data, block->nr * ERA_VALUE_SIZE);
	if (block->nr < ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE)) {
		scan->resized |= scan->partial && scan->partial != block->nr;
		scan->partial = block->nr;
	}
	for (uint32_t i = 0; i < block->nr; i++)
		if (le32_get(eras[i]) > block->value)
			block->value = le32_get(eras[i]);
	note_era(scan, block->value);
	if (block->value > scan->max_digested)
		scan->max_digested = block->value;
}

/* Sets of bits never shrink: with bits behind its end a block was another one. */
static void look_at_bits(const void *data, struct scan_block *block)
{
	const struct array_block_disk *array = data;
	const struct le64 *words = (const void *)array_values(data);

	block->nr = (uint16_t)le32_get(array->nr_entries);
	if (has_more(data, block->nr * WORD_VALUE_SIZE))
		block->type = SCAN_DAMAGED;
	for (uint32_t i = 0; i < block->nr; i++)
		block->value += (uint32_t)__builtin_popcountll(le64_get(words[i]));
}

static void look_at_clone(struct scan *scan, const void *data)
{
	const struct superblock_disk *sb = data;

	note_era(scan, le32_get(sb->current_era));
	scan->data_block_size = le32_get(sb->data_block_size);
}

static int look_at(struct scan *scan, uint64_t nr, const void *data)
{
	static const uint8_t types[NR_BLOCK_TYPES] = {
		[BLOCK_SUPERBLOCK] = SCAN_SUPERBLOCK,
		[BLOCK_INDEX] = SCAN_INDEX,
		[BLOCK_BITMAP] = SCAN_BITMAP,
		[BLOCK_REF_NODE] = SCAN_REF_LEAF,
		[BLOCK_WRITESET_NODE] = SCAN_WRITESETS,
		[BLOCK_BITSET_NODE] = SCAN_ARRAY_LEAF,
		[BLOCK_BITSET] = SCAN_BITS,
		[BLOCK_ERA] = SCAN_ERAS,
	};
	struct scan_block *block = &scan->blocks[nr];
	int r = 0;

	block->type = is_zero(data, META_BLOCK_SIZE)
			      ? SCAN_ZERO
			      : types[blk_recognise((struct blk_ro){nr, data})];
	if (block->type != SCAN_ZERO)
		scan->end = nr + 1;
	if (block->type == SCAN_REF_LEAF || block->type == SCAN_WRITESETS ||
	    block->type == SCAN_ARRAY_LEAF)
		r = look_at_node(scan, data, block);
	else if (block->type == SCAN_ERAS)
		look_at_eras(scan, data, block);
	else if (block->type == SCAN_BITS)
		look_at_bits(data, block);
	else if (block->type == SCAN_SUPERBLOCK && nr)
		look_at_clone(scan, data);
	if (nr)
		scan->nr_of_type[block->type]++;
	return r;
}

/* A run that can't be read in one go is read block by block. */
static int look_at_run(struct scan *scan, uint64_t first, uint64_t nr, uint8_t *data)
{
	bool whole = !blk_dev_read(scan->dev, first, nr, data);
	int r = 0;

	for (uint64_t i = 0; i < nr && !r; i++) {
		uint8_t *block = data + (size_t)i * META_BLOCK_SIZE;

		if (whole || !blk_dev_read(scan->dev, first + i, 1, block)) {
			r = look_at(scan, first + i, block);
			continue;
		}
		scan->end = first + i + 1;
		scan->nr_of_type[SCAN_DAMAGED]++;
	}
	return r;
}

/* Of a sparse file's hole, block by block, what look_at() would find in it. */
static void pass_hole(struct scan *scan, uint64_t first, uint64_t nr)
{
	blk_dev_advance(scan->dev, nr);
	for (uint64_t block = first; block < first + nr; block++) {
		scan->blocks[block].type = SCAN_ZERO;
		scan->nr_of_type[SCAN_ZERO] += !!block;
	}
}

static int look_at_all(struct scan *scan, uint8_t *data)
{
	uint64_t block = 0, next;
	int r = 0;

	blk_dev_begin(scan->dev, PROGRESS_SEARCH, scan->limit);
	while (block < scan->limit && !r) {
		next = min_u64(blk_dev_find_data(scan->dev, block), scan->limit);
		if (next > block)
			pass_hole(scan, block, next - block);
		block = min_u64(next + RUN_BLOCKS, scan->limit);
		if (block > next)
			r = look_at_run(scan, next, block - next, data);
	}
	blk_dev_begin(scan->dev, PROGRESS_NONE, 0);
	return r;
}

static void find_holes(struct scan *scan)
{
	for (uint64_t block = scan->end; block-- > 1;) {
		uint8_t type = scan->blocks[block].type;

		if (type != SCAN_DAMAGED && type != SCAN_ZERO)
			continue;
		scan->nr_holes++;
		scan->first_hole = block;
	}
}

/* Known children alone count, since the leaf of a set of bits looks alike. */
static void measure_leaf(struct scan *scan, uint64_t leaf)
{
	const uint32_t *children = scan_children(scan, leaf);
	uint64_t first = scan_first_index(scan, leaf), length;

	for (uint32_t i = 0; i < scan->blocks[leaf].nr && first != NO_INDEX; i++) {
		const struct scan_block *child = &scan->blocks[children[i]];

		length = (first + i) * ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE) + child->nr;
		if (child->type == SCAN_ERAS && length <= ERA_MAX_BLOCKS && length > scan->longest)
			scan->longest = length;
	}
}

/* A block of eras that no leaf leads to was the first one, or one behind it. */
static void measure_leaves(struct scan *scan)
{
	for (uint64_t block = 1; block < scan->end; block++) {
		const struct scan_block *b = &scan->blocks[block];

		if (b->type == SCAN_ARRAY_LEAF)
			measure_leaf(scan, block);
		else if (b->type == SCAN_ERAS && b->nr > scan->longest)
			scan->longest = b->nr;
	}
}

static bool has_state(struct blk_dev *dev, uint64_t first, void *data)
{
	for (uint64_t slot = 0; slot < STATE_ROOM_BLOCKS; slot += STATE_ROOM_SLOT_BLOCKS)
		if (!blk_dev_read(dev, first + slot, 1, data) &&
		    !memcmp(data, STATE_ROOM_MAGIC, STATE_ROOM_MAGIC_BYTES))
			return true;
	return false;
}

static bool may_have_metadata(struct blk_dev *dev, uint64_t first, void *data)
{
	for (uint64_t block = first; block < dev->nr_blocks; block++)
		if (blk_dev_read(dev, block, 1, data) ||
		    blk_recognise((struct blk_ro){block, data}) != BLOCK_NONE)
			return true;
	return false;
}

/* Where a state lies, the space map ended before it.  Had it not, a bitmap on the device would have
 * those blocks in use, as any that are past the end. */
static uint64_t find_limit(struct blk_dev *dev, void *data)
{
	uint64_t nr_blocks = dev->nr_blocks;

	if (nr_blocks > STATE_ROOM_BLOCKS && has_state(dev, nr_blocks - STATE_ROOM_BLOCKS, data) &&
	    !may_have_metadata(dev, nr_blocks - STATE_ROOM_BLOCKS, data))
		nr_blocks -= STATE_ROOM_BLOCKS;
	return space_map_limit(nr_blocks);
}

int scan_open(struct scan *scan, struct blk_dev *dev)
{
	uint8_t *data = blk_alloc(RUN_BLOCKS);
	int r = 0;

	*scan = (struct scan){.dev = dev, .limit = data ? find_limit(dev, data) : 0};
	scan->blocks = calloc((size_t)scan->limit + 1, sizeof(*scan->blocks));
	if (!data || !scan->blocks)
		r = report_nomem(dev->rep);
	if (!r)
		r = look_at_all(scan, data);
	free(data);
	if (r) {
		scan_close(scan);
		return r;
	}
	find_holes(scan);
	measure_leaves(scan);
	return 0;
}

void scan_close(struct scan *scan)
{
	free(scan->blocks);
	free(scan->pool);
	scan->blocks = NULL;
	scan->pool = NULL;
}

const uint32_t *scan_children(const struct scan *scan, uint64_t block)
{
	return scan->pool + scan->blocks[block].value + 1;
}

uint32_t scan_first_index(const struct scan *scan, uint64_t block)
{
	return scan->pool[scan->blocks[block].value];
}

struct scan_writeset scan_writeset(const struct scan *scan, uint64_t block, uint32_t i)
{
	const uint32_t *entry = scan->pool + scan->blocks[block].value + (size_t)i * WRITESET_WORDS;

	return (struct scan_writeset){entry[0], entry[1], entry[2]};
}

uint32_t scan_newest_era(const struct scan *scan, uint64_t block)
{
	const struct scan_block *b = &scan->blocks[block];

	if (b->type == SCAN_ERAS)
		return b->value;
	return b->type == SCAN_WRITESETS && b->nr ? scan_writeset(scan, block, b->nr - 1u).era : 0;
}

struct list {
	uint32_t *blocks;
	uint64_t nr, nr_nodes;
};

static bool list_leaf(const struct scan *scan, uint64_t leaf, enum scan_type type,
		      struct list *list)
{
	const uint32_t *children = scan_children(scan, leaf);
	uint32_t nr = scan->blocks[leaf].nr;

	if (!nr || scan_first_index(scan, leaf) != list->nr || list->nr + nr > scan->limit)
		return false;
	for (uint32_t i = 0; i < nr; i++) {
		if (!children[i] ||
		    (scan->blocks[children[i]].type != type && children[i] != scan->hole))
			return false;
		list->blocks[list->nr++] = children[i];
	}
	return true;
}

static bool list_node(const struct scan *scan, uint64_t node, enum scan_type type, unsigned depth,
		      struct list *list)
{
	const struct scan_block *block = &scan->blocks[node];

	if (depth == BTREE_MAX_DEPTH || list->nr_nodes++ == scan->limit)
		return false;
	if (block->type == SCAN_ARRAY_LEAF)
		return list_leaf(scan, node, type, list);
	if (block->type != SCAN_NODE)
		return false;
	for (uint32_t i = 0; i < block->nr; i++)
		if (!list_node(scan, scan_children(scan, node)[i], type, depth + 1, list))
			return false;
	return true;
}

bool scan_is_exhausted(const struct scan *scan)
{
	return scan->nr_looked_at / MAX_WORK > scan->limit;
}

int scan_read(struct scan *scan, uint64_t block, void *data)
{
	scan->nr_looked_at += META_BLOCK_SIZE / sizeof(struct le64);
	return blk_dev_read(scan->dev, block, 1, data);
}

uint32_t *scan_array(struct scan *scan, uint64_t root, enum scan_type type, uint64_t *nr)
{
	struct list list = {.blocks = malloc((size_t)scan->limit * sizeof(*list.blocks))};
	bool is_one;

	*nr = UINT64_MAX;
	if (!list.blocks) {
		(void)report_nomem(scan->dev->rep);
		return NULL;
	}
	*nr = 0;
	is_one = list_node(scan, root, type, 0, &list);
	scan->nr_looked_at += LIST_WORDS + list.nr + list.nr_nodes;
	if (is_one) {
		*nr = list.nr;
		return list.blocks;
	}
	free(list.blocks);
	return NULL;
}

bool scan_is_empty_array(const struct scan *scan, uint64_t root)
{
	return scan->blocks[root].type == SCAN_ARRAY_LEAF && !scan->blocks[root].nr;
}

static bool list_writesets(const struct scan *scan, uint64_t node, unsigned depth,
			   uint64_t *nr_nodes, struct scan_writesets *out)
{
	const struct scan_block *block = &scan->blocks[node];

	if (depth == BTREE_MAX_DEPTH || ++*nr_nodes > scan->limit)
		return false;
	if (block->type == SCAN_NODE) {
		for (uint32_t i = 0; i < block->nr; i++)
			if (!list_writesets(scan, scan_children(scan, node)[i], depth + 1, nr_nodes,
					    out))
				return false;
		return true;
	}
	if (block->type != SCAN_WRITESETS || out->nr + block->nr > scan->limit)
		return false;
	for (uint32_t i = 0; i < block->nr; i++) {
		struct scan_writeset ws = scan_writeset(scan, node, i);

		if (!ws.root || (out->nr && ws.era <= out->list[out->nr - 1].era))
			return false;
		out->list[out->nr++] = ws;
	}
	return true;
}

int scan_writesets(struct scan *scan, uint64_t root, struct scan_writesets *out)
{
	uint64_t nr_nodes = 0;
	bool is_one;

	*out = (struct scan_writesets){.list = malloc((size_t)scan->limit * sizeof(*out->list))};
	if (!out->list)
		return report_nomem(scan->dev->rep);
	is_one = list_writesets(scan, root, 0, &nr_nodes, out);
	scan->nr_looked_at += out->nr + nr_nodes;
	if (is_one)
		return 1;
	free(out->list);
	out->list = NULL;
	return 0;
}
