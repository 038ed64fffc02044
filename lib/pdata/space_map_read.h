/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reading a space map: its index, its bitmaps, and the tree of counts that don't fit in a bitmap.
 *
 * As for trees, the walk decides what follows from a pointer or a problem.  Its limit covers the
 * blocks that both the space map and the device have, so no other block is followed. Source in the
 * kernel: drivers/md/persistent-data/dm-space-map-common.c.
 */
#ifndef ERA_PDATA_SPACE_MAP_READ_H
#define ERA_PDATA_SPACE_MAP_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "pdata/space_map.h"
#include "pdata/walk.h"

/* One bitmap, or the blocks that it covers if it can't be read. */
struct space_map_part {
	uint64_t number; /* of nr_bitmaps */
	uint64_t first;	 /* block */
	uint32_t nr_blocks;
	const struct index_entry_disk *entry; /* NULL: the index can't be read */
	const struct bitmap_disk *bitmap;     /* NULL: it can't be read */
};

struct space_map_reader {
	void *ctx;
	/* All return 0, or an error to stop with.  leaf is the block that holds the count. */
	int (*index)(void *ctx, const struct index_disk *index); /* may be NULL */
	int (*part)(void *ctx, const struct space_map_part *part);
	int (*tree_count)(void *ctx, uint64_t leaf, uint64_t block, uint32_t count);
};

/* Is the number of blocks possible for a space map?  Otherwise ERA_DAMAGED, with all of *p set. */
int space_map_check_size(const struct space_map_root *root, struct problem *p) must_check;

/* Reads all of a space map whose size is possible.  Parts come in ascending order, then counts.
 * *complete becomes false if something could not be read (and the walk continued). */
int space_map_read(struct walk *walk, const struct space_map_root *root,
		   const struct space_map_reader *reader, bool *complete) must_check;

/* Passes a problem with bitmap i to the walk, with its place. */
int space_map_problem(struct walk *walk, const struct space_map_root *root, uint64_t i,
		      struct problem *p) must_check;

#endif
