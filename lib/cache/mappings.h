/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Reads the output of cache_dump, the metadata of a dm-cache as XML, strictly, as a stream. */
#ifndef ERA_CACHE_MAPPINGS_H
#define ERA_CACHE_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/source.h"

/* Texts are valid only during the call. */
struct cache_header {
	const char *uuid, *policy;
	uint32_t block_size; /* sectors */
	uint32_t nr_cache_blocks;
	uint32_t hint_width;
};

struct cache_mapping {
	uint32_t cache_block;
	uint64_t origin_block; /* in the cache's block size */
	bool dirty;
};

/* Each call returns 0 or a negative enum era_err, which ends the reading. */
struct cache_stream {
	void *ctx;
	int (*begin)(void *ctx, const struct cache_header *header);
	int (*mapping)(void *ctx, const struct cache_mapping *mapping);
	int (*hints_begin)(void *ctx);
	int (*hint)(void *ctx, uint32_t cache_block, const char *data); /* may be NULL */
	int (*end)(void *ctx);
};

/* The input is checked: sizes are whole sectors, a cache block is in the cache and is mapped once,
 * and there is a list of mappings.  Errors are reported, except those of the stream, which reports
 * its own.  Discards are left out.  Takes one bit of memory per cache block up to the last one that
 * is mapped. */
int cache_read(struct source *source, const struct cache_stream *to) must_check;

#endif
