/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "build/format.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "metadata/superblock.h"
#include "ondisk/era_disk.h"
#include "pdata/bulk.h"
#include "pdata/space_map_build.h"

int era_is_blank(struct blk_dev *dev)
{
	uint8_t *block;
	size_t i = 0;
	int r;

	if (!dev->nr_blocks)
		return report_fail(dev->rep, ERA_SYS, "%s: too small for metadata", dev->path);
	block = blk_alloc(1);
	if (!block)
		return report_nomem(dev->rep);
	r = blk_dev_read(dev, 0, 1, block);
	while (!r && i < META_BLOCK_SIZE && !block[i])
		i++;
	free(block);
	if (!r)
		return i == META_BLOCK_SIZE;
	return report_fail(dev->rep, ERA_SYS, "%s: cannot read: %s", dev->path, strerror(r));
}

static int build_array(struct blk_staging *staging, uint64_t *root)
{
	struct array_build array;
	int r = array_build_begin(&array, staging, BLOCK_ERA);

	if (!r)
		r = array_build_finish(&array, root);
	array_build_free(&array);
	return r;
}

static int build_tree(struct blk_staging *staging, uint64_t *root)
{
	struct btree_build tree;
	int r = btree_build_begin(&tree, staging, BLOCK_WRITESET_NODE);

	if (!r)
		r = btree_build_finish(&tree, root);
	btree_build_free(&tree);
	return r;
}

static int build(struct blk_staging *staging, struct superblock *sb, uint64_t nr_blocks)
{
	int r = build_tree(staging, &sb->writeset_tree_root);

	if (!r)
		r = build_array(staging, &sb->era_array_root);
	return r ? r : space_map_build(staging, nr_blocks, &space_map_just_superblock, &sb->sm);
}

int era_format(struct blk_dev *dev, uint32_t block_sectors, uint32_t era)
{
	uint64_t nr_blocks = space_map_limit(dev->nr_blocks);
	struct superblock sb = {.data_block_size = block_sectors, .current_era = era};
	struct blk_staging staging;
	int r = blk_staging_open(&staging, nr_blocks, dev->rep);

	if (r)
		return r;
	r = build(&staging, &sb, nr_blocks);
	if (!r && staging.next > nr_blocks)
		r = report_fail(dev->rep, ERA_SYS, "%s: too small for metadata", dev->path);
	if (!r)
		r = blk_staging_copy(&staging, dev);
	if (!r)
		r = blk_dev_flush(dev);
	if (!r)
		r = superblock_write(dev, &sb);
	blk_staging_close(&staging);
	return r;
}
