/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of dm-cache's superblock that is read here. Source in the kernel:
 * drivers/md/dm-cache-metadata.c. */
#ifndef ERA_ONDISK_CACHE_DISK_H
#define ERA_ONDISK_CACHE_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "base/le.h"

#define CACHE_CSUM_XOR 9031977u
#define CACHE_MAGIC UINT64_C(0x18c403)
#define CACHE_FLAG_CLEAN_SHUTDOWN 1u
#define CACHE_MAX_VERSION 2u
#define CACHE_VERSION_DIRTY_BITS 2u

struct cache_superblock_disk {
	struct le32 csum;
	struct le32 flags;
	struct le64 blocknr;
	uint8_t uuid[16];
	struct le64 magic;
	struct le32 version;
	uint8_t policy_name[16];
	struct le32 policy_hint_size;
	uint8_t sm_root[128];
	struct le64 mapping_root;
	struct le64 hint_root;
	struct le64 discard_root;
	struct le64 discard_block_size;
	struct le64 discard_nr_blocks;
	struct le32 data_block_size; /* sectors */
	struct le32 metadata_block_size;
	struct le32 cache_blocks;
	struct le32 compat_flags[3];
	struct le32 statistics[4];
	struct le32 policy_version[3];
	struct le64 dirty_root; /* version 2: a bitset */
};

_Static_assert(offsetof(struct cache_superblock_disk, magic) == 32, "magic");
_Static_assert(offsetof(struct cache_superblock_disk, data_block_size) == 232, "data_block_size");
_Static_assert(offsetof(struct cache_superblock_disk, cache_blocks) == 240, "cache_blocks");
_Static_assert(offsetof(struct cache_superblock_disk, dirty_root) == 284, "dirty_root");

#endif
