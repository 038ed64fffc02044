/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of dm-cache's metadata that the XML of its mappings does not show: was it stopped
 * cleanly, and which of its blocks are dirty?
 *
 * Version 1 has a dirty flag in each mapping; version 2 has a separate bitset, which not every
 * release of cache_dump reads.
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
	uint64_t *dirty; /* version 2: one bit per cache block; otherwise NULL */
};

/* Reads them from a device or file that nothing writes to.  Errors are reported. */
int cache_metadata_read(const char *path, struct cache_metadata *metadata, const struct report *rep)
	must_check;

/* A zeroed struct is legal. */
void cache_metadata_free(struct cache_metadata *metadata);

#endif
