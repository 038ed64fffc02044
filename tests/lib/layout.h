/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What each kind of metadata block holds, field by field, for tests that damage it. Written from
 * doc/format.md and standing on nothing of the library, so that it can't share a mistake with what
 * is tested.
 */
#ifndef ERA_TESTS_LAYOUT_H
#define ERA_TESTS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_SIZE 4096u

enum kind { SUPERBLOCK, NODE, ARRAY, BITMAP, INDEX, CACHE_SUPERBLOCK, NR_KINDS };

static const struct {
	const char *name;
	uint32_t salt;
} kinds[NR_KINDS] = {
	[SUPERBLOCK] = {"superblock", 146538381},
	[NODE] = {"node", 121107},
	[ARRAY] = {"array", 595846735},
	[BITMAP] = {"bitmap", 240779},
	[INDEX] = {"index", 160478},
	[CACHE_SUPERBLOCK] = {"cache superblock", 9031977},
};

/* Where a field's entries begin: at its offset, or that far behind a node's keys. */
enum base { AT, BEHIND_KEYS };

/* How many entries it has: one, as many as the block says, or as many as fit. */
enum how_many { ONE, ENTRIES, ALL };

struct field {
	enum kind kind;
	uint32_t values; /* only in nodes and array blocks whose values have this size; 0: in all */
	const char *name;
	enum base base;
	enum how_many how_many;
	uint32_t offset, size, stride;
};

static const struct field fields[] = {
	{SUPERBLOCK, 0, "flags", AT, ONE, 4, 4, 0},
	{SUPERBLOCK, 0, "blocknr", AT, ONE, 8, 8, 0},
	{SUPERBLOCK, 0, "uuid", AT, ONE, 16, 8, 0},
	{SUPERBLOCK, 0, "magic", AT, ONE, 32, 8, 0},
	{SUPERBLOCK, 0, "version", AT, ONE, 40, 4, 0},
	{SUPERBLOCK, 0, "sm-blocks", AT, ONE, 44, 8, 0},
	{SUPERBLOCK, 0, "allocated", AT, ONE, 52, 8, 0},
	{SUPERBLOCK, 0, "index", AT, ONE, 60, 8, 0},
	{SUPERBLOCK, 0, "refs", AT, ONE, 68, 8, 0},
	{SUPERBLOCK, 0, "block-size", AT, ONE, 172, 4, 0},
	{SUPERBLOCK, 0, "metadata-block-size", AT, ONE, 176, 4, 0},
	{SUPERBLOCK, 0, "nr-blocks", AT, ONE, 180, 4, 0},
	{SUPERBLOCK, 0, "era", AT, ONE, 184, 4, 0},
	{SUPERBLOCK, 0, "current-bits", AT, ONE, 188, 4, 0},
	{SUPERBLOCK, 0, "current", AT, ONE, 192, 8, 0},
	{SUPERBLOCK, 0, "sets", AT, ONE, 200, 8, 0},
	{SUPERBLOCK, 0, "eras", AT, ONE, 208, 8, 0},
	{SUPERBLOCK, 0, "snapshot", AT, ONE, 216, 8, 0},
	{NODE, 0, "flags", AT, ONE, 4, 4, 0},
	{NODE, 0, "blocknr", AT, ONE, 8, 8, 0},
	{NODE, 0, "entries", AT, ONE, 16, 4, 0},
	{NODE, 0, "max-entries", AT, ONE, 20, 4, 0},
	{NODE, 0, "value-size", AT, ONE, 24, 4, 0},
	{NODE, 0, "padding", AT, ONE, 28, 4, 0},
	{NODE, 0, "key", AT, ENTRIES, 32, 8, 8},
	{NODE, 8, "child", BEHIND_KEYS, ENTRIES, 32, 8, 8},
	{NODE, 12, "bits", BEHIND_KEYS, ENTRIES, 32, 4, 12},
	{NODE, 12, "root", BEHIND_KEYS, ENTRIES, 36, 8, 12},
	{NODE, 4, "count", BEHIND_KEYS, ENTRIES, 32, 4, 4},
	{ARRAY, 0, "max-entries", AT, ONE, 4, 4, 0},
	{ARRAY, 0, "entries", AT, ONE, 8, 4, 0},
	{ARRAY, 0, "value-size", AT, ONE, 12, 4, 0},
	{ARRAY, 0, "blocknr", AT, ONE, 16, 8, 0},
	{ARRAY, 4, "era", AT, ENTRIES, 24, 4, 4},
	{ARRAY, 8, "word", AT, ENTRIES, 24, 8, 8},
	{BITMAP, 0, "unused", AT, ONE, 4, 4, 0},
	{BITMAP, 0, "blocknr", AT, ONE, 8, 8, 0},
	{BITMAP, 0, "counts", AT, ALL, 16, 8, 8},
	{INDEX, 0, "padding", AT, ONE, 4, 4, 0},
	{INDEX, 0, "blocknr", AT, ONE, 8, 8, 0},
	{INDEX, 0, "bitmap", AT, ALL, 16, 8, 16},
	{INDEX, 0, "free", AT, ALL, 24, 4, 16},
	{INDEX, 0, "none-free-before", AT, ALL, 28, 4, 16},
	{CACHE_SUPERBLOCK, 0, "flags", AT, ONE, 4, 4, 0},
	{CACHE_SUPERBLOCK, 0, "blocknr", AT, ONE, 8, 8, 0},
	{CACHE_SUPERBLOCK, 0, "magic", AT, ONE, 32, 8, 0},
	{CACHE_SUPERBLOCK, 0, "version", AT, ONE, 40, 4, 0},
	{CACHE_SUPERBLOCK, 0, "policy", AT, ONE, 44, 8, 0},
	{CACHE_SUPERBLOCK, 0, "hint-size", AT, ONE, 60, 4, 0},
	{CACHE_SUPERBLOCK, 0, "sm-blocks", AT, ONE, 64, 8, 0},
	{CACHE_SUPERBLOCK, 0, "allocated", AT, ONE, 72, 8, 0},
	{CACHE_SUPERBLOCK, 0, "index", AT, ONE, 80, 8, 0},
	{CACHE_SUPERBLOCK, 0, "refs", AT, ONE, 88, 8, 0},
	{CACHE_SUPERBLOCK, 0, "mappings", AT, ONE, 192, 8, 0},
	{CACHE_SUPERBLOCK, 0, "hints", AT, ONE, 200, 8, 0},
	{CACHE_SUPERBLOCK, 0, "discards", AT, ONE, 208, 8, 0},
	{CACHE_SUPERBLOCK, 0, "block-size", AT, ONE, 232, 4, 0},
	{CACHE_SUPERBLOCK, 0, "metadata-block-size", AT, ONE, 236, 4, 0},
	{CACHE_SUPERBLOCK, 0, "cache-blocks", AT, ONE, 240, 4, 0},
	{CACHE_SUPERBLOCK, 0, "incompat", AT, ONE, 252, 4, 0},
	{CACHE_SUPERBLOCK, 0, "dirty", AT, ONE, 284, 8, 0},
};

