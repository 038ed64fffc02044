/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/validate.h"

#include "base/err.h"
#include "block/crc.h"
#include "ondisk/era_disk.h"

#define CSUM_INIT 0xffffffffu
#define CSUM_BYTES 4u

typedef int (*shape_fn)(const void *data, uint64_t nr, enum block_type type, struct problem *p);

static int check_superblock(const void *data, uint64_t nr, enum block_type type, struct problem *p);
static int check_node(const void *data, uint64_t nr, enum block_type type, struct problem *p);
static int check_array(const void *data, uint64_t nr, enum block_type type, struct problem *p);

static const struct shape {
	uint32_t csum_xor;
	uint32_t blocknr_offset;
	uint32_t value_size;
	shape_fn check;
} shapes[NR_BLOCK_TYPES] = {
#define SUPERBLOCK(v) \
	{ \
		SUPERBLOCK_CSUM_XOR, offsetof(struct superblock_disk, blocknr), v, \
			check_superblock \
	}
#define NODE(v) \
	{ \
		NODE_CSUM_XOR, offsetof(struct node_disk, blocknr), v, check_node \
	}
#define ARRAY(v) \
	{ \
		ARRAY_CSUM_XOR, offsetof(struct array_block_disk, blocknr), v, check_array \
	}
	[BLOCK_SUPERBLOCK] = SUPERBLOCK(0),
	[BLOCK_SNAPSHOT] = SUPERBLOCK(0),
	[BLOCK_INDEX] = {INDEX_CSUM_XOR, offsetof(struct index_disk, blocknr), 0, NULL},
	[BLOCK_BITMAP] = {BITMAP_CSUM_XOR, offsetof(struct bitmap_disk, blocknr), 0, NULL},
	[BLOCK_REF_NODE] = NODE(sizeof(struct le32)),
	[BLOCK_WRITESET_NODE] = NODE(sizeof(struct writeset_disk)),
	[BLOCK_BITSET_NODE] = NODE(sizeof(struct le64)),
	[BLOCK_BITSET] = ARRAY(WORD_VALUE_SIZE),
	[BLOCK_ERA_NODE] = NODE(sizeof(struct le64)),
	[BLOCK_ERA] = ARRAY(ERA_VALUE_SIZE),
#undef SUPERBLOCK
#undef NODE
#undef ARRAY
};

uint32_t blk_value_size(enum block_type type)
{
	return shapes[type].value_size;
}

uint32_t blk_checksum(const void *data, uint32_t csum_xor)
{
	return crc32c(CSUM_INIT, (const uint8_t *)data + CSUM_BYTES, META_BLOCK_SIZE - CSUM_BYTES) ^
	       csum_xor;
}

static int damaged(struct problem *p, enum problem_code code, uint64_t nr, uint64_t found,
		   uint64_t wanted)
{
	problem_set(p, code, nr, found, wanted);
	return ERA_DAMAGED;
}

static int check_superblock(const void *data, uint64_t nr, enum block_type type, struct problem *p)
{
	const struct superblock_disk *sb = data;
	uint32_t data_sectors = le32_get(sb->data_block_size);

	(void)type;
	if (le64_get(sb->magic) != ERA_MAGIC)
		return damaged(p, PROBLEM_MAGIC, nr, le64_get(sb->magic), ERA_MAGIC);
	if (le32_get(sb->version) != ERA_VERSION)
		return damaged(p, PROBLEM_VERSION, nr, le32_get(sb->version), ERA_VERSION);
	if (le32_get(sb->metadata_block_size) != META_BLOCK_SECTORS)
		return damaged(p, PROBLEM_META_BLOCK_SIZE, nr, le32_get(sb->metadata_block_size),
			       META_BLOCK_SECTORS);
	if (!data_sectors || data_sectors % DATA_BLOCK_MIN_SECTORS)
		return damaged(p, PROBLEM_DATA_BLOCK_SIZE, nr, data_sectors,
			       DATA_BLOCK_MIN_SECTORS);
	if (le32_get(sb->nr_blocks) > ERA_MAX_BLOCKS)
		return damaged(p, PROBLEM_NR_BLOCKS, nr, le32_get(sb->nr_blocks), ERA_MAX_BLOCKS);
	return 0;
}

