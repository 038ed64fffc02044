/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * dm-era's metadata as stored on disk.
 *
 * Sources in the kernel: drivers/md/dm-era-target.c (superblock, writeset), and in
 * drivers/md/persistent-data dm-btree-internal.h (node), dm-array.c (array block),
 * dm-space-map-common.h (space map).  doc/format.md explains them.
 *
 * Every structure consists of byte-array integers, so it has alignment 1 and no padding.
 */
#ifndef ERA_ONDISK_ERA_DISK_H
#define ERA_ONDISK_ERA_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "base/le.h"

#define SECTOR_SIZE 512u
#define META_BLOCK_SIZE 4096u
#define META_BLOCK_SECTORS (META_BLOCK_SIZE / SECTOR_SIZE)

/* Each type of block XORs its checksum with a constant of its own. */
#define SUPERBLOCK_CSUM_XOR 146538381u
#define NODE_CSUM_XOR 121107u
#define ARRAY_CSUM_XOR 595846735u
#define BITMAP_CSUM_XOR 240779u
#define INDEX_CSUM_XOR 160478u

#define ERA_MAGIC UINT64_C(2126579579)
#define ERA_VERSION 1u
#define ERA_FLAG_CLEAN_SHUTDOWN 1u   /* set by tools, cleared by the kernel */
#define ERA_FLAG_ORIGIN_UNFLUSHED 2u /* the userspace target sets it; bits 8 to 31 count eras */
#define ERA_FLAG_WHOLE_BLOCKS 4u /* the userspace target sets it: the last block is a whole one */
#define ERA_UNFLUSHED_ERAS_SHIFT 8
#define ERA_UNFLUSHED_ERAS_MAX ((UINT32_C(1) << 24) - 1)
#define ERA_MAX_BLOCKS ((UINT64_C(1) << 31) - 1)
#define DATA_BLOCK_MIN_SECTORS 8u /* every data block size is a multiple of it */

struct space_map_root_disk {
	struct le64 nr_blocks;
	struct le64 nr_allocated;
	struct le64 bitmap_root; /* the index block */
	struct le64 ref_count_root;
};

struct writeset_disk {
	struct le32 nr_bits;
	struct le64 root;
};

struct superblock_disk {
	struct le32 csum;
	struct le32 flags;
	struct le64 blocknr;
	uint8_t uuid[16];
	struct le64 magic;
	struct le32 version;
	struct space_map_root_disk sm;
	uint8_t sm_unused[96];
	struct le32 data_block_size;
	struct le32 metadata_block_size;
	struct le32 nr_blocks;
	struct le32 current_era;
	struct writeset_disk current_writeset;
	struct le64 writeset_tree_root;
	struct le64 era_array_root;
	struct le64 metadata_snap;
};

_Static_assert(sizeof(struct space_map_root_disk) == 32, "space-map root");
_Static_assert(sizeof(struct writeset_disk) == 12, "writeset");
_Static_assert(sizeof(struct superblock_disk) == 224, "superblock");
_Static_assert(offsetof(struct superblock_disk, magic) == 32, "magic");
_Static_assert(offsetof(struct superblock_disk, sm) == 44, "space-map root");
_Static_assert(offsetof(struct superblock_disk, data_block_size) == 172, "data_block_size");
_Static_assert(offsetof(struct superblock_disk, current_writeset) == 188, "current_writeset");
_Static_assert(offsetof(struct superblock_disk, metadata_snap) == 216, "metadata_snap");

/* After the header: le64 keys[max_entries], then max_entries values of value_size bytes. */
#define NODE_INTERNAL 1u
#define NODE_LEAF 2u

struct node_disk {
	struct le32 csum;
	struct le32 flags;
	struct le64 blocknr;
	struct le32 nr_entries;
	struct le32 max_entries;
	struct le32 value_size;
	struct le32 padding;
};

_Static_assert(sizeof(struct node_disk) == 32, "node header");

/* The kernel keeps max_entries a multiple of three. */
#define NODE_MAX_ENTRIES(value_size) \
	((META_BLOCK_SIZE - (uint32_t)sizeof(struct node_disk)) / (8u + (value_size)) / 3u * 3u)

_Static_assert(NODE_MAX_ENTRIES(8) == 252, "children");
_Static_assert(NODE_MAX_ENTRIES(12) == 201, "writesets");
_Static_assert(NODE_MAX_ENTRIES(4) == 336, "reference counts");

struct array_block_disk {
	struct le32 csum;
	struct le32 max_entries;
	struct le32 nr_entries;
	struct le32 value_size;
	struct le64 blocknr;
};

_Static_assert(sizeof(struct array_block_disk) == 24, "array block header");

#define ARRAY_MAX_ENTRIES(value_size) \
	((META_BLOCK_SIZE - (uint32_t)sizeof(struct array_block_disk)) / (value_size))

#define ERA_VALUE_SIZE 4u
#define WORD_VALUE_SIZE 8u

_Static_assert(ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE) == 1018, "eras");
_Static_assert(ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) == 509, "words of a bitset");

struct index_entry_disk {
	struct le64 blocknr;
	struct le32 nr_free;
	struct le32 none_free_before;
};

#define INDEX_MAX_ENTRIES 255u

struct index_disk {
	struct le32 csum;
	struct le32 padding;
	struct le64 blocknr;
	struct index_entry_disk entry[INDEX_MAX_ENTRIES];
};

_Static_assert(sizeof(struct index_disk) == META_BLOCK_SIZE, "index");

/* Two bits per block: for entry e, bit 2e of the words is the high bit and bit 2e + 1 the low bit.
 */
#define BITMAP_BYTES (META_BLOCK_SIZE - 16u)
#define BITMAP_ENTRIES (BITMAP_BYTES * 4u)
#define BITMAP_ENTRIES_PER_WORD 32u
#define BITMAP_LOOK_IN_TREE 3u /* the count is in the ref-count tree */

struct bitmap_disk {
	struct le32 csum;
	struct le32 unused;
	struct le64 blocknr;
	struct le64 words[BITMAP_BYTES / 8u];
};

_Static_assert(sizeof(struct bitmap_disk) == META_BLOCK_SIZE, "bitmap");
_Static_assert(BITMAP_ENTRIES == 16320, "entries of a bitmap");

#define SPACE_MAP_MAX_BLOCKS ((uint64_t)INDEX_MAX_ENTRIES * BITMAP_ENTRIES)

#endif
