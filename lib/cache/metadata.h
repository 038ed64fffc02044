/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata of a dm-cache, read from its metadata device.
 *
 * They are read as strictly as those of dm-era: a block is believed only after its checksum, its own
 * number, its kind and its counts, and the whole only after its space map has been recomputed, so that no
 * pointer has been lost.  The kernel shares no blocks within them: every count is 1 or 0.
 *
 * Memory is two bits for each metadata block, and what a reader of mappings keeps.
 */
#ifndef ERA_CACHE_METADATA_H
#define ERA_CACHE_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "block/dev.h"
#include "cache/mappings.h"
#include "ondisk/cache_disk.h"
#include "pdata/array.h"
#include "pdata/space_map.h"

struct cache_superblock {
	bool is_clean;    /* stopped cleanly, so that the dirty bits are right */
	bool needs_check; /* a commit has failed: the kernel starts it no more before cache_check */
	bool has_dirty_bits; /* version 2: apart from the mappings */
	uint32_t block_size; /* sectors */
	uint32_t nr_cache_blocks;
	char policy[CACHE_POLICY_BYTES + 1];
	uint64_t mapping_root, hint_root, discard_root, dirty_root;
	struct space_map_root sm;
};

/* Of this only `sb` is for its users.  It must stay where it is while it is open. */
struct cache_metadata {
	struct cache_superblock sb;
	struct blk_dev dev;
	struct walk walk;
	uint64_t *seen; /* one bit per metadata block: a pointer leads to it */
	struct array_iter mappings, dirty;
	struct array_part values, words; /* what the iterators are at */
	uint64_t next;                   /* cache block */
};

/* Opens a device or file that nobody writes to, and reads its superblock.  Errors are reported; rep must
 * live as long as *metadata, which is to be closed only after success. */
int cache_metadata_open(struct cache_metadata *metadata, const char *path, const struct report *rep)
	must_check;
void cache_metadata_close(struct cache_metadata *metadata);

/* The next mapping, in the order of cache blocks.  1, 0 at the end, or an error, which is reported.  None
 * of them may be relied on before cache_metadata_finish() has returned 0. */
int cache_metadata_next(struct cache_metadata *metadata, struct cache_mapping *mapping) must_check;

/* After the last mapping, once: reads all else, and compares what was reached with the space map.
 * Hints go to `hint`, which may be NULL, also those of cache blocks that map nothing. */
int cache_metadata_finish(struct cache_metadata *metadata,
			  int (*hint)(void *ctx, uint32_t cache_block, const char *data), void *ctx)
	must_check;

/* Reads all of them, as cache_read() reads what cache_dump printed of them. */
int cache_metadata_read(struct cache_metadata *metadata, const struct cache_stream *to) must_check;

#endif
