/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

static int level_open(struct btree_build *b)
{
	struct btree_build_level *level = &b->level[b->nr_levels];
	uint32_t value_size = b->nr_levels ? sizeof(struct le64) : blk_value_size(b->type);
	uint32_t max = NODE_MAX_ENTRIES(value_size);

	level->keys = calloc(2 * (size_t)max, sizeof(*level->keys));
	level->values = calloc(2 * (size_t)max, value_size);
	if (!level->keys || !level->values)
		return report_nomem(b->staging->rep);
	level->max = max;
	level->value_size = value_size;
	b->nr_levels++;
	return 0;
}

/* Writes the first nr entries of a level as a node. */
static int write_node(struct btree_build *b, unsigned depth, uint32_t nr, uint64_t *block)
{
	struct btree_build_level *level = &b->level[depth];
	struct node_disk *node = blk_alloc(1);
	struct blk_rw blk = {.data = node};
	struct le64 *keys;
	int r;

	if (!node)
		return report_nomem(b->staging->rep);
	memset(node, 0, META_BLOCK_SIZE);
	node->flags = le32_make(depth ? NODE_INTERNAL : NODE_LEAF);
	node->nr_entries = le32_make(nr);
	node->max_entries = le32_make(level->max);
	node->value_size = le32_make(level->value_size);
	keys = (void *)(node + 1);
	for (uint32_t i = 0; i < nr; i++)
		keys[i] = le64_make(level->keys[i]);
	memcpy(keys + level->max, level->values, (size_t)nr * level->value_size);
	r = blk_staging_append(b->staging, &blk, b->type);
	*block = blk.nr;
	free(node);
	return r;
}

static int level_add(struct btree_build *b, unsigned depth, uint64_t key, const void *value);

/* Turns the first nr entries into a node and tells the level above of it. */
static int push_up(struct btree_build *b, unsigned depth, uint32_t nr)
{
	struct btree_build_level *level = &b->level[depth];
	uint64_t first_key = level->keys[0], block;
	struct le64 child;
	int r = write_node(b, depth, nr, &block);

	if (r)
		return r;
	level->nr -= nr;
	memmove(level->keys, level->keys + nr, level->nr * sizeof(*level->keys));
	memmove(level->values, level->values + (size_t)nr * level->value_size,
		(size_t)level->nr * level->value_size);
	child = le64_make(block);
	return level_add(b, depth + 1, first_key, &child);
}

static int level_add(struct btree_build *b, unsigned depth, uint64_t key, const void *value)
{
	struct btree_build_level *level = &b->level[depth];
	int r = 0;

	if (depth == b->nr_levels)
		r = level_open(b);
	if (!r && level->nr == 2 * level->max)
		r = push_up(b, depth, level->max);
	if (r)
		return r;
	level->keys[level->nr] = key;
	memcpy(level->values + (size_t)level->nr * level->value_size, value, level->value_size);
	level->nr++;
	return 0;
}

int btree_build_begin(struct btree_build *b, struct blk_staging *staging, enum block_type type)
{
	*b = (struct btree_build){.staging = staging, .type = type};
	return level_open(b);
}

int btree_build_add(struct btree_build *b, uint64_t key, const void *value)
{
	return level_add(b, 0, key, value);
}

/* Levels may grow while those below them are finished. */
int btree_build_finish(struct btree_build *b, uint64_t *root)
{
	int r = 0;

	for (unsigned depth = 0; depth + 1 < BTREE_MAX_DEPTH && !r; depth++) {
		struct btree_build_level *level = &b->level[depth];

		if (level->nr > level->max)
			r = push_up(b, depth, level->nr / 2);
		if (!r && depth + 1 == b->nr_levels)
			return write_node(b, depth, level->nr, root);
		if (!r)
			r = push_up(b, depth, level->nr);
	}
	return r;
}

void btree_build_free(struct btree_build *b)
{
	for (unsigned i = 0; i < BTREE_MAX_DEPTH; i++) {
		free(b->level[i].keys);
		free(b->level[i].values);
	}
	*b = (struct btree_build){0};
}

int array_build_begin(struct array_build *b, struct blk_staging *staging, enum block_type type)
{
	*b = (struct array_build){
		.type = type,
		.per_block = ARRAY_MAX_ENTRIES(blk_value_size(type)),
		.block = blk_alloc(1),
	};
	if (!b->block)
		return report_nomem(staging->rep);
	return btree_build_begin(&b->tree, staging,
				 type == BLOCK_ERA ? BLOCK_ERA_NODE : BLOCK_BITSET_NODE);
}

static int write_array_block(struct array_build *b)
{
	struct array_block_disk *block = b->block;
	uint32_t value_size = blk_value_size(b->type);
	size_t used = sizeof(*block) + (size_t)b->nr_entries * value_size;
	struct blk_rw blk = {.data = b->block};
	struct le64 pointer;
	int r;

	memset((uint8_t *)b->block + used, 0, META_BLOCK_SIZE - used);
	block->max_entries = le32_make(b->per_block);
	block->nr_entries = le32_make(b->nr_entries);
	block->value_size = le32_make(value_size);
	r = blk_staging_append(b->tree.staging, &blk, b->type);
	if (r)
		return r;
	b->nr_entries = 0;
	pointer = le64_make(blk.nr);
	return btree_build_add(&b->tree, b->next_index++, &pointer);
}

int array_build_add(struct array_build *b, const void *values, uint32_t nr)
{
	uint32_t value_size = blk_value_size(b->type);
	const uint8_t *from = values;

	while (nr) {
		uint32_t n = (uint32_t)min_u64(nr, b->per_block - b->nr_entries);
		uint8_t *to = (uint8_t *)b->block + sizeof(struct array_block_disk);

		memcpy(to + (size_t)b->nr_entries * value_size, from, (size_t)n * value_size);
		from += (size_t)n * value_size;
		b->nr_entries += n;
		nr -= n;
		if (b->nr_entries == b->per_block) {
			int r = write_array_block(b);

			if (r)
				return r;
		}
	}
	return 0;
}

int array_build_finish(struct array_build *b, uint64_t *root)
{
	int r = b->nr_entries ? write_array_block(b) : 0;

	return r ? r : btree_build_finish(&b->tree, root);
}

void array_build_free(struct array_build *b)
{
	btree_build_free(&b->tree);
	free(b->block);
	b->block = NULL;
}
