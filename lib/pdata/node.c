/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/node.h"

#include "base/checked.h"

/* What a value in a leaf points to, and where in the value the pointer is. */
static const struct leaf_pointer {
	enum block_type type;
	size_t offset;
} leaf_pointers[NR_BLOCK_TYPES] = {
	[BLOCK_WRITESET_NODE] = {BLOCK_BITSET_NODE, offsetof(struct writeset_disk, root)},
	[BLOCK_BITSET_NODE] = {BLOCK_BITSET, 0},
	[BLOCK_ERA_NODE] = {BLOCK_ERA, 0},
};

static bool is_node(enum block_type type)
{
	return type == BLOCK_REF_NODE || leaf_pointers[type].type != BLOCK_NONE;
}

struct blk_pointers blk_pointers(const void *data, enum block_type type)
{
	struct leaf_pointer pointer = {type, 0};

	if (!is_node(type))
		return (struct blk_pointers){.type = BLOCK_NONE};
	if (node_is_leaf(data))
		pointer = leaf_pointers[type];
	return (struct blk_pointers){
		.type = pointer.type,
		.nr = pointer.type == BLOCK_NONE ? 0 : node_nr(data),
		.stride = node_value_size(data),
		.first = node_values(data) + pointer.offset,
	};
}

uint64_t node_tree_blocks(uint64_t nr)
{
	uint64_t total = nr;

	do {
		nr = div_up(nr, NODE_HALF);
		total += nr ? nr : 1;
	} while (nr > 1);
	return total;
}
