/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The superblock of dm-cache's metadata: was the cache shut down cleanly? */
#ifndef ERA_BLOCK_CACHE_SUPERBLOCK_H
#define ERA_BLOCK_CACHE_SUPERBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

struct cache_superblock {
	bool clean, needs_check;
	uint32_t block_size; /* sectors */
	uint32_t nr_cache_blocks;
};

/* Reads it from a device or file that no one writes to.  Errors are reported. */
int cache_superblock_read(const char *path, struct cache_superblock *sb, const struct report *rep)
	must_check;

#endif
