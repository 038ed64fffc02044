/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata of a dm-cache, as far as its mappings as XML don't tell: was it shut down cleanly,
 * and which of its blocks are dirty?
 *
 * Version 1 has a dirty flag in each mapping; version 2 has a bitset of its own, and not every
 * cache_dump looks into that.
 */
#ifndef ERA_CACHE_METADATA_H
#define ERA_CACHE_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

struct cache_metadata {
	bool clean;
	uint32_t block_size; /* sectors */
	uint32_t nr_cache_blocks;
	uint64_t *dirty; /* version 2: a bit a cache block, else NULL; free it by cache_metadata_free() */
};

/* Reads them from a device or file that no one writes to.  Errors are reported. */
int cache_metadata_read(const char *path, struct cache_metadata *metadata, const struct report *rep)
	must_check;

/* Also one that is zero. */
void cache_metadata_free(struct cache_metadata *metadata);

#endif
