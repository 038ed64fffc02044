/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The space map: a reference count for each metadata block. Source in the kernel:
 * drivers/md/persistent-data/dm-space-map-common.c. */
#ifndef ERA_PDATA_SPACE_MAP_H
#define ERA_PDATA_SPACE_MAP_H

#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "base/space_map_root.h"
#include "ondisk/era_disk.h"

/* How many of a device's blocks it can count, and metadata can use. */
static inline uint64_t space_map_limit(uint64_t nr_blocks)
{
	return min_u64(nr_blocks, SPACE_MAP_MAX_BLOCKS);
}

/* How many blocks a space map for nr_blocks takes: bitmaps, index, an empty ref-count tree. */
static inline uint64_t space_map_blocks(uint64_t nr_blocks)
{
	return div_up(nr_blocks, BITMAP_ENTRIES) + 2;
}

/* The count of block e in a bitmap: 0 .. BITMAP_LOOK_IN_TREE.  The low bit of a count is the
 * higher one of its pair. */
static inline uint32_t bitmap_get_count(const struct bitmap_disk *bitmap, uint32_t e)
{
	const uint8_t *bytes = (const uint8_t *)bitmap->words;
	uint32_t bits = (uint32_t)bytes[e / 4] >> (2 * (e % 4)) & 3;

	return (bits & 1) << 1 | bits >> 1;
}

/* The first block of a bitmap, from e on, whose count isn't 0; BITMAP_ENTRIES if there is none. */
static inline uint32_t bitmap_next_used(const struct bitmap_disk *bitmap, uint32_t e)
{
	while (e < BITMAP_ENTRIES && !bitmap_get_count(bitmap, e))
		e += e % BITMAP_ENTRIES_PER_WORD ||
				     le64_get(bitmap->words[e / BITMAP_ENTRIES_PER_WORD])
			     ? 1
			     : BITMAP_ENTRIES_PER_WORD;
	return e;
}

/* Stores a count, which may be larger than a bitmap can hold. */
static inline void bitmap_set_count(struct bitmap_disk *bitmap, uint32_t e, uint32_t count)
{
	uint32_t bits = count < BITMAP_LOOK_IN_TREE ? count : BITMAP_LOOK_IN_TREE;
	uint8_t *byte = (uint8_t *)bitmap->words + e / 4;
	uint32_t shift = 2 * (e % 4);

	*byte = (uint8_t)((*byte & ~(3u << shift)) | (bits >> 1 | (bits & 1) << 1) << shift);
}

/* Fills the bitmap of nr blocks with these counts, and its entry in the index except blocknr.
 * nr_free is as the kernel computes it: as if a last, partial bitmap were a full one.  Returns how
 * many blocks are in use. */
static inline uint32_t bitmap_encode(struct bitmap_disk *bitmap, const uint8_t *counts, uint32_t nr,
				     struct index_entry_disk *entry)
{
	uint32_t used = 0, first_free = nr;

	memset(bitmap->words, 0, BITMAP_BYTES);
	for (uint32_t e = nr; e-- > 0;) {
		if (!counts[e])
			first_free = e;
		used += counts[e] > 0;
		bitmap_set_count(bitmap, e, counts[e]);
	}
	entry->nr_free = le32_make(BITMAP_ENTRIES - used);
	entry->none_free_before = le32_make(first_free);
	return used;
}

#endif
