/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dm-era's superblock and its clone, the metadata snapshot, decoded. */
#ifndef ERA_METADATA_SUPERBLOCK_H
#define ERA_METADATA_SUPERBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/problem.h"
#include "base/block_type.h"
#include "block/dev.h"
#include "pdata/space_map.h"

struct superblock {
	uint32_t csum; /* as found; tells one version of the block from another */
	uint32_t flags;
	struct space_map_root sm;
	uint32_t data_block_size; /* sectors */
	uint32_t nr_blocks;
	uint32_t current_era;
	uint32_t current_nr_bits;
	uint64_t current_root; /* of the current writeset; 0: none */
	uint64_t writeset_tree_root;
	uint64_t era_array_root;
	uint64_t metadata_snap; /* 0: none */
};

/* The size of a data block in bytes. */
static inline uint64_t superblock_block_bytes(const struct superblock *sb)
{
	return (uint64_t)sb->data_block_size * SECTOR_SIZE;
}

/* Does it say that a flush of the origin has failed?  Then what was written in era *since or later may be
 * gone from the origin (ondisk/era_disk.h); as many eras as can be counted may be more. */
bool superblock_is_unflushed(const struct superblock *sb, uint32_t *since) must_check;

/* Says that of the last nr eras; 0: of none. */
void superblock_set_unflushed(struct superblock *sb, uint32_t nr);

/* Reads and validates block nr as BLOCK_SUPERBLOCK or BLOCK_SNAPSHOT.  *sb is set on success only.
 * Returns 0, ERA_DAMAGED with *p set but `where`, or ERA_SYS (no memory; reported). */
int superblock_read(struct blk_dev *dev, uint64_t nr, enum block_type type, struct superblock *sb,
		    struct problem *p) must_check;

/* Reads block nr whatever it says, if it has a superblock's checksum and its own number.  1, 0, or ERA_SYS (no memory;
 * reported). */
int superblock_read_any(struct blk_dev *dev, uint64_t nr, struct superblock *sb) must_check;

/* Writes sb into a zeroed block, which lacks its own number and checksum then: blk_seal(). */
void superblock_encode(const struct superblock *sb, void *block);

/* Writes sb as block 0 and flushes.  Errors are reported. */
int superblock_write(struct blk_dev *dev, const struct superblock *sb) must_check;

/* Gives the valid superblock in block 0 another space map, leaves all else of it as it is, and
 * flushes.  Errors are reported. */
int superblock_replace_space_map(struct blk_dev *dev, const struct space_map_root *sm) must_check;

/* Makes block 0 something that nobody takes for metadata, not even for unused ones (those are
 * zero), and flushes. */
int superblock_invalidate(struct blk_dev *dev) must_check;

#endif
