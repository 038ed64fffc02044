/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "salvage_damage.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

uint64_t damage_random;

uint32_t damage_roll(uint64_t n)
{
	return n ? (uint32_t)(unit_random(&damage_random) % n) : 0;
}

struct victim victim_of(const struct image *image)
{
	struct victim v = {image, malloc(image->nr * BLOCK), image->nr, 0, false};

	assert_non_null(v.data);
	memcpy(v.data, image->data, image->nr * BLOCK);
	return v;
}

void victim_overwrite(struct victim *v, uint64_t block)
{
	uint8_t *data = v->data + block * BLOCK;

	if (block >= v->nr)
		return;
	switch (v->pattern) {
	case 0:
		for (unsigned i = 0; i < BLOCK; i++)
			data[i] = (uint8_t)(unit_random(&damage_random) >> 8);
		break;
	case 1:
		memset(data, 0, BLOCK);
		break;
	case 2: /* such as an inode table */
		memset(data, 0, BLOCK);
		for (unsigned i = 0; i < BLOCK; i += 256)
			memcpy(data + i, "\xa4\x81\x00\x00\x00\x10\x00\x00", 8);
		break;
	default: /* one bit */
		data[damage_roll(BLOCK)] ^= (uint8_t)(1u << damage_roll(8));
		break;
	}
}

static uint64_t any_block(const struct victim *v)
{
	return 1 + damage_roll(v->nr - 1);
}

void damage_nothing(struct victim *v)
{
	(void)v;
}

static void one_block(struct victim *v)
{
	victim_overwrite(v, any_block(v));
}

static void several_blocks(struct victim *v)
{
	for (uint32_t n = 2 + damage_roll(6); n; n--)
		victim_overwrite(v, any_block(v));
}

static void stretch_of_blocks(struct victim *v)
{
	uint64_t first = any_block(v);

	for (uint32_t n = 2 + damage_roll(v->nr / 4); n; n--)
		victim_overwrite(v, first + n - 1);
}

static void first_blocks(struct victim *v)
{
	for (uint32_t n = damage_roll(v->nr); n; n--)
		victim_overwrite(v, n);
}

static void last_blocks(struct victim *v)
{
	uint64_t first = any_block(v);

	for (uint64_t block = first; block < v->nr; block++)
		victim_overwrite(v, block);
}

static void truncated(struct victim *v)
{
	v->nr = any_block(v);
}

uint64_t victim_pointer(const struct victim *v, uint64_t block, unsigned at)
{
	uint64_t value =
		le64_get(*(const struct le64 *)(const void *)(v->data + block * BLOCK + at));
	return value < v->nr ? value : 0;
}

static uint32_t number32(const struct victim *v, uint64_t block, unsigned at)
{
	return le32_get(*(const struct le32 *)(const void *)(v->data + block * BLOCK + at));
}

static void newest_index(struct victim *v)
{
	victim_overwrite(v, victim_pointer(v, 0, 60));
}

static void newest_bitmap(struct victim *v)
{
	victim_overwrite(v, victim_pointer(v, victim_pointer(v, 0, 60), 16));
}

static void newest_index_and_bitmap(struct victim *v)
{
	newest_bitmap(v);
	newest_index(v);
}

/* A block of what is written last, of the current writeset or a child of the array's root; or 0. */
static uint64_t block_of_newest_leaf(const struct victim *v)
{
	uint64_t root = victim_pointer(v, 0, damage_roll(2) ? 192 : 208);
	uint64_t nr, max;

	root = root ? root : victim_pointer(v, 0, 208);
	nr = number32(v, root, 16);
	max = number32(v, root, 20);
	return nr && nr <= max
		       ? victim_pointer(v, root, (unsigned)(32 + 8 * max + 8 * damage_roll(nr)))
		       : 0;
}

static void newest_leaf(struct victim *v)
{
	uint64_t block = block_of_newest_leaf(v);

	if (block)
		victim_overwrite(v, block);
}

/* The block is what it was, but for 4 bytes at a place, under a checksum that is right. */
static void put_field(struct victim *v, uint64_t block, uint64_t at, uint32_t value)
{
	uint8_t *data = v->data + block * BLOCK;
	enum block_type type = blk_recognise((struct blk_ro){block, data});

	if (!block || block >= v->nr || at + sizeof(struct le32) > BLOCK || type == BLOCK_NONE)
		return;
	*(struct le32 *)(void *)(data + at) = le32_make(value);
	blk_seal((struct blk_rw){block, data}, type);
}

/* Of a block below bit 400, which all images have room for: 16 counts are 4 bytes. */
static void one_count(struct victim *v)
{
	uint64_t bitmap = victim_pointer(v, victim_pointer(v, 0, 60), 16);
	unsigned at = 16 + 4 * damage_roll(25), shift = 2 * damage_roll(16);
	uint32_t counts = number32(v, bitmap, at);

	put_field(v, bitmap, at, (counts & ~(UINT32_C(3) << shift)) | damage_roll(4) << shift);
}

