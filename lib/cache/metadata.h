/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The metadata of a dm-cache, read from its metadata device.
 *
 * They are read as strictly as those of dm-era.  Each block is validated: checksum, own number,
 * type, counts.  The reference counts are recomputed and compared with the space map, so that a
 * lost pointer is noticed; since no block is shared, each of them is 0 or 1.
 *
 * Version 1 has a dirty flag in each mapping; version 2 has a separate bitset.
 *
 * Reading takes two bits of memory per metadata block, and a few buffers.
 */
#ifndef ERA_CACHE_METADATA_H
#define ERA_CACHE_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "cache/mappings.h"

struct cache_facts {
	bool is_clean;	     /* stopped cleanly, so that the dirty bits are right */
	bool needs_check;    /* a commit has failed: the next start needs a cache_check */
	bool has_dirty_bits; /* version 2 */
	uint32_t block_size; /* sectors */
	uint32_t nr_cache_blocks;
};

struct cache_metadata;

/* Opens a device or file that nothing writes to, and reads its superblock.  Errors are reported.
 * rep must live until *metadata is closed; after an error there is nothing to close. */
int cache_metadata_open(struct cache_metadata **metadata, const char *path,
			const struct report *rep) must_check;
void cache_metadata_close(struct cache_metadata *metadata);

/* What the superblock says; valid until the end. */
const struct cache_facts *cache_metadata_facts(const struct cache_metadata *metadata);

/* Refuses, with ERA_NO_ANSWER, a cache that needs a check. */
int cache_refuse_unchecked(const struct cache_facts *facts, const char *path,
			   const struct report *rep) must_check;

/* Gets the next mapping, in the order of cache blocks.  Returns 1, 0 at the end, or an error, which
 * is reported.  No mapping is reliable before cache_metadata_finish() has returned 0. */
int cache_metadata_next(struct cache_metadata *metadata, struct cache_mapping *mapping) must_check;

/* hint: its bytes, as many as CACHE_HINT_BYTES, valid only during the call. */
typedef int cache_hint_fn(void *ctx, uint32_t cache_block, const uint8_t *hint);

/* To be called once after the last mapping: reads the rest, and compares the space map with the
 * blocks that were reached.  Hints go to `hint`, in the order of cache blocks, including those of
 * cache blocks that are not mapped; if it is NULL, their blocks are not read. */
int cache_metadata_finish(struct cache_metadata *metadata, cache_hint_fn *hint,
			  void *ctx) must_check;

/* Reads everything into a stream, as cache_read() does with the output of cache_dump. */
int cache_metadata_read(struct cache_metadata *metadata, const struct cache_stream *to) must_check;

#endif
