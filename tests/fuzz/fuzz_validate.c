/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The validator of each type: of what it lets pass, all that later code takes for granted holds.
 *
 * Input: type, flags (1: leave the checksum as it is), block number (2 bytes), then the block.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/crc.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"
#include "tests/fuzz/fuzz.h"

#define LEAVE_CHECKSUM 1u

/* Every key and value is in the block, and keys ascend. */
static void must_be_node(const struct node_disk *node, enum block_type type)
{
	const uint8_t *end = (const uint8_t *)node + META_BLOCK_SIZE;
	const struct le64 *keys = (const void *)(node + 1);
	uint32_t nr = le32_get(node->nr_entries), max = le32_get(node->max_entries);
	bool is_leaf = le32_get(node->flags) == NODE_LEAF;
	uint32_t value_size = is_leaf ? blk_value_size(type) : sizeof(struct le64);

	must(is_leaf || le32_get(node->flags) == NODE_INTERNAL);
	must(nr <= max && (is_leaf || nr));
	must((const uint8_t *)(keys + max) + (size_t)max * value_size <= end);
	for (uint32_t i = 1; i < nr; i++)
		must(le64_get(keys[i - 1]) < le64_get(keys[i]));
}

static void must_be_array(const struct array_block_disk *array, enum block_type type)
{
	uint32_t nr = le32_get(array->nr_entries);

	must(sizeof(*array) + (size_t)nr * blk_value_size(type) <= META_BLOCK_SIZE);
}

static void must_be_superblock(const struct superblock_disk *sb)
{
	uint32_t sectors = le32_get(sb->data_block_size);

	must(le32_get(sb->nr_blocks) <= ERA_MAX_BLOCKS);
	must(sectors && sectors % DATA_BLOCK_MIN_SECTORS == 0);
}

static void must_be_sound(const void *block, enum block_type type)
{
	switch (type) {
	case BLOCK_SUPERBLOCK:
	case BLOCK_SNAPSHOT:
		must_be_superblock(block);
		break;
	case BLOCK_REF_NODE:
	case BLOCK_WRITESET_NODE:
	case BLOCK_BITSET_NODE:
	case BLOCK_ERA_NODE:
		must_be_node(block, type);
		break;
	case BLOCK_BITSET:
	case BLOCK_ERA:
		must_be_array(block, type);
		break;
	case BLOCK_INDEX:
	case BLOCK_BITMAP:
	case BLOCK_NONE:
	case NR_BLOCK_TYPES:
		break;
	}
}

static void validate(void *block, uint64_t nr, enum block_type type)
{
	struct problem p = {.code = NR_PROBLEMS};
	int r = blk_validate((struct blk_ro){nr, block}, type, &p);

	must(r == 0 || r == ERA_DAMAGED);
	if (!r) {
		must_be_sound(block, type);
		must(blk_validate((struct blk_ro){nr + 1, block}, type, &p) == ERA_DAMAGED);
		must(p.code == PROBLEM_BLOCKNR);
	} else {
		must(p.code < NR_PROBLEMS && p.block == nr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	enum block_type type = 1 + input_take(&input, 1) % (NR_BLOCK_TYPES - 1u);
	unsigned flags = (unsigned)input_take(&input, 1);
	uint64_t nr = input_take(&input, 2);
	void *block = calloc(1, META_BLOCK_SIZE);

	must(block);
	memcpy(block, input.data, (size_t)min_u64(input.len, META_BLOCK_SIZE));
	if (!(flags & LEAVE_CHECKSUM))
		blk_seal((struct blk_rw){nr, block}, type);
	validate(block, nr, type);
	must(crc32c(0, block, META_BLOCK_SIZE) == crc32c_plain(0, block, META_BLOCK_SIZE));
	free(block);
	return 0;
}
