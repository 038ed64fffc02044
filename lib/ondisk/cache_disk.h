/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The metadata of dm-cache on disk.  Nodes, arrays and the space map are those of dm-era.
 * Source in the kernel: drivers/md/dm-cache-metadata.c.
 */
#ifndef ERA_ONDISK_CACHE_DISK_H
#define ERA_ONDISK_CACHE_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "base/le.h"
#include "ondisk/era_disk.h"

#define CACHE_CSUM_XOR 9031977u
#define CACHE_MAGIC UINT64_C(0x18c403)
#define CACHE_FLAG_CLEAN_SHUTDOWN 1u
#define CACHE_FLAG_NEEDS_CHECK 2u /* a commit has failed */
#define CACHE_MAX_VERSION 2u
#define CACHE_VERSION_DIRTY_BITS 2u
#define CACHE_BLOCK_MIN_SECTORS 64u /* and every block size is a multiple of it */
#define CACHE_BLOCK_MAX_SECTORS (UINT32_C(1) << 21)
#define CACHE_POLICY_BYTES 16u

struct cache_superblock_disk {
	struct le32 csum;
	struct le32 flags;
	struct le64 blocknr;
	uint8_t uuid[16];
	struct le64 magic;
	struct le32 version;
	uint8_t policy_name[CACHE_POLICY_BYTES];
	struct le32 policy_hint_size; /* 4, or 0 before the first; cache_restore 0.9 leaves it 0 */
	struct space_map_root_disk sm;
	uint8_t sm_unused[96];
	struct le64 mapping_root; /* an array of mappings, one for each cache block */
	struct le64 hint_root;	  /* an array, perhaps of another length; 0: no hints yet */
	struct le64 discard_root; /* a bitset */
	struct le64 discard_block_size;
	struct le64 discard_nr_blocks;
	struct le32 data_block_size; /* sectors */
	struct le32 metadata_block_size;
	struct le32 cache_blocks;
	struct le32 compat_flags;
	struct le32 compat_ro_flags;
	struct le32 incompat_flags;
	struct le32 statistics[4];
	struct le32 policy_version[3];
	struct le64 dirty_root; /* version 2: a bitset, one bit for each cache block */
};

_Static_assert(offsetof(struct cache_superblock_disk, magic) == 32, "magic");
_Static_assert(offsetof(struct cache_superblock_disk, policy_hint_size) == 60, "policy_hint_size");
_Static_assert(offsetof(struct cache_superblock_disk, sm) == 64, "space-map root");
_Static_assert(offsetof(struct cache_superblock_disk, mapping_root) == 192, "mapping_root");
_Static_assert(offsetof(struct cache_superblock_disk, data_block_size) == 232, "data_block_size");
_Static_assert(offsetof(struct cache_superblock_disk, cache_blocks) == 240, "cache_blocks");
_Static_assert(offsetof(struct cache_superblock_disk, incompat_flags) == 252, "incompat_flags");
_Static_assert(offsetof(struct cache_superblock_disk, dirty_root) == 284, "dirty_root");

/* An entry of the array of mappings is the origin block, shifted, and flags; it is 0 if the cache
 * block is not mapped.  Then its dirty bit of version 2 has no meaning: cache_restore 0.9 sets
 * it. */
#define CACHE_MAPPING_VALID 1u
#define CACHE_MAPPING_DIRTY 2u
#define CACHE_MAPPING_FLAGS UINT64_C(0xffff)
#define CACHE_MAPPING_SHIFT 16

#define CACHE_HINT_BYTES 4u

#endif
