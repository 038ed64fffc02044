/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* dm-era's superblock and its clone, the metadata snapshot, decoded. */
#ifndef ERA_METADATA_SUPERBLOCK_H
#define ERA_METADATA_SUPERBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/block_type.h"
#include "base/compiler.h"
#include "base/problem.h"
#include "base/space_map_root.h"

struct blk_dev;

/* What is behind the fields, in the sector that they are in. */
#define SUPERBLOCK_REST_AT 224u
#define SUPERBLOCK_REST_BYTES 288u

struct superblock {
	uint32_t csum; /* as found; distinguishes versions of the block */
	uint32_t flags;
	struct space_map_root sm;
	uint32_t data_block_size; /* sectors */
	uint32_t nr_blocks;
	uint32_t current_era;
	uint32_t current_nr_bits;
	uint64_t current_root; /* of the current writeset; 0: none */
	uint64_t writeset_tree_root;
	uint64_t era_array_root;
	uint64_t metadata_snap;		     /* 0: none */
	uint8_t rest[SUPERBLOCK_REST_BYTES]; /* kept as it was found, as by the kernel */
};

/* The size of a data block in bytes. */
uint64_t superblock_block_bytes(const struct superblock *sb);

/* Does the superblock record a failed flush of the origin?  Then what was written in era *since or
 * later may be missing from the origin (ondisk/era_disk.h); the highest number of eras stands for
 * any number. */
bool superblock_is_unflushed(const struct superblock *sb, uint32_t *since) must_check;

/* Records it for the last nr eras; 0: for none. */
void superblock_set_unflushed(struct superblock *sb, uint64_t nr);

/* Reads and validates block nr as BLOCK_SUPERBLOCK or BLOCK_SNAPSHOT.  *sb is set on success only.
 * Returns 0, ERA_DAMAGED with all of *p set but `where`, or ERA_SYS (no memory; reported). */
int superblock_read(struct blk_dev *dev, uint64_t nr, enum block_type type, struct superblock *sb,
		    struct problem *p) must_check;

/* Reads block nr, whatever its fields, if it has a superblock's checksum and its own number.
 * Returns 1, 0, or ERA_SYS (no memory; reported). */
int superblock_read_any(struct blk_dev *dev, uint64_t nr, struct superblock *sb) must_check;

/* Writes sb into a zeroed block; blk_seal() then adds its own number and checksum. */
void superblock_encode(const struct superblock *sb, void *block);

/* Writes sb as block 0 and flushes.  Errors are reported. */
int superblock_write(struct blk_dev *dev, const struct superblock *sb) must_check;

/* Replaces the space map of the valid superblock in block 0, leaves everything else unchanged, and
 * flushes.  Errors are reported. */
int superblock_replace_space_map(struct blk_dev *dev, const struct space_map_root *sm) must_check;

/* The same of what is behind the fields. */
int superblock_replace_rest(struct blk_dev *dev,
			    const uint8_t rest[SUPERBLOCK_REST_BYTES]) must_check;

/* Overwrites block 0 with something that nothing takes for metadata, not even for unused ones
 * (those are zero), and flushes.  rest: what is behind the fields. */
int superblock_invalidate(struct blk_dev *dev,
			  const uint8_t rest[SUPERBLOCK_REST_BYTES]) must_check;

#endif
