/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Reading a cache's metadata by a superblock that need not be the one on the device. */
#ifndef ROOM_CACHE
#error "of the room cache alone"
#endif
#ifndef ERA_CACHE_METADATA_INTERNAL_H
#define ERA_CACHE_METADATA_INTERNAL_H

#include "block/dev.h"
#include "cache/metadata.h"
#include "ondisk/cache_disk.h"

/* Reads block 0 into memory from blk_alloc(), and checks nothing.  Errors are reported. */
int cache_superblock_read(struct blk_dev *dev, struct cache_superblock_disk *block) must_check;

/* The metadata that this superblock leads to, which is checked first; it is needed only during the
 * call.  They take dev over, which is closed on failure, too. */
int cache_metadata_open_block(struct cache_metadata **metadata, struct blk_dev *dev,
			      const struct cache_superblock_disk *block) must_check;

/* After cache_metadata_finish(): does anything point to this block, which is below the number of
 * blocks of both device and space map? */
bool cache_metadata_is_reached(const struct cache_metadata *metadata, uint64_t block);

#endif
