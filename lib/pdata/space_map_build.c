/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Counts from 3 on go to the ref-count tree, which is built first: only then is it known how many
 * blocks the staging file will have when it is complete, and which they are.  Those stand in
 * ascending order, so one step through all blocks meets them one after the other.
 */
#include "pdata/space_map_build.h"

#include <stdlib.h>
#include <string.h>

#include "ondisk/era_disk.h"
#include "pdata/bulk.h"

struct build {
	struct blk_staging *staging;
	const struct space_map_counts *counts;
	struct space_map_root *sm;
	/* Of the staging file's blocks: the next to come, and how many there will be. */
	uint64_t own, own_end;
};

static int build_ref_tree(struct build *b)
{
	struct btree_build tree;
	int r = btree_build_begin(&tree, b->staging, BLOCK_REF_NODE);

	for (uint64_t block = 0; block < b->sm->nr_blocks && !r; block++) {
		uint32_t count = b->counts->get(b->counts->ctx, block);
		struct le32 value = le32_make(count);

		if (count >= BITMAP_LOOK_IN_TREE)
			r = btree_build_add(&tree, block, &value);
	}
	if (!r)
		r = btree_build_finish(&tree, &b->sm->ref_tree);
	btree_build_free(&tree);
	return r;
}

static uint32_t next_count(struct build *b, uint64_t block)
{
	if (b->own == b->own_end || blk_staging_number(b->staging, b->own) != block)
		return b->counts->get(b->counts->ctx, block);
	b->own++;
	return 1;
}

static void fill_bitmap(struct build *b, uint64_t first, struct bitmap_disk *bitmap,
			struct index_entry_disk *entry)
{
	uint32_t nr = (uint32_t)min_u64(BITMAP_ENTRIES, b->sm->nr_blocks - first);
	uint8_t counts[BITMAP_ENTRIES] = {0};

	for (uint32_t e = 0; e < nr; e++)
		counts[e] = (uint8_t)min_u64(next_count(b, first + e), BITMAP_LOOK_IN_TREE);
	memset(bitmap, 0, META_BLOCK_SIZE);
	b->sm->nr_allocated += bitmap_encode(bitmap, counts, nr, entry);
}

static int build_index(struct build *b, struct index_disk *index, struct bitmap_disk *bitmap)
{
	uint64_t nr_bitmaps = div_up(b->sm->nr_blocks, BITMAP_ENTRIES);
	struct blk_rw blk = {.data = bitmap};
	int r;

	b->own = 1;
	b->own_end = b->staging->next + nr_bitmaps + 1;
	memset(index, 0, sizeof(*index));
	for (uint64_t i = 0; i < nr_bitmaps; i++) {
		fill_bitmap(b, i * BITMAP_ENTRIES, bitmap, &index->entry[i]);
		r = blk_staging_append(b->staging, &blk, BLOCK_BITMAP);
		if (r)
			return r;
		index->entry[i].blocknr = le64_make(blk.nr);
	}
	blk.data = index;
	r = blk_staging_append(b->staging, &blk, BLOCK_INDEX);
	b->sm->index = blk.nr;
	return r;
}

static uint32_t count_superblock(void *ctx, uint64_t block)
{
	(void)ctx;
	return block == 0;
}

const struct space_map_counts space_map_just_superblock = {NULL, count_superblock};

int space_map_build(struct blk_staging *staging, uint64_t nr_blocks,
		    const struct space_map_counts *counts, struct space_map_root *sm)
{
	struct build b = {.staging = staging, .counts = counts, .sm = sm};
	void *index = blk_alloc(1), *bitmap = blk_alloc(1);
	int r;

	*sm = (struct space_map_root){.nr_blocks = nr_blocks};
	r = index && bitmap ? build_ref_tree(&b) : report_nomem(staging->rep);
	if (!r)
		r = build_index(&b, index, bitmap);
	free(index);
	free(bitmap);
	return r;
}
