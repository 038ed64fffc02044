/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * New metadata for a cache that is stopped: its own ones without some of the mappings.
 *
 * Sizes, version, policy and statistics stay as they are, and so do the hints of the mappings that
 * stay, if the cache was stopped cleanly.  The new metadata say that it was, and that nothing is
 * dirty.  No block is discarded in them: what was discarded since may be needed again when the
 * origin is rolled back, and the kernel does not read the old contents of such a block.
 *
 * They are made in a staging file, and go to blocks that the old ones do not use.  Before the
 * superblock is written, which is the last step and a change of one sector, they are read back from
 * the device.  So whenever this is stopped, the device has the old metadata or the new.
 *
 * Threads: one at a time.  Errors are reported.
 */
#ifndef ERA_CACHE_REBUILD_H
#define ERA_CACHE_REBUILD_H

#include "block/dev.h"
#include "cache/metadata.h"

struct cache_choice {
	void *ctx;
	/* Called once for each mapping, in the order of cache blocks. */
	bool (*keep)(void *ctx, const struct cache_mapping *mapping);
};

struct cache_rebuild;

/* Reads and checks all of the metadata on dev, which is open for writing, belongs to the caller,
 * and must stay open until the rebuild is closed.  After an error there is nothing to close. */
int cache_rebuild_open(struct cache_rebuild **rebuild, struct blk_dev *dev) must_check;

/* NULL is legal. */
void cache_rebuild_close(struct cache_rebuild *rebuild);

struct cache_rebuild_facts {
	struct cache_facts cache;      /* as it is */
	uint64_t nr_mapped, nr_dirty;  /* mappings as they are */
	uint64_t nr_kept;	       /* after cache_rebuild_make() */
	uint64_t nr_written, nr_spare; /* metadata blocks that it needs, and that are free */
};

const struct cache_rebuild_facts *cache_rebuild_facts(const struct cache_rebuild *rebuild);

/* Makes the new metadata, which stay in the staging file.  Fails with ERA_NO_SPACE if there are
 * too few free blocks for them.  To be called once. */
int cache_rebuild_make(struct cache_rebuild *rebuild, const struct cache_choice *choice) must_check;

/* Writes what was made. */
int cache_rebuild_commit(struct cache_rebuild *rebuild) must_check;

#endif