/* Of the root of the current writeset or of the era array: how many entries, a key or a pointer; or
 * the entries of what it leads to. */
static void one_node(struct victim *v)
{
	uint64_t root = victim_pointer(v, 0, damage_roll(2) ? 192 : 208);
	uint64_t nr = number32(v, root, 16), max = number32(v, root, 20),
		 i = nr ? damage_roll(nr) : 0;
	uint32_t near = damage_roll(3), far = damage_roll(v->nr),
		 value = damage_roll(2) ? near : far;

	switch (root ? damage_roll(4) : 4) {
	case 0:
		put_field(v, root, 16, near);
		break;
	case 1:
		put_field(v, root, 32 + 8 * i, (uint32_t)i + 1 + near);
		break;
	case 2:
		put_field(v, root, 32 + 8 * max + 8 * i, value);
		break;
	case 3:
		put_field(v, victim_pointer(v, root, (unsigned)(32 + 8 * max + 8 * i)), 8, value);
		break;
	default:
		break;
	}
}

static void one_field(struct victim *v)
{
	if (damage_roll(2))
		one_count(v);
	else
		one_node(v);
}

/* The index, and where it puts the bitmap: a block of any type. */
static void index_field(struct victim *v)
{
	put_field(v, victim_pointer(v, 0, 60), 16, damage_roll(3) ? damage_roll(v->nr) : 0);
}

/* A block that the newest state has, or any. */
static uint64_t block_in_use(const struct victim *v)
{
	uint64_t index = victim_pointer(v, 0, 60);

	switch (damage_roll(4)) {
	case 0:
		return victim_pointer(v, index, 16);
	case 1:
		return index;
	case 2:
		return block_of_newest_leaf(v);
	default:
		return any_block(v);
	}
}

/* The superblock's own pointers, to another block of the same type: mostly an older one. */
static void superblock_field(struct victim *v)
{
	static const unsigned fields[] = {60, 192, 200, 208};
	unsigned at = fields[damage_roll(ARRAY_SIZE(fields))];
	uint64_t was = victim_pointer(v, 0, at), block = 1 + damage_roll(v->nr - 1);

	while (was && blk_recognise((struct blk_ro){was, v->data + was * BLOCK}) !=
			      blk_recognise((struct blk_ro){block, v->data + block * BLOCK}))
		block = 1 + block % (v->nr - 1);
	*(struct le64 *)(void *)(v->data + at) = le64_make(damage_roll(8) ? block : 0);
	blk_seal((struct blk_rw){0, v->data}, BLOCK_SUPERBLOCK);
}

/* And what may hide that: the index, the bitmap, or both. */
static void superblock_field_and_blocks(struct victim *v)
{
	uint64_t index = victim_pointer(v, 0, 60), bitmap = victim_pointer(v, index, 16);

	superblock_field(v);
	if (damage_roll(3))
		victim_overwrite(v, bitmap);
	if (!damage_roll(3))
		victim_overwrite(v, index);
}

static void field_and_block(struct victim *v)
{
	uint64_t block = block_in_use(v);

	if (damage_roll(2))
		one_field(v);
	else
		index_field(v);
	victim_overwrite(v, block);
}

const struct damage damages[] = {
	{"one block", one_block, false, 70},
	{"several blocks", several_blocks, false, 40},
	{"a stretch", stretch_of_blocks, false, 40},
	{"the last blocks", last_blocks, false, 20},
	{"a truncated device", truncated, false, 20},
	{"the newest leaf", newest_leaf, false, 20},
	{"the newest index", newest_index, false, 65},
	{"a field of the superblock", superblock_field, false, 0},
	{"a field of the superblock, index or bitmap", superblock_field_and_blocks, false, 0},
	{"the superblock", damage_nothing, true, 55},
	{"the superblock and one block", one_block, true, 5},
	{"the superblock and several blocks", several_blocks, true, 0},
	{"the superblock and a stretch", stretch_of_blocks, true, 0},
	{"the first blocks", first_blocks, true, 0},
	{"the superblock and the last blocks", last_blocks, true, 0},
	{"the superblock of a truncated device", truncated, true, 5},
	{"the superblock and the newest leaf", newest_leaf, true, 8},
	{"the superblock and the newest index", newest_index, true, 20},
	{"the superblock, the newest index and bitmap", newest_index_and_bitmap, true, 0},
	{"the superblock and a wrong field", one_field, true, 0},
	{"the superblock, a wrong field and one block", field_and_block, true, 0},
};

const size_t nr_damages = ARRAY_SIZE(damages);
