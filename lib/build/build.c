/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "build/build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "block/dev.h"
#include "block/staging.h"
#include "build/overwrite.h"
#include "build/size.h"
#include "metadata/state_room.h"
#include "metadata/superblock.h"
#include "metadata/untracked_mark.h"
#include "ondisk/era_disk.h"
#include "pdata/bulk.h"
#include "pdata/space_map.h"
#include "pdata/space_map_build.h"

struct era_build {
	const struct report *rep;
	const char *path;
	unsigned flags; /* of enum era_build_flag */
	bool exists;
	struct blk_dev dev;
	struct blk_staging staging;
	struct superblock sb;
	struct btree_build writesets;
	struct array_build array; /* the writeset or era array being built */
	uint32_t era, nr_bits;	  /* of the writeset being built */
};

/* Gives out a build that was begun with r, or closes it. */
static int begun(struct era_build **out, struct era_build *build, int r)
{
	if (r)
		era_build_close(build);
	else
		*out = build;
	return r;
}

int era_build_open_dev(struct era_build **out, struct blk_dev *dev, unsigned flags)
{
	struct era_build *build = malloc(sizeof(*build));
	int r;

	if (!build) {
		r = report_nomem(dev->rep);
		blk_dev_close(dev);
		return r;
	}
	*build = (struct era_build){.rep = dev->rep,
				    .path = dev->path,
				    .flags = flags,
				    .exists = true,
				    .dev = *dev};
	r = blk_staging_open(&build->staging, space_map_limit(dev->nr_blocks), dev->rep);
	return begun(out, build, r);
}

/* There is no such file yet. */
static int open_new(struct era_build **out, const char *path, unsigned flags,
		    const struct report *rep)
{
	struct era_build *build = malloc(sizeof(*build));
	int r;

	if (!build)
		return report_nomem(rep);
	*build = (struct era_build){.rep = rep, .path = path, .flags = flags};
	r = blk_dev_open_ops(&build->dev, path, 0, NULL, NULL, rep);
	if (!r)
		r = blk_staging_open(&build->staging, SPACE_MAP_MAX_BLOCKS, rep);
	return begun(out, build, r);
}

int era_build_open(struct era_build **out, const char *path, unsigned flags,
		   const struct report *rep)
{
	struct blk_dev dev;
	struct stat st;
	int r;

	if (stat(path, &st))
		return errno == ENOENT ? open_new(out, path, flags, rep)
				       : report_errno(rep, path, "cannot open");
	r = blk_dev_open(&dev, path, BLK_WRITE, rep);
	if (r)
		return r;
	if (!(flags & ERA_BUILD_FORCE))
		r = era_check_overwrite(&dev, flags & ERA_BUILD_KEEP_SOUND);
	if (!r)
		return era_build_open_dev(out, &dev, flags);
	blk_dev_close(&dev);
	return r;
}

struct blk_dev *era_build_dev(struct era_build *build)
{
	return &build->dev;
}

static int on_begin(void *ctx, const struct era_header *header)
{
	struct era_build *build = ctx;

	build->sb = (struct superblock){
		.flags = ERA_FLAG_CLEAN_SHUTDOWN,
		.data_block_size = header->data_block_size,
		.nr_blocks = header->nr_blocks,
		.current_era = header->current_era,
	};
	return btree_build_begin(&build->writesets, &build->staging, BLOCK_WRITESET_NODE);
}

static int on_writeset_begin(void *ctx, uint32_t era, uint32_t nr_bits)
{
	struct era_build *build = ctx;

	build->era = era;
	build->nr_bits = nr_bits;
	return array_build_begin(&build->array, &build->staging, BLOCK_BITSET);
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	struct era_build *build = ctx;
	struct le64 disk[64];
	int r = 0;

	for (uint32_t done = 0, n; done < nr && !r; done += n) {
		n = (uint32_t)min_u64(nr - done, ARRAY_SIZE(disk));
		le64_make_all(words + done, n, disk);
		r = array_build_add(&build->array, disk, n);
	}
	return r;
}

static int finish_array(struct era_build *build, uint64_t *root)
{
	int r = array_build_finish(&build->array, root);

	array_build_free(&build->array);
	return r;
}

static int on_writeset_end(void *ctx)
{
	struct era_build *build = ctx;
	struct writeset_disk ws = {.nr_bits = le32_make(build->nr_bits)};
	uint64_t root;
	int r = finish_array(build, &root);

	if (r)
		return r;
	ws.root = le64_make(root);
	return btree_build_add(&build->writesets, build->era, &ws);
}

static int on_array_begin(void *ctx)
{
	struct era_build *build = ctx;
	int r = btree_build_finish(&build->writesets, &build->sb.writeset_tree_root);

	return r ? r : array_build_begin(&build->array, &build->staging, BLOCK_ERA);
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct era_build *build = ctx;
	struct le32 disk[256];
	int r = 0;

	for (uint32_t done = 0, n; done < nr && !r; done += n) {
		n = (uint32_t)min_u64(nr - done, ARRAY_SIZE(disk));
		le32_make_all(eras + done, n, disk);
		r = array_build_add(&build->array, disk, n);
	}
	return r;
}

