/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/btree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ondisk/era_disk.h"

/* Where a node is expected: which block holds its pointer, and the range of its keys. */
struct place {
	uint64_t block, holder, first_key, end_key;
	bool holder_shared;
};

void btree_iter_init(struct btree_iter *it, struct walk *walk, enum blk_role role,
		     struct btree_root root, const char *name)
{
	*it = (struct btree_iter){.walk = walk,
				  .role = role,
				  .root = root.block,
				  .holder = root.holder,
				  .root_shared = root.holder_shared};
	snprintf(it->name, sizeof(it->name), "%s", name);
}

void btree_iter_free(struct btree_iter *it)
{
	for (unsigned i = 0; i < BTREE_MAX_DEPTH; i++)
		free(it->level[i].node);
	memset(it->level, 0, sizeof(it->level));
	it->depth = 0;
}

static const struct le64 *node_keys(const struct btree_level *level)
{
	return (const void *)((const uint8_t *)level->node + sizeof(struct node_disk));
}

static const uint8_t *node_values(const struct btree_level *level)
{
	const struct node_disk *node = level->node;

	return (const uint8_t *)(node_keys(level) + le32_get(node->max_entries));
}

static uint64_t node_child(const struct btree_level *level, uint32_t i)
{
	return le64_get(((const struct le64 *)(const void *)node_values(level))[i]);
}

/* What blk_validate() can't know: the node against its place in the tree. */
static int check_place(const struct btree_level *level, const struct place *place, bool is_root,
		       struct problem *p)
{
	const struct le64 *keys = node_keys(level);
	uint64_t first, last;

	if (!level->nr_entries && is_root)
		return 0;
	if (!level->nr_entries) {
		problem_set(p, PROBLEM_EMPTY_NODE, place->block, 0, 1);
		return ERA_DAMAGED;
	}
	first = le64_get(keys[0]);
	last = le64_get(keys[level->nr_entries - 1]);
	if (first < place->first_key) {
		problem_set(p, PROBLEM_KEY_LOW, place->block, first, place->first_key);
		return ERA_DAMAGED;
	}
	if (last >= place->end_key) {
		problem_set(p, PROBLEM_KEY_HIGH, place->block, last, place->end_key);
		return ERA_DAMAGED;
	}
	return 0;
}

static void fill_level(struct btree_level *level, const struct place *place, bool shared)
{
	const struct node_disk *node = level->node;

	level->block = place->block;
	level->end_key = place->end_key;
	level->next = 0;
	level->nr_entries = le32_get(node->nr_entries);
	level->is_leaf = le32_get(node->flags) == NODE_LEAF;
	level->shared = shared;
}

static int read_node(struct btree_iter *it, const struct place *place, struct problem *p)
{
	struct walk_pointer pointer = {.block = place->block,
				       .role = it->role,
				       .parent_shared = place->holder_shared};
	struct btree_level *level = &it->level[it->depth];
	int visit, r;

	if (it->depth == BTREE_MAX_DEPTH) {
		problem_set(p, PROBLEM_DEPTH, place->block, BTREE_MAX_DEPTH + 1, BTREE_MAX_DEPTH);
		return ERA_DAMAGED;
	}
	visit = walk_visit(it->walk, place->holder, &pointer, p);
	if (visit < 0)
		return visit;
	if (!level->node)
		level->node = blk_alloc(1);
	if (!level->node)
		return report_nomem(it->walk->dev->rep);
	r = walk_read(it->walk, place->block, it->role, level->node, p);
	if (r)
		return r;
	fill_level(level, place, visit == WALK_SHARED);
	r = check_place(level, place, it->depth == 0, p);
	if (!r)
		it->depth++;
	return r;
}

static int descend(struct btree_iter *it, const struct place *place)
{
	struct problem p;
	int r = read_node(it, place, &p);

	if (r != ERA_DAMAGED)
		return r;
	it->nr_damaged++;
	if (!it->depth)
		return walk_problem(it->walk, &p, "%s, root", it->name);
	return walk_problem(it->walk, &p, "%s, node of keys from %" PRIu64, it->name,
			    place->first_key);
}

static int descend_to_child(struct btree_iter *it, struct btree_level *level)
{
	const struct le64 *keys = node_keys(level);
	uint32_t i = level->next++;
	struct place place = {
		.block = node_child(level, i),
		.holder = level->block,
		.first_key = le64_get(keys[i]),
		.end_key = i + 1 < level->nr_entries ? le64_get(keys[i + 1]) : level->end_key,
		.holder_shared = level->shared,
	};

	return descend(it, &place);
}

static int start(struct btree_iter *it)
{
	struct place place = {
		.block = it->root,
		.holder = it->holder,
		.end_key = UINT64_MAX,
		.holder_shared = it->root_shared,
	};

	it->started = true;
	return descend(it, &place);
}

int btree_iter_next(struct btree_iter *it, struct btree_leaf *leaf)
{
	int r = it->started ? 0 : start(it);

	while (!r && it->depth) {
		struct btree_level *level = &it->level[it->depth - 1];

		if (level->is_leaf && !level->next) {
			level->next = 1;
			*leaf = (struct btree_leaf){level->block, level->nr_entries,
						    node_keys(level), node_values(level),
						    level->shared};
			return 1;
		}
		if (level->is_leaf || level->next == level->nr_entries)
			it->depth--;
		else
			r = descend_to_child(it, level);
	}
	return r;
}
