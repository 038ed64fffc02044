/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Each field of each kind of block has a negative case, sealed so that only the field is wrong. */
#include "unit.h"

#include <string.h>

#include "base/checked.h"
#include "base/err.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

#define BLOCK 7u

static uint8_t block[META_BLOCK_SIZE];

static struct blk_ro read_from(uint64_t nr)
{
	return (struct blk_ro){nr, block};
}

static struct blk_rw sealed_at(uint64_t nr)
{
	return (struct blk_rw){nr, block};
}

static void put32(size_t offset, uint32_t value)
{
	struct le32 le = le32_make(value);

	memcpy(block + offset, &le, sizeof(le));
}

static void put64(size_t offset, uint64_t value)
{
	struct le64 le = le64_make(value);

	memcpy(block + offset, &le, sizeof(le));
}

static void make_superblock(void)
{
	put64(offsetof(struct superblock_disk, magic), ERA_MAGIC);
	put32(offsetof(struct superblock_disk, version), ERA_VERSION);
	put32(offsetof(struct superblock_disk, data_block_size), 128);
	put32(offsetof(struct superblock_disk, metadata_block_size), META_BLOCK_SECTORS);
	put32(offsetof(struct superblock_disk, nr_blocks), 1000);
}

/* A leaf with keys 10, 20, 30. */
static void make_node(enum block_type type)
{
	uint32_t value_size = blk_value_size(type);

	put32(offsetof(struct node_disk, flags), NODE_LEAF);
	put32(offsetof(struct node_disk, nr_entries), 3);
	put32(offsetof(struct node_disk, max_entries), NODE_MAX_ENTRIES(value_size));
	put32(offsetof(struct node_disk, value_size), value_size);
	for (uint32_t i = 0; i < 3; i++)
		put64(sizeof(struct node_disk) + i * 8, (i + 1) * 10);
}

static void make_array(enum block_type type)
{
	uint32_t value_size = blk_value_size(type);

	put32(offsetof(struct array_block_disk, max_entries), ARRAY_MAX_ENTRIES(value_size));
	put32(offsetof(struct array_block_disk, nr_entries), 5);
	put32(offsetof(struct array_block_disk, value_size), value_size);
}

static void make(enum block_type type)
{
	memset(block, 0, sizeof(block));
	switch (type) {
	case BLOCK_SUPERBLOCK:
	case BLOCK_SNAPSHOT:
		make_superblock();
		break;
	case BLOCK_REF_NODE:
	case BLOCK_WRITESET_NODE:
	case BLOCK_BITSET_NODE:
	case BLOCK_ERA_NODE:
		make_node(type);
		break;
	case BLOCK_BITSET:
	case BLOCK_ERA:
		make_array(type);
		break;
	case BLOCK_INDEX:
	case BLOCK_BITMAP:
	case BLOCK_NONE:
	case NR_BLOCK_TYPES:
		break;
	}
}

static void sound_blocks_pass_as_their_type_only(void **state)
{
	struct problem p;

	(void)state;
	for (int type = BLOCK_SUPERBLOCK; type < NR_BLOCK_TYPES; type++) {
		make((enum block_type)type);
		blk_seal(sealed_at(BLOCK), (enum block_type)type);
		assert_int_equal(blk_validate(read_from(BLOCK), (enum block_type)type, &p), 0);
		assert_int_equal(blk_validate(read_from(BLOCK + 1), (enum block_type)type, &p),
				 ERA_DAMAGED);
		assert_int_equal(p.code, PROBLEM_BLOCKNR);
		assert_int_equal(p.found, BLOCK);
		assert_int_equal(p.wanted, BLOCK + 1);
	}
	make(BLOCK_BITSET);
	blk_seal(sealed_at(BLOCK), BLOCK_BITSET);
	assert_int_equal(blk_validate(read_from(BLOCK), BLOCK_ERA, &p), ERA_DAMAGED);
	assert_int_equal(p.code, PROBLEM_VALUE_SIZE);
	make(BLOCK_BITMAP);
	blk_seal(sealed_at(BLOCK), BLOCK_BITMAP);
	assert_int_equal(blk_validate(read_from(BLOCK), BLOCK_INDEX, &p), ERA_DAMAGED);
	assert_int_equal(p.code, PROBLEM_CHECKSUM);
}

static void every_byte_counts_for_the_checksum(void **state)
{
	struct problem p;

	(void)state;
	make(BLOCK_ERA);
	blk_seal(sealed_at(BLOCK), BLOCK_ERA);
	for (size_t i = 0; i < sizeof(block); i++) {
		block[i] ^= 0x10;
		assert_int_equal(blk_validate(read_from(BLOCK), BLOCK_ERA, &p), ERA_DAMAGED);
		assert_int_equal(p.code, PROBLEM_CHECKSUM);
		block[i] ^= 0x10;
	}
	assert_int_equal(blk_validate(read_from(BLOCK), BLOCK_ERA, &p), 0);
}

#define SB(field) offsetof(struct superblock_disk, field)
#define NODE(field) offsetof(struct node_disk, field)
#define ARRAY(field) offsetof(struct array_block_disk, field)

