/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "cache/space_map.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "pdata/node.h"
#include "pdata/space_map_read.h"

struct comparison {
	struct walk *walk;
	const struct space_map_root *root;
	uint64_t *counted; /* one bit per metadata block */
	uint64_t nr_allocated;
};

static int count_problem(const struct comparison *c, enum problem_code code, uint64_t block,
			 uint64_t found, uint64_t wanted)
{
	struct problem p;

	problem_set(&p, code, block, found, wanted);
	return walk_problem(c->walk, &p, "space map");
}

static int on_count(struct comparison *c, uint64_t block, uint32_t count)
{
	c->nr_allocated++;
	if (block >= c->walk->limit)
		return count_problem(c, PROBLEM_SM_CUT, block, block, c->walk->limit);
	if (count > 1)
		return count_problem(c, PROBLEM_REF_HIGH, block, count, 1);
	bits_set(c->counted, block);
	return 0;
}

/* nr_free may be too high, as the kernel leaves it, but not too low. */
static int check_entry(const struct comparison *c, const struct space_map_part *part,
		       uint32_t nr_free, uint32_t first_free)
{
	uint32_t found = le32_get(part->entry->nr_free);
	uint32_t before = le32_get(part->entry->none_free_before);
	struct problem p;

	if (found < nr_free)
		problem_set(&p, PROBLEM_NR_FREE_LOW, c->root->index, found, nr_free);
	else if (nr_free && before > first_free)
		problem_set(&p, PROBLEM_NONE_FREE_BEFORE, c->root->index, before, first_free);
	else
		return 0;
	return space_map_problem(c->walk, c->root, part->number, &p);
}

static int on_part(void *ctx, const struct space_map_part *part)
{
	struct comparison *c = ctx;
	uint32_t nr_used = 0, first_free = 0, e = bitmap_next_used(part->bitmap, 0);
	struct problem p;
	int r = 0;

	for (; e < part->nr_blocks && !r; e = bitmap_next_used(part->bitmap, e + 1)) {
		first_free += first_free == e;
		nr_used++;
		r = on_count(c, part->first + e, bitmap_get_count(part->bitmap, e));
	}
	if (r)
		return r;
	if (e == BITMAP_ENTRIES)
		return check_entry(c, part, part->nr_blocks - nr_used, first_free);
	problem_set(&p, PROBLEM_SM_PAST_END, le64_get(part->bitmap->blocknr),
		    bitmap_get_count(part->bitmap, e), 0);
	return space_map_problem(c->walk, c->root, part->number, &p);
}

static int on_index(void *ctx, const struct index_disk *index)
{
	const struct comparison *c = ctx;

	for (uint64_t i = div_up(c->root->nr_blocks, BITMAP_ENTRIES); i < INDEX_MAX_ENTRIES; i++)
		if (le64_get(index->entry[i].blocknr))
			return count_problem(c, PROBLEM_INDEX_PAST_END, c->root->index,
					     le64_get(index->entry[i].blocknr), 0);
	return 0;
}

/* The tree has the counts above 2, and there are none. */
static int on_tree_count(void *ctx, uint64_t leaf, uint64_t block, uint32_t count)
{
	const struct comparison *c = ctx;

	(void)count;
	return count_problem(c, PROBLEM_REF_TREE_STRAY, leaf, block, 0);
}

/* cache_restore 0.9 leaks the root of an empty tree in version 1: nothing is lost with it. */
static int check_leak(const struct comparison *c, uint64_t block, void *data)
{
	struct problem p;
	int r = walk_read(c->walk, block, BLOCK_BITSET_NODE, data, &p);

	if (!r && node_is_leaf(data) && !node_nr(data))
		return 0;
	if (r && p.code == PROBLEM_READ)
		return walk_problem(c->walk, &p, "space map");
	return count_problem(c, PROBLEM_LEAK, block, 1, 0);
}

static int compare(const struct comparison *c, const uint64_t *seen, void *data)
{
	int r = 0;

	for (uint64_t block = 0; block < c->walk->limit && !r; block++) {
		bool is_seen = bits_test(seen, block), is_counted = bits_test(c->counted, block);

		if (is_seen && !is_counted)
			r = count_problem(c, PROBLEM_REF_FREE, block, 0, 1);
		else if (is_counted && !is_seen)
			r = check_leak(c, block, data);
	}
	if (r)
		return r;
	if (c->nr_allocated != c->root->nr_allocated)
		return count_problem(c, PROBLEM_NR_ALLOCATED, 0, c->root->nr_allocated,
				     c->nr_allocated);
	return 0;
}

int cache_space_map_compare(struct walk *walk, const struct space_map_root *root,
			    const uint64_t *seen)
{
	struct comparison c = {walk, root, bits_alloc(walk->limit), 0};
	const struct space_map_reader reader = {&c, on_index, on_part, on_tree_count};
	void *data = blk_alloc(1);
	bool complete;
	int r;

	r = c.counted && data ? space_map_read(walk, root, &reader, &complete)
			      : report_nomem(walk->dev->rep);
	if (!r)
		r = compare(&c, seen, data);
	free(c.counted);
	free(data);
	return r;
}
