/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/btree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ondisk/era_disk.h"
#include "pdata/node.h"

/* Where a node is expected: which block holds its pointer, and the range of its keys. */
struct place {
	uint64_t block, holder, first_key, end_key;
	bool holder_shared;
};

void btree_iter_init(struct btree_iter *it, struct walk *walk, enum block_type type,
		     struct btree_root root, const char *name)
{
	*it = (struct btree_iter){.walk = walk,
				  .type = type,
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

int btree_check_place(struct blk_ro node, uint64_t first_key, uint64_t end_key, bool is_root,
		      struct problem *p)
{
	uint32_t nr = node_nr(node.data);
	uint64_t first, last;

	if (!nr && is_root)
		return 0;
	if (!nr) {
		problem_set(p, PROBLEM_EMPTY_NODE, node.nr, 0, 1);
		return ERA_DAMAGED;
	}
	first = node_key(node.data, 0);
	last = node_key(node.data, nr - 1);
	if (first < first_key) {
		problem_set(p, PROBLEM_KEY_LOW, node.nr, first, first_key);
		return ERA_DAMAGED;
	}
	if (last >= end_key) {
		problem_set(p, PROBLEM_KEY_HIGH, node.nr, last, end_key);
		return ERA_DAMAGED;
	}
	return 0;
}

static void fill_level(struct btree_level *level, const struct place *place, bool shared)
{
	level->block = place->block;
	level->end_key = place->end_key;
	level->next = 0;
	level->nr_entries = node_nr(level->node);
	level->is_leaf = node_is_leaf(level->node);
	level->shared = shared;
}

static int read_node(struct btree_iter *it, const struct place *place, struct problem *p)
{
	struct walk_pointer pointer = {.block = place->block,
				       .type = it->type,
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
	r = walk_read(it->walk, place->block, it->type, level->node, p);
	if (r)
		return r;
	fill_level(level, place, visit == WALK_SHARED);
	r = btree_check_place((struct blk_ro){place->block, level->node}, place->first_key,
			      place->end_key, it->depth == 0, p);
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
	p.type = it->type;
	it->nr_damaged++;
	if (!it->depth)
		return walk_problem(it->walk, &p, "%s, root", it->name);
	return walk_problem(it->walk, &p, "%s, node of keys from %" PRIu64, it->name,
			    place->first_key);
}

static int descend_to_child(struct btree_iter *it, struct btree_level *level)
{
	const struct le64 *keys = node_keys(level->node);
	uint32_t i = level->next++;
	struct place place = {
		.block = node_child(level->node, i),
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
						    node_keys(level->node),
						    node_values(level->node), level->shared};
			return 1;
		}
		if (level->is_leaf || level->next == level->nr_entries)
			it->depth--;
		else
			r = descend_to_child(it, level);
	}
	return r;
}
