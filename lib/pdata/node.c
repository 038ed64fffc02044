/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/node.h"

#include "base/checked.h"

/* What a value in a leaf points to, and where in the value the pointer is. */
static const struct leaf_pointer {
	enum blk_role role;
	size_t offset;
} leaf_pointers[NR_ROLES] = {
	[ROLE_WRITESET_NODE] = {ROLE_BITSET_NODE, offsetof(struct writeset_disk, root)},
	[ROLE_BITSET_NODE] = {ROLE_BITSET, 0},
	[ROLE_ERA_NODE] = {ROLE_ERA, 0},
};

static bool is_node(enum blk_role role)
{
	return role == ROLE_REF_NODE || leaf_pointers[role].role != ROLE_NONE;
}

struct blk_pointers blk_pointers(const void *data, enum blk_role role)
{
	struct leaf_pointer pointer = {role, 0};

	if (!is_node(role))
		return (struct blk_pointers){.role = ROLE_NONE};
	if (node_is_leaf(data))
		pointer = leaf_pointers[role];
	return (struct blk_pointers){
		.role = pointer.role,
		.nr = pointer.role == ROLE_NONE ? 0 : node_nr(data),
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
