/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The parts of a valid btree node or array block, and the pointers that a block holds. */
#ifndef ERA_PDATA_NODE_H
#define ERA_PDATA_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/block_type.h"
#include "ondisk/era_disk.h"

/* Children of an internal node that was split. */
#define NODE_HALF (NODE_MAX_ENTRIES(8) / 2)

static inline bool node_is_leaf(const void *node)
{
	return le32_get(((const struct node_disk *)node)->flags) == NODE_LEAF;
}

static inline uint32_t node_nr(const void *node)
{
	return le32_get(((const struct node_disk *)node)->nr_entries);
}

static inline uint32_t node_max(const void *node)
{
	return le32_get(((const struct node_disk *)node)->max_entries);
}

static inline uint32_t node_value_size(const void *node)
{
	return le32_get(((const struct node_disk *)node)->value_size);
}

static inline const struct le64 *node_keys(const void *node)
{
	return (const void *)((const struct node_disk *)node + 1);
}

static inline uint64_t node_key(const void *node, uint32_t i)
{
	return le64_get(node_keys(node)[i]);
}

/* node_max() values of node_value_size() bytes. */
static inline const uint8_t *node_values(const void *node)
{
	return (const uint8_t *)(node_keys(node) + node_max(node));
}

static inline const uint8_t *node_value(const void *node, uint32_t i)
{
	return node_values(node) + (size_t)i * node_value_size(node);
}

/* Of an internal node. */
static inline uint64_t node_child(const void *node, uint32_t i)
{
	return le64_get(((const struct le64 *)(const void *)node_values(node))[i]);
}

/* The values after an array block's header. */
static inline const uint8_t *array_values(const void *block)
{
	return (const uint8_t *)((const struct array_block_disk *)block + 1);
}

/* The pointers that a block of some type holds, each counted by the space map. */
struct blk_pointers {
	enum block_type type; /* of their targets; BLOCK_NONE if there are none */
	uint32_t nr, stride;
	const uint8_t *first;
};

/* Without the space map's own bitmaps, and without the roots in a superblock. */
struct blk_pointers blk_pointers(const void *data, enum block_type type);

static inline uint64_t blk_pointer(const struct blk_pointers *pointers, uint32_t i)
{
	struct le64 pointer;

	memcpy(&pointer, pointers->first + (size_t)i * pointers->stride, sizeof(pointer));
	return le64_get(pointer);
}

/* How many blocks a tree takes that has nr array blocks or leaves, including these.  The nodes
 * above them are at least half full, as nodes that were split are. */
uint64_t node_tree_blocks(uint64_t nr);

#endif