static int on_array_end(void *ctx)
{
	struct era_build *build = ctx;

	return finish_array(build, &build->sb.era_array_root);
}

static int on_end(void *ctx)
{
	(void)ctx;
	return 0;
}

struct era_stream era_build_stream(struct era_build *build)
{
	return (struct era_stream){build,    on_begin,	      on_writeset_begin,
				   on_words, on_writeset_end, on_array_begin,
				   on_eras,  on_array_end,    on_end};
}

static int too_small(struct era_build *build, uint64_t needed)
{
	return report_fail(build->rep, ERA_SYS,
			   "%s: too small: has %" PRIu64 " blocks of 4096 bytes, needs %" PRIu64
			   " (%" PRIu64 " bytes)%s",
			   build->path, build->dev.nr_blocks, needed, needed * META_BLOCK_SIZE,
			   (build->flags & ERA_BUILD_TIGHT) ? ""
							    : " for the kernel to work on them");
}

/* Of a device that exists. */
static uint64_t usable_blocks(const struct era_build *build, uint64_t wanted)
{
	uint64_t all = build->dev.nr_blocks;
	bool leaves_room =
		(build->flags & ERA_BUILD_RECOMMENDED) && all >= wanted + STATE_ROOM_BLOCKS;

	return leaves_room ? all - STATE_ROOM_BLOCKS : all;
}

/* How large the metadata are to be, in blocks, and whether the device is large enough. */
static int find_size(struct era_build *build, uint64_t *nr_blocks)
{
	uint64_t used = build->staging.next;
	uint64_t needed = era_size_with_spare(used, build->sb.nr_blocks);
	uint64_t wanted = needed;

	if (build->flags & ERA_BUILD_RECOMMENDED)
		wanted = max_u64(needed, era_size_recommended(build->sb.nr_blocks));
	if (!build->exists) {
		*nr_blocks = space_map_limit(wanted);
		return 0;
	}
	*nr_blocks = space_map_limit(usable_blocks(build, wanted));
	if (build->flags & ERA_BUILD_TIGHT)
		needed = used + space_map_blocks(*nr_blocks);
	return needed > *nr_blocks ? too_small(build, needed) : 0;
}

/* What is behind its fields is of the device, as the blocks behind the space map are. */
static int keep_rest(struct era_build *build)
{
	struct superblock old;
	struct problem p;
	int r = superblock_read(&build->dev, 0, BLOCK_SUPERBLOCK, &old, &p);

	if (!r)
		memcpy(build->sb.rest, old.rest, sizeof(old.rest));
	return r == ERA_DAMAGED ? untracked_mark_keep(&build->dev, &build->sb) : r;
}

static int write_device(struct era_build *build)
{
	int r = superblock_invalidate(&build->dev, build->sb.rest);

	if (!r)
		r = blk_staging_copy(&build->staging, &build->dev);
	if (!r)
		r = blk_dev_flush(&build->dev);
	if (!r)
		r = superblock_write(&build->dev, &build->sb);
	if (r && build->exists)
		report_note(
			build->rep,
			"%s: the new metadata are not complete; what it held before may be lost",
			build->path);
	return r;
}

int era_build_commit(struct era_build *build)
{
	uint64_t nr_blocks;
	int r = find_size(build, &nr_blocks);

	if (!r)
		r = space_map_build(&build->staging, nr_blocks, &space_map_just_superblock,
				    &build->sb.sm);
	if (!r && !build->exists) {
		blk_dev_close(&build->dev);
		r = blk_dev_create(&build->dev, build->path, nr_blocks, build->rep);
	}
	if (!r && build->dev.nr_blocks < nr_blocks)
		r = too_small(build, nr_blocks);
	if (!r && build->exists)
		r = keep_rest(build);
	if (!r)
		r = write_device(build);
	if (!r)
		r = blk_dev_publish(&build->dev);
	if (r)
		blk_dev_discard(&build->dev);
	return r;
}

void era_build_close(struct era_build *build)
{
	if (!build)
		return;
	blk_dev_close(&build->dev);
	blk_staging_close(&build->staging);
	btree_build_free(&build->writesets);
	array_build_free(&build->array);
	free(build);
}

int era_build_all(const char *path, unsigned flags,
		  int (*produce)(void *ctx, const struct era_stream *to), void *ctx,
		  const struct report *rep)
{
	struct era_build *build;
	struct era_stream stream;
	int r = era_build_open(&build, path, flags, rep);

	if (r)
		return r;
	stream = era_build_stream(build);
	r = produce(ctx, &stream);
	if (!r)
		r = era_build_commit(build);
	era_build_close(build);
	return r;
}
