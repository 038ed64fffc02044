/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Blocks of a device in memory: validated when they are read, sealed when they are written.
 *
 * A block keeps its address until blk_cache_trim(), the only call that makes the cache smaller.
 * So code that works on several blocks needs no references, and trims when it is done with them.
 * One thread at a time.
 */
#ifndef ERA_BLOCK_CACHE_H
#define ERA_BLOCK_CACHE_H

#include <stdint.h>

#include "base/block_type.h"
#include "base/compiler.h"
#include "base/problem.h"
#include "block/blk.h"
#include "block/dev.h"

struct cached_blk;

struct blk_cache {
	struct blk_dev *dev;
	uint32_t capacity; /* how many blocks trimming leaves */
	uint32_t nr, nr_dirty;
	uint64_t nr_written; /* so far */
	uint32_t bucket_mask;
	struct cached_blk **buckets;
	void *run;			    /* a buffer for blocks that are written together */
	struct cached_blk *newest, *oldest; /* in the order of their last use */
};

/* capacity: at least 1.  dev must outlive the cache.  All calls report a lack of memory. */
int blk_cache_open(struct blk_cache *cache, struct blk_dev *dev, uint32_t capacity) must_check;
/* Dirty blocks are lost.  A zeroed cache is legal. */
void blk_cache_close(struct blk_cache *cache);

/* Gets block nr, which must be on the device.  ERA_DAMAGED sets all of *p but `where`; a failed
 * read is PROBLEM_READ. */
int blk_cache_read(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_ro *blk,
		   struct problem *p) must_check;

/* The same for writing: the block becomes dirty. */
int blk_cache_edit(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_rw *blk,
		   struct problem *p) must_check;

/* Gets block nr, zeroed and dirty.  Nothing is read, and a cached copy of the block is dropped. */
int blk_cache_new(struct blk_cache *cache, uint64_t nr, enum block_type type,
		  struct blk_rw *blk) must_check;

/* Block nr need not be written any more. */
void blk_cache_forget(struct blk_cache *cache, uint64_t nr);

/* Writes all dirty blocks, in the order of their numbers, and does not flush.  Errors are
 * reported. */
int blk_cache_write(struct blk_cache *cache) must_check;

/* Drops the least recently used blocks until `capacity` are left, and writes those that are dirty.
 */
int blk_cache_trim(struct blk_cache *cache) must_check;

#endif