static const struct field_case {
	enum block_type type;
	size_t offset;
	uint32_t value;
	enum problem_code code;
} cases[] = {
	{BLOCK_SUPERBLOCK, SB(magic), 1, PROBLEM_MAGIC},
	{BLOCK_SUPERBLOCK, SB(version), 0, PROBLEM_VERSION},
	{BLOCK_SUPERBLOCK, SB(version), 2, PROBLEM_VERSION},
	{BLOCK_SUPERBLOCK, SB(metadata_block_size), 0, PROBLEM_META_BLOCK_SIZE},
	{BLOCK_SUPERBLOCK, SB(metadata_block_size), 16, PROBLEM_META_BLOCK_SIZE},
	{BLOCK_SUPERBLOCK, SB(data_block_size), 0, PROBLEM_DATA_BLOCK_SIZE},
	{BLOCK_SUPERBLOCK, SB(data_block_size), 12, PROBLEM_DATA_BLOCK_SIZE},
	{BLOCK_SUPERBLOCK, SB(nr_blocks), 0x80000000u, PROBLEM_NR_BLOCKS},
	{BLOCK_SNAPSHOT, SB(magic), 1, PROBLEM_MAGIC},
	{BLOCK_SNAPSHOT, SB(nr_blocks), UINT32_MAX, PROBLEM_NR_BLOCKS},
	{BLOCK_ERA_NODE, NODE(flags), 0, PROBLEM_NODE_FLAGS},
	{BLOCK_ERA_NODE, NODE(flags), 3, PROBLEM_NODE_FLAGS},
	{BLOCK_ERA_NODE, NODE(nr_entries), 253, PROBLEM_TOO_MANY_ENTRIES},
	{BLOCK_ERA_NODE, NODE(nr_entries), UINT32_MAX, PROBLEM_TOO_MANY_ENTRIES},
	{BLOCK_ERA_NODE, NODE(max_entries), 255, PROBLEM_MAX_ENTRIES},
	{BLOCK_ERA_NODE, NODE(max_entries), UINT32_MAX, PROBLEM_MAX_ENTRIES},
	{BLOCK_ERA_NODE, NODE(value_size), 4, PROBLEM_VALUE_SIZE},
	{BLOCK_ERA_NODE, NODE(value_size), UINT32_MAX, PROBLEM_VALUE_SIZE},
	{BLOCK_WRITESET_NODE, NODE(value_size), 8, PROBLEM_VALUE_SIZE},
	{BLOCK_WRITESET_NODE, NODE(max_entries), 252, PROBLEM_MAX_ENTRIES},
	{BLOCK_WRITESET_NODE, NODE(nr_entries), 202, PROBLEM_TOO_MANY_ENTRIES},
	{BLOCK_REF_NODE, NODE(nr_entries), 337, PROBLEM_TOO_MANY_ENTRIES},
	{BLOCK_BITSET_NODE, sizeof(struct node_disk) + 8, 10, PROBLEM_KEY_ORDER},
	{BLOCK_BITSET_NODE, sizeof(struct node_disk) + 8, 5, PROBLEM_KEY_ORDER},
	{BLOCK_BITSET_NODE, sizeof(struct node_disk) + 16, 20, PROBLEM_KEY_ORDER},
	{BLOCK_ERA, ARRAY(max_entries), 1017, PROBLEM_MAX_ENTRIES},
	{BLOCK_ERA, ARRAY(nr_entries), 1019, PROBLEM_TOO_MANY_ENTRIES},
	{BLOCK_ERA, ARRAY(value_size), 8, PROBLEM_VALUE_SIZE},
	{BLOCK_BITSET, ARRAY(max_entries), 1018, PROBLEM_MAX_ENTRIES},
	{BLOCK_BITSET, ARRAY(nr_entries), 510, PROBLEM_TOO_MANY_ENTRIES},
	{BLOCK_BITSET, ARRAY(value_size), 4, PROBLEM_VALUE_SIZE},
};

static void every_field_is_checked(void **state)
{
	struct problem p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make(cases[i].type);
		put32(cases[i].offset, cases[i].value);
		blk_seal(sealed_at(BLOCK), cases[i].type);
		assert_int_equal(blk_validate(read_from(BLOCK), cases[i].type, &p), ERA_DAMAGED);
		assert_int_equal(p.code, cases[i].code);
		assert_int_equal(p.block, BLOCK);
	}
}

static void internal_nodes_hold_pointers(void **state)
{
	struct problem p;

	(void)state;
	make(BLOCK_WRITESET_NODE);
	put32(NODE(flags), NODE_INTERNAL);
	blk_seal(sealed_at(BLOCK), BLOCK_WRITESET_NODE);
	assert_int_equal(blk_validate(read_from(BLOCK), BLOCK_WRITESET_NODE, &p), ERA_DAMAGED);
	assert_int_equal(p.code, PROBLEM_VALUE_SIZE);
	put32(NODE(value_size), 8);
	put32(NODE(max_entries), 252);
	blk_seal(sealed_at(BLOCK), BLOCK_WRITESET_NODE);
	assert_int_equal(blk_validate(read_from(BLOCK), BLOCK_WRITESET_NODE, &p), 0);
	put32(NODE(nr_entries), 0);
	blk_seal(sealed_at(BLOCK), BLOCK_WRITESET_NODE);
	assert_int_equal(blk_validate(read_from(BLOCK), BLOCK_WRITESET_NODE, &p), ERA_DAMAGED);
	assert_int_equal(p.code, PROBLEM_EMPTY_NODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_blocks_pass_as_their_type_only),
		cmocka_unit_test(every_byte_counts_for_the_checksum),
		cmocka_unit_test(every_field_is_checked),
		cmocka_unit_test(internal_nodes_hold_pointers),
	};

	return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