static int check_keys(const struct node_disk *node, uint64_t nr, struct problem *p)
{
	const struct le64 *keys = (const void *)(node + 1);
	uint32_t nr_entries = le32_get(node->nr_entries);

	for (uint32_t i = 1; i < nr_entries; i++)
		if (le64_get(keys[i]) <= le64_get(keys[i - 1]))
			return damaged(p, PROBLEM_KEY_ORDER, nr, le64_get(keys[i]),
				       le64_get(keys[i - 1]));
	return 0;
}

static int check_node(const void *data, uint64_t nr, enum block_type type, struct problem *p)
{
	const struct node_disk *node = data;
	uint32_t flags = le32_get(node->flags);
	uint32_t value_size = flags == NODE_LEAF ? shapes[type].value_size : sizeof(struct le64);
	uint32_t max_entries = NODE_MAX_ENTRIES(value_size);

	if (flags != NODE_INTERNAL && flags != NODE_LEAF)
		return damaged(p, PROBLEM_NODE_FLAGS, nr, flags, NODE_LEAF);
	if (le32_get(node->value_size) != value_size)
		return damaged(p, PROBLEM_VALUE_SIZE, nr, le32_get(node->value_size), value_size);
	if (le32_get(node->max_entries) != max_entries)
		return damaged(p, PROBLEM_MAX_ENTRIES, nr, le32_get(node->max_entries),
			       max_entries);
	if (le32_get(node->nr_entries) > max_entries)
		return damaged(p, PROBLEM_TOO_MANY_ENTRIES, nr, le32_get(node->nr_entries),
			       max_entries);
	if (flags == NODE_INTERNAL && !le32_get(node->nr_entries))
		return damaged(p, PROBLEM_EMPTY_NODE, nr, 0, 1);
	return check_keys(node, nr, p);
}

static int check_array(const void *data, uint64_t nr, enum block_type type, struct problem *p)
{
	const struct array_block_disk *array = data;
	uint32_t value_size = shapes[type].value_size;
	uint32_t max_entries = ARRAY_MAX_ENTRIES(value_size);

	if (le32_get(array->value_size) != value_size)
		return damaged(p, PROBLEM_VALUE_SIZE, nr, le32_get(array->value_size), value_size);
	if (le32_get(array->max_entries) != max_entries)
		return damaged(p, PROBLEM_MAX_ENTRIES, nr, le32_get(array->max_entries),
			       max_entries);
	if (le32_get(array->nr_entries) > max_entries)
		return damaged(p, PROBLEM_TOO_MANY_ENTRIES, nr, le32_get(array->nr_entries),
			       max_entries);
	return 0;
}

int blk_validate(struct blk_ro blk, enum block_type type, struct problem *p)
{
	const struct shape *shape = &shapes[type];
	const struct le32 *csum = blk.data;
	const struct le64 *own_nr =
		(const void *)((const uint8_t *)blk.data + shape->blocknr_offset);
	uint32_t wanted = blk_checksum(blk.data, shape->csum_xor);

	if (le32_get(*csum) != wanted)
		return damaged(p,
			       type == BLOCK_SUPERBLOCK ? PROBLEM_SUPERBLOCK_CHECKSUM
							: PROBLEM_CHECKSUM,
			       blk.nr, le32_get(*csum), wanted);
	if (le64_get(*own_nr) != blk.nr)
		return damaged(p, PROBLEM_BLOCKNR, blk.nr, le64_get(*own_nr), blk.nr);
	return shape->check ? shape->check(blk.data, blk.nr, type, p) : 0;
}

enum block_type blk_recognise(struct blk_ro blk)
{
	uint32_t csum_xor = le32_get(*(const struct le32 *)blk.data) ^ blk_checksum(blk.data, 0);
	struct problem p;

	for (int type = BLOCK_NONE + 1; type < NR_BLOCK_TYPES; type++) {
		const struct shape *shape = &shapes[type];
		const uint8_t *own_nr = (const uint8_t *)blk.data + shape->blocknr_offset;

		if (shape->csum_xor == csum_xor &&
		    le64_get(*(const struct le64 *)(const void *)own_nr) == blk.nr &&
		    (!shape->check || !shape->check(blk.data, blk.nr, (enum block_type)type, &p)))
			return (enum block_type)type;
	}
	return BLOCK_NONE;
}

void blk_seal(struct blk_rw blk, enum block_type type)
{
	struct le64 *own_nr = (void *)((uint8_t *)blk.data + shapes[type].blocknr_offset);
	struct le32 *csum = blk.data;

	*own_nr = le64_make(blk.nr);
	*csum = le32_make(blk_checksum(blk.data, shapes[type].csum_xor));
}
