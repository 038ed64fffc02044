/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/array.h"

#include <errno.h>
#include <inttypes.h>

#include "base/checked.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"
#include "pdata/node.h"

void array_iter_init(struct array_iter *it, struct walk *walk, enum block_type type,
		     struct btree_root root, uint64_t nr_entries, uint32_t capacity,
		     const char *name)
{
	*it = (struct array_iter){
		.type = type,
		.nr_entries = nr_entries,
		.per_block = ARRAY_MAX_ENTRIES(blk_value_size(type)),
	};
	it->nr_blocks = div_up(nr_entries, it->per_block);
	btree_iter_init(&it->tree, walk, type == BLOCK_ERA ? BLOCK_ERA_NODE : BLOCK_BITSET_NODE,
			root, name);
	read_ahead_init(&it->read_ahead, walk->dev, (uint32_t)min_u64(capacity, it->nr_blocks));
}

void array_iter_free(struct array_iter *it)
{
	btree_iter_free(&it->tree);
	read_ahead_free(&it->read_ahead);
}

/* Entries of the array blocks first_index .. end_index - 1. */
static void set_entries(const struct array_iter *it, struct array_part *part, uint64_t first_index,
			uint64_t end_index)
{
	part->index = first_index;
	part->first = first_index * it->per_block;
	part->len = min_u64(end_index * it->per_block, it->nr_entries) - part->first;
}

int array_problem(struct array_iter *it, uint64_t index, struct problem *p)
{
	p->type = it->type;
	return walk_problem(it->tree.walk, p, "%s, block %" PRIu64 " of %" PRIu64, it->tree.name,
			    index + 1, it->nr_blocks);
}

static int read_block(struct array_iter *it, uint64_t index, struct blk_ro *blk, struct problem *p)
{
	const struct le64 *pointers = (const void *)it->leaf.values;
	struct walk *walk = it->tree.walk;
	uint32_t i = it->leaf_pos;
	struct walk_pointer pointer = {
		.block = le64_get(pointers[i]),
		.type = it->type,
		.index = index,
		.parent_shared = it->leaf.shared,
	};
	int visit = walk_visit(walk, it->leaf.block, &pointer, p), error;

	if (visit < 0 || visit == WALK_SKIP)
		return visit;
	error = read_ahead_get(&it->read_ahead, pointers + i, it->leaf.nr_entries - i, walk->limit,
			       blk);
	if (error == ENOMEM)
		return report_nomem(walk->dev->rep);
	if (error) {
		problem_set(p, PROBLEM_READ, pointer.block, (uint64_t)error, 0);
		return ERA_DAMAGED;
	}
	return blk_validate(*blk, it->type, p);
}

static int check_entries(const struct blk_ro *blk, uint64_t wanted, struct problem *p)
{
	const struct array_block_disk *array = blk->data;
	uint32_t found = le32_get(array->nr_entries);

	if (found == wanted)
		return 0;
	problem_set(p, PROBLEM_ARRAY_ENTRIES, blk->nr, found, wanted);
	return ERA_DAMAGED;
}

static int known_block(struct array_iter *it, struct array_part *part)
{
	uint64_t index = it->next_index++;
	struct blk_ro blk = {0, NULL};
	struct problem p;
	int r;

	set_entries(it, part, index, index + 1);
	part->block = le64_get(((const struct le64 *)(const void *)it->leaf.values)[it->leaf_pos]);
	r = read_block(it, index, &blk, &p);
	it->leaf_pos++;
	if (!r)
		r = check_entries(&blk, part->len, &p);
	part->state = r == WALK_SKIP ? ARRAY_SKIPPED : ARRAY_KNOWN;
	if (r == ERA_DAMAGED) {
		part->state = ARRAY_UNKNOWN;
		part->miscounted = p.code == PROBLEM_ARRAY_ENTRIES;
		part->excess = part->miscounted && p.found > p.wanted;
		r = array_problem(it, index, &p);
	}
	if (r < 0)
		return r;
	if (part->state == ARRAY_KNOWN)
		part->values = array_values(blk.data);
	return 1;
}

/* The blocks before end_index aren't there: damage in the tree has been told of, a hole in sound
 * nodes hasn't. */
static int missing_blocks(struct array_iter *it, uint64_t end_index, struct array_part *part)
{
	struct problem p;
	int r = 0;

	set_entries(it, part, it->next_index, end_index);
	part->state = ARRAY_UNKNOWN;
	if (it->damage_told == it->tree.nr_damaged) {
		problem_set(&p, PROBLEM_ARRAY_MISSING,
			    it->leaf.block ? it->leaf.block : it->tree.root, end_index,
			    it->next_index);
		r = array_problem(it, it->next_index, &p);
	}
	it->damage_told = it->tree.nr_damaged;
	it->next_index = end_index;
	return r ? r : 1;
}

static int blocks_past_end(struct array_iter *it)
{
	struct problem p;

	if (it->overlong)
		return 0;
	it->overlong = true;
	problem_set(&p, PROBLEM_ARRAY_EXTRA, it->leaf.block, le64_get(it->leaf.keys[it->leaf_pos]),
		    it->nr_blocks);
	return walk_problem(it->tree.walk, &p, "%s", it->tree.name);
}

/* 1 when the leaf has an entry at leaf_pos, 0 at the end of the tree. */
static int next_entry(struct array_iter *it)
{
	while (it->leaf_pos == it->leaf.nr_entries) {
		int r = btree_iter_next(&it->tree, &it->leaf);

		it->leaf_pos = 0;
		if (r <= 0) {
			it->leaf.nr_entries = 0;
			return r;
		}
	}
	return 1;
}

int array_iter_next(struct array_iter *it, struct array_part *part)
{
	int r;

	*part = (struct array_part){.state = ARRAY_UNKNOWN};
	for (;;) {
		uint64_t key = it->nr_blocks;

		r = next_entry(it);
		if (r < 0)
			return r;
		if (r)
			key = min_u64(le64_get(it->leaf.keys[it->leaf_pos]), it->nr_blocks);
		if (key > it->next_index)
			return missing_blocks(it, key, part);
		if (key < it->nr_blocks) {
			it->nr_found++;
			it->damage_told = it->tree.nr_damaged;
			return known_block(it, part);
		}
		if (!r)
			return 0;
		it->nr_found += it->leaf.nr_entries - it->leaf_pos;
		r = blocks_past_end(it);
		if (r)
			return r;
		it->leaf_pos = it->leaf.nr_entries;
	}
}
