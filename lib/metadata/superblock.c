/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/superblock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/dev.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

_Static_assert(sizeof(struct superblock_disk) == SUPERBLOCK_REST_AT, "behind the fields");
_Static_assert(SUPERBLOCK_REST_AT + SUPERBLOCK_REST_BYTES == SECTOR_SIZE, "written as one");

uint64_t superblock_block_bytes(const struct superblock *sb)
{
	return (uint64_t)sb->data_block_size * SECTOR_SIZE;
}

static void decode(const struct superblock_disk *disk, struct superblock *sb)
{
	*sb = (struct superblock){
		.csum = le32_get(disk->csum),
		.flags = le32_get(disk->flags),
		.sm =
			{
				.nr_blocks = le64_get(disk->sm.nr_blocks),
				.nr_allocated = le64_get(disk->sm.nr_allocated),
				.index = le64_get(disk->sm.bitmap_root),
				.ref_tree = le64_get(disk->sm.ref_count_root),
			},
		.data_block_size = le32_get(disk->data_block_size),
		.nr_blocks = le32_get(disk->nr_blocks),
		.current_era = le32_get(disk->current_era),
		.current_nr_bits = le32_get(disk->current_writeset.nr_bits),
		.current_root = le64_get(disk->current_writeset.root),
		.writeset_tree_root = le64_get(disk->writeset_tree_root),
		.era_array_root = le64_get(disk->era_array_root),
		.metadata_snap = le64_get(disk->metadata_snap),
	};
	memcpy(sb->rest, disk + 1, sizeof(sb->rest));
}

static struct space_map_root_disk encode_space_map(const struct space_map_root *sm)
{
	return (struct space_map_root_disk){
		.nr_blocks = le64_make(sm->nr_blocks),
		.nr_allocated = le64_make(sm->nr_allocated),
		.bitmap_root = le64_make(sm->index),
		.ref_count_root = le64_make(sm->ref_tree),
	};
}

void superblock_encode(const struct superblock *sb, void *block)
{
	struct superblock_disk *disk = block;

	*disk = (struct superblock_disk){
		.flags = le32_make(sb->flags),
		.magic = le64_make(ERA_MAGIC),
		.version = le32_make(ERA_VERSION),
		.sm = encode_space_map(&sb->sm),
		.data_block_size = le32_make(sb->data_block_size),
		.metadata_block_size = le32_make(META_BLOCK_SECTORS),
		.nr_blocks = le32_make(sb->nr_blocks),
		.current_era = le32_make(sb->current_era),
		.current_writeset = {le32_make(sb->current_nr_bits), le64_make(sb->current_root)},
		.writeset_tree_root = le64_make(sb->writeset_tree_root),
		.era_array_root = le64_make(sb->era_array_root),
		.metadata_snap = le64_make(sb->metadata_snap),
	};
	memcpy(disk + 1, sb->rest, sizeof(sb->rest));
}

int superblock_read(struct blk_dev *dev, uint64_t nr, enum block_type type, struct superblock *sb,
		    struct problem *p)
{
	void *data = blk_alloc(1);
	int r;

	if (!data)
		return report_nomem(dev->rep);
	r = blk_dev_read(dev, nr, 1, data);
	if (r) {
		problem_set(p, PROBLEM_READ, nr, (uint64_t)r, 0);
		r = ERA_DAMAGED;
	} else {
		r = blk_validate((struct blk_ro){nr, data}, type, p);
	}
	if (!r)
		decode(data, sb);
	free(data);
	return r;
}

int superblock_read_any(struct blk_dev *dev, uint64_t nr, struct superblock *sb)
{
	struct superblock_disk *data = blk_alloc(1);
	int r;

	if (!data)
		return report_nomem(dev->rep);
	r = !blk_dev_read(dev, nr, 1, data) &&
	    le32_get(data->csum) == blk_checksum(data, SUPERBLOCK_CSUM_XOR) &&
	    le64_get(data->blocknr) == nr;
	if (r)
		decode(data, sb);
	free(data);
	return r;
}

/* What it holds after a write that has failed nobody knows, whatever that failed for. */
static int write_block_zero(struct blk_dev *dev, const void *data)
{
	return blk_dev_write(dev, 0, 1, data) ? ERA_SYS : blk_dev_flush(dev);
}

bool superblock_is_unflushed(const struct superblock *sb, uint32_t *since)
{
	uint32_t nr = sb->flags >> ERA_UNFLUSHED_ERAS_SHIFT;

	if (!(sb->flags & ERA_FLAG_ORIGIN_UNFLUSHED))
		return false;
	*since = nr < ERA_UNFLUSHED_ERAS_MAX && nr < sb->current_era ? sb->current_era - nr : 0;
	return true;
}

void superblock_set_unflushed(struct superblock *sb, uint64_t nr)
{
	uint64_t eras = min_u64(nr, ERA_UNFLUSHED_ERAS_MAX);

	sb->flags &= ERA_FLAG_WHOLE_BLOCKS;
	if (nr)
		sb->flags |= ERA_FLAG_ORIGIN_UNFLUSHED | (uint32_t)eras << ERA_UNFLUSHED_ERAS_SHIFT;
}

int superblock_write(struct blk_dev *dev, const struct superblock *sb)
{
	void *data = blk_alloc(1);
	int r;

	if (!data)
		return report_nomem(dev->rep);
	memset(data, 0, META_BLOCK_SIZE);
	superblock_encode(sb, data);
	blk_seal((struct blk_rw){0, data}, BLOCK_SUPERBLOCK);
	r = write_block_zero(dev, data);
	free(data);
	return r;
}

typedef void change_fn(struct superblock_disk *disk, const void *to);

static int replace(struct blk_dev *dev, change_fn *change, const void *to)
{
	struct superblock_disk *disk = blk_alloc(1);
	struct problem p;
	int r;

	if (!disk)
		return report_nomem(dev->rep);
	errno = blk_dev_read(dev, 0, 1, disk);
	if (errno) {
		r = report_errno(dev->rep, dev->path, "cannot read the superblock");
	} else if (blk_validate((struct blk_ro){0, disk}, BLOCK_SUPERBLOCK, &p)) {
		r = report_fail(dev->rep, ERA_SYS,
				"%s: the superblock is read differently than before", dev->path);
	} else {
		change(disk, to);
		blk_seal((struct blk_rw){0, disk}, BLOCK_SUPERBLOCK);
		r = write_block_zero(dev, disk);
	}
	free(disk);
	return r;
}

static void change_space_map(struct superblock_disk *disk, const void *to)
{
	disk->sm = encode_space_map(to);
}

int superblock_replace_space_map(struct blk_dev *dev, const struct space_map_root *sm)
{
	return replace(dev, change_space_map, sm);
}

static void change_rest(struct superblock_disk *disk, const void *to)
{
	memcpy(disk + 1, to, SUPERBLOCK_REST_BYTES);
}

int superblock_replace_rest(struct blk_dev *dev, const uint8_t rest[SUPERBLOCK_REST_BYTES])
{
	return replace(dev, change_rest, rest);
}

int superblock_invalidate(struct blk_dev *dev, const uint8_t rest[SUPERBLOCK_REST_BYTES])
{
	struct superblock_disk *data = blk_alloc(1);
	int r;

	if (!data)
		return report_nomem(dev->rep);
	memset(data, 0xff, META_BLOCK_SIZE);
	memcpy(data + 1, rest, SUPERBLOCK_REST_BYTES);
	r = write_block_zero(dev, data);
	free(data);
	return r;
}
