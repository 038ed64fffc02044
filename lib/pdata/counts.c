/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "pdata/space_map.h"

#define HELD 0x80u

_Static_assert(COUNTS_MAX < HELD, "a count and the bit above it");

int counts_open(struct counts *counts, uint64_t nr_blocks, const struct report *rep)
{
	*counts = (struct counts){.nr_blocks = nr_blocks, .nr_free = nr_blocks};
	counts->bytes = calloc(nr_blocks ? (size_t)nr_blocks : 1, 1);
	return counts->bytes ? 0 : report_nomem(rep);
}

void counts_close(struct counts *counts)
{
	free(counts->bytes);
	*counts = (struct counts){0};
}

uint32_t counts_get(const struct counts *counts, uint64_t block)
{
	return counts->bytes[block] & COUNTS_MAX;
}

bool counts_is_new(const struct counts *counts, uint64_t block)
{
	return counts->bytes[block] && !(counts->bytes[block] & HELD);
}

/* All changes of a byte go through here. */
static void set(struct counts *counts, uint64_t block, uint8_t byte)
{
	uint8_t old = counts->bytes[block];
	uint32_t was = old & COUNTS_MAX, is = byte & COUNTS_MAX;

	counts->nr_allocated = counts->nr_allocated + (is > 0) - (was > 0);
	counts->nr_used[block / BITMAP_ENTRIES] += (is > 0);
	counts->nr_used[block / BITMAP_ENTRIES] -= (was > 0);
	counts->nr_free = counts->nr_free + !byte - !old;
	counts->nr_large =
		counts->nr_large + (is >= BITMAP_LOOK_IN_TREE) - (was >= BITMAP_LOOK_IN_TREE);
	counts->bytes[block] = byte;
	if (!byte)
		counts->search_from = min_u64(counts->search_from, block);
}

static void change(struct counts *counts, uint64_t block, uint8_t byte)
{
	set(counts, block, byte);
	bits_set(counts->changed, block / BITMAP_ENTRIES);
	if (counts->nr_noted < COUNTS_MAX_NOTED)
		counts->noted[counts->nr_noted] = block;
	if (counts->nr_noted <= COUNTS_MAX_NOTED)
		counts->nr_noted++;
}

static bool all_noted(const struct counts *counts)
{
	return counts->nr_noted <= COUNTS_MAX_NOTED;
}

uint64_t counts_allocate(struct counts *counts)
{
	uint64_t from = counts->search_from;
	const uint8_t *found = memchr(counts->bytes + from, 0, (size_t)(counts->nr_blocks - from));
	uint64_t block = (uint64_t)(found - counts->bytes);

	change(counts, block, 1);
	counts->search_from = block + 1;
	return block;
}

bool counts_inc(struct counts *counts, uint64_t block)
{
	uint32_t count = counts_get(counts, block);

	if (!count || count == COUNTS_MAX)
		return false;
	change(counts, block, (uint8_t)(counts->bytes[block] + 1));
	return true;
}

bool counts_dec(struct counts *counts, uint64_t block)
{
	if (!counts_get(counts, block))
		return false;
	change(counts, block, (uint8_t)(counts->bytes[block] - 1));
	return true;
}

void counts_load(struct counts *counts, uint64_t block, uint32_t count)
{
	set(counts, block, (uint8_t)(count ? HELD | count : 0));
}

static void commit_block(struct counts *counts, uint64_t block)
{
	uint8_t byte = counts->bytes[block];

	if (byte && !(byte & HELD && byte != HELD))
		counts_load(counts, block, byte & COUNTS_MAX);
}

static void commit_bitmap(struct counts *counts, uint64_t i)
{
	uint64_t block = i * BITMAP_ENTRIES;
	uint64_t end = min_u64(block + BITMAP_ENTRIES, counts->nr_blocks);

	for (; block < end; block++)
		commit_block(counts, block);
}

void counts_commit(struct counts *counts)
{
	uint64_t nr_bitmaps = counts_nr_bitmaps(counts);

	for (uint32_t n = 0; all_noted(counts) && n < counts->nr_noted; n++)
		commit_block(counts, counts->noted[n]);
	for (uint64_t i = 0; !all_noted(counts) && i < nr_bitmaps; i++)
		if (bits_test(counts->changed, i))
			commit_bitmap(counts, i);
	memset(counts->changed, 0, sizeof(counts->changed));
	counts->nr_noted = 0;
}

static uint32_t blocks_of(const struct counts *counts, uint64_t i)
{
	return (uint32_t)min_u64(BITMAP_ENTRIES, counts->nr_blocks - i * BITMAP_ENTRIES);
}

static void encode_all(const struct counts *counts, uint64_t i, struct bitmap_disk *bitmap,
		       struct index_entry_disk *entry)
{
	const uint8_t *bytes = counts->bytes + i * BITMAP_ENTRIES;
	uint8_t plain[BITMAP_ENTRIES] = {0};
	uint32_t nr = blocks_of(counts, i);

	for (uint32_t e = 0; e < nr; e++)
		plain[e] = bytes[e] & COUNTS_MAX;
	bitmap_encode(bitmap, plain, nr, entry);
}

static void encode_noted(const struct counts *counts, uint64_t i, struct bitmap_disk *bitmap,
			 struct index_entry_disk *entry)
{
	uint32_t nr = blocks_of(counts, i), free_from = le32_get(entry->none_free_before);

	for (uint32_t n = 0; n < counts->nr_noted; n++) {
		uint64_t block = counts->noted[n];
		uint32_t e = (uint32_t)(block % BITMAP_ENTRIES);

		if (block / BITMAP_ENTRIES != i)
			continue;
		bitmap_set_count(bitmap, e, counts_get(counts, block));
		if (!counts_get(counts, block) && e < free_from)
			free_from = e;
	}
	while (free_from < nr && counts_get(counts, i * BITMAP_ENTRIES + free_from))
		free_from++;
	entry->nr_free = le32_make(BITMAP_ENTRIES - counts->nr_used[i]);
	entry->none_free_before = le32_make(free_from);
}

void counts_encode(const struct counts *counts, uint64_t i, struct bitmap_disk *bitmap,
		   struct index_entry_disk *entry)
{
	if (all_noted(counts))
		encode_noted(counts, i, bitmap, entry);
	else
		encode_all(counts, i, bitmap, entry);
}