#define NR_FIELDS (sizeof(fields) / sizeof(fields[0]))

static inline uint64_t get_le(const uint8_t *p, uint32_t size)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < size; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static inline void put_le(uint8_t *p, uint32_t size, uint64_t v)
{
	for (uint32_t i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint32_t crc32c_of(const uint8_t *p, size_t len)
{
	static uint32_t table[256];
	uint32_t crc = 0xffffffff;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = (table[i] >> 1) ^ (table[i] & 1 ? 0x82f63b78 : 0);
	}
	while (len--)
		crc = (crc >> 8) ^ table[(crc ^ *p++) & 255];
	return crc;
}

static inline uint32_t checksum_of(const uint8_t *block, enum kind kind)
{
	return crc32c_of(block + 4, BLOCK_SIZE - 4) ^ kinds[kind].salt;
}

/* The kind whose checksum a block has, or NR_KINDS. */
static inline enum kind kind_of(const uint8_t *block)
{
	enum kind kind = 0;

	while (kind < NR_KINDS && get_le(block, 4) != checksum_of(block, kind))
		kind++;
	return kind;
}

static inline void reseal(uint8_t *block, enum kind kind)
{
	put_le(block, 4, checksum_of(block, kind));
}

static inline uint32_t value_size_of(const uint8_t *block, enum kind kind)
{
	if (kind != NODE && kind != ARRAY)
		return 0;
	return (uint32_t)get_le(block + (kind == NODE ? 24 : 12), 4);
}

static inline bool has_field(const uint8_t *block, enum kind kind, const struct field *field)
{
	return field->kind == kind &&
	       (!field->values || field->values == value_size_of(block, kind));
}

/* Where entry i of a field lies in its block; past the block's end is BLOCK_SIZE. */
static inline uint32_t field_at(const uint8_t *block, const struct field *field, uint64_t i)
{
	uint64_t at = field->offset + i * field->stride;

	if (field->base == BEHIND_KEYS)
		at += get_le(block + 20, 4) * 8;
	return at + field->size > BLOCK_SIZE ? BLOCK_SIZE : (uint32_t)at;
}

static inline uint64_t field_entries(const uint8_t *block, const struct field *field)
{
	if (field->how_many == ONE)
		return 1;
	if (field->how_many == ALL)
		return (BLOCK_SIZE - field->offset) / field->stride;
	return get_le(block + (field->kind == NODE ? 16 : 8), 4);
}

#endif
