/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/space_map_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "pdata/btree.h"

struct reading {
	struct walk *walk;
	const struct space_map_root *root;
	const struct space_map_reader *reader;
	bool *complete;
	uint64_t nr_bitmaps;
	struct index_disk *index;
	struct bitmap_disk *bitmap;
};

int space_map_check_size(const struct space_map_root *root, struct problem *p)
{
	if (root->nr_blocks && root->nr_blocks <= SPACE_MAP_MAX_BLOCKS)
		return 0;
	problem_set(p, PROBLEM_SM_SIZE, 0, root->nr_blocks, SPACE_MAP_MAX_BLOCKS);
	snprintf(p->where, sizeof(p->where), "superblock, space map");
	return ERA_DAMAGED;
}

int space_map_problem(struct walk *walk, const struct space_map_root *root, uint64_t i,
		      struct problem *p)
{
	return walk_problem(walk, p, "space map, bitmap %" PRIu64 " of %" PRIu64, i + 1,
			    div_up(root->nr_blocks, BITMAP_ENTRIES));
}

static int read_block(struct reading *reading, uint64_t holder, uint64_t block,
		      enum block_type type, void *data, struct problem *p)
{
	struct walk_pointer pointer = {.block = block, .type = type};
	int r = walk_visit(reading->walk, holder, &pointer, p);

	return r < 0 ? r : walk_read(reading->walk, block, type, data, p);
}

/* Part i; without an index nothing of it but its blocks is known. */
static int read_part(struct reading *reading, uint64_t i, bool has_index)
{
	struct space_map_part part = {.number = i, .first = i * BITMAP_ENTRIES};
	struct problem p;
	int r = 0;

	part.nr_blocks = (uint32_t)min_u64(BITMAP_ENTRIES, reading->root->nr_blocks - part.first);
	if (has_index) {
		part.entry = &reading->index->entry[i];
		r = read_block(reading, reading->root->index, le64_get(part.entry->blocknr),
			       BLOCK_BITMAP, reading->bitmap, &p);
		if (r == ERA_DAMAGED)
			r = space_map_problem(reading->walk, reading->root, i, &p);
		else if (!r)
			part.bitmap = reading->bitmap;
	}
	if (!part.bitmap)
		*reading->complete = false;
	return r ? r : reading->reader->part(reading->reader->ctx, &part);
}

static int read_index(struct reading *reading)
{
	struct problem p;
	int r = read_block(reading, 0, reading->root->index, BLOCK_INDEX, reading->index, &p);
	bool has_index = !r;

	if (r == ERA_DAMAGED)
		r = walk_problem(reading->walk, &p, "space map, index");
	for (uint64_t i = 0; i < reading->nr_bitmaps && !r; i++)
		r = read_part(reading, i, has_index);
	if (!r && has_index && reading->reader->index)
		r = reading->reader->index(reading->reader->ctx, reading->index);
	return r;
}

static int read_leaf(const struct reading *reading, const struct btree_leaf *leaf)
{
	const struct le32 *counts = (const void *)leaf->values;
	int r = 0;

	for (uint32_t i = 0; i < leaf->nr_entries && !r; i++)
		r = reading->reader->tree_count(reading->reader->ctx, leaf->block,
						le64_get(leaf->keys[i]), le32_get(counts[i]));
	return r;
}

static int read_tree(struct reading *reading)
{
	struct btree_root root = {.block = reading->root->ref_tree};
	struct btree_iter it;
	struct btree_leaf leaf;
	int r;

	btree_iter_init(&it, reading->walk, BLOCK_REF_NODE, root, "ref-count tree");
	while ((r = btree_iter_next(&it, &leaf)) > 0) {
		r = read_leaf(reading, &leaf);
		if (r)
			break;
	}
	if (it.nr_damaged)
		*reading->complete = false;
	btree_iter_free(&it);
	return r;
}

int space_map_read(struct walk *walk, const struct space_map_root *root,
		   const struct space_map_reader *reader, bool *complete)
{
	struct reading reading = {
		.walk = walk,
		.root = root,
		.reader = reader,
		.complete = complete,
		.nr_bitmaps = div_up(root->nr_blocks, BITMAP_ENTRIES),
		.index = blk_alloc(1),
		.bitmap = blk_alloc(1),
	};
	int r;

	*complete = true;
	r = reading.index && reading.bitmap ? read_index(&reading) : report_nomem(walk->dev->rep);
	free(reading.index);
	free(reading.bitmap);
	return r ? r : read_tree(&reading);
}
