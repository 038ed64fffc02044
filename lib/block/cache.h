/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks of a device in memory: validated when they are read, sealed when they are written.
 *
 * Blocks stay where they are in memory until blk_cache_trim(), which is the only call that makes
 * the cache smaller.  So whoever works on several blocks needs no references; he trims when he is
 * done with them.  One thread at a time.
 */
#ifndef ERA_BLOCK_CACHE_H
#define ERA_BLOCK_CACHE_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/problem.h"
#include "base/block_type.h"
#include "block/blk.h"
#include "block/dev.h"

struct cached_blk;

struct blk_cache {
	struct blk_dev *dev;
	uint32_t capacity;            /* blocks that trimming leaves */
	uint32_t nr, nr_dirty;
	uint64_t nr_written;      /* so far */
	uint32_t bucket_mask;
	struct cached_blk **buckets;
	void *run; /* a buffer for blocks that are written together */
	struct cached_blk *newest, *oldest; /* in the order of their last use */
};

/* capacity: at least 1.  dev must outlive the cache.  Lack of memory is reported, by all calls. */
int blk_cache_open(struct blk_cache *cache, struct blk_dev *dev, uint32_t capacity) must_check;
/* What is dirty is lost.  Also a zeroed cache. */
void blk_cache_close(struct blk_cache *cache);

/* Gets block nr, which must be on the device.  ERA_DAMAGED sets *p but `where`; a failed read is
 * PROBLEM_READ. */
int blk_cache_read(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_ro *blk,
		   struct problem *p) must_check;

/* The same for writing: it becomes dirty. */
int blk_cache_edit(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_rw *blk,
		   struct problem *p) must_check;

/* Gets block nr, zeroed and dirty; nothing is read, and what the cache had of it is forgotten. */
int blk_cache_new(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_rw *blk)
	must_check;

/* Block nr need not be written any more. */
void blk_cache_forget(struct blk_cache *cache, uint64_t nr);

/* Writes all that is dirty, in the order of block numbers, and does not flush.  Errors are
 * reported. */
int blk_cache_write(struct blk_cache *cache) must_check;

/* Drops the blocks that were used longest ago until `capacity` are left, writing what is dirty. */
int blk_cache_trim(struct blk_cache *cache) must_check;

#endif
