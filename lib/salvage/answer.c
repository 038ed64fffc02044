/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What is to be said of each data block, and whether a block of an array says more. */
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "ondisk/era_disk.h"
#include "pdata/node.h"
#include "pdata/space_map.h"
#include "salvage/salvage_internal.h"

/* Of so many data blocks the eras are held in memory: 64 MiB. */
#define MAX_ANSWER_BLOCKS (UINT32_C(1) << 24)

int salvage_answer_open(struct salvage_answer *answer, const struct scan *scan, uint32_t nr_blocks,
			uint32_t current_era, uint32_t told_era)
{
	*answer = (struct salvage_answer){
		.eras = nr_blocks <= MAX_ANSWER_BLOCKS
				? calloc((size_t)nr_blocks + 1, sizeof(*answer->eras))
				: NULL,
		.own = bits_alloc(scan->limit),
		.nr_blocks = nr_blocks,
		.current_era = current_era,
		.told_era = told_era,
	};
	return answer->own ? 0 : report_nomem(scan->dev->rep);
}

void salvage_answer_close(struct salvage_answer *answer)
{
	free(answer->eras);
	free(answer->own);
}

static void own_counted(struct salvage_answer *answer, const struct scan *scan,
			const struct bitmap_disk *bitmap)
{
	uint64_t end = min_u64(scan->limit, BITMAP_ENTRIES), block = 0;

	while ((block = bitmap_next_used(bitmap, (uint32_t)block)) < end)
		bits_set(answer->own, block++);
}

void salvage_answer_own(struct salvage_answer *answer, struct scan *scan, uint64_t index)
{
	struct index_disk *data = blk_alloc(1);
	uint64_t bitmap = 0;

	if (!data)
		return;
	if (index < scan->limit && scan->blocks[index].type == SCAN_INDEX &&
	    !scan_read(scan, index, data))
		bitmap = le64_get(data->entry[0].blocknr);
	if (bitmap && bitmap < scan->limit && scan->blocks[bitmap].type == SCAN_BITMAP &&
	    !scan_read(scan, bitmap, data))
		own_counted(answer, scan, (const void *)data);
	free(data);
}

static bool has_bit(const struct salvage_answer *answer, uint64_t block, uint32_t era)
{
	uint32_t has = block < answer->nr_blocks ? answer->eras[block] : 0;

	return era == SALVAGE_CURRENT ? has == answer->current_era : has >= era;
}

bool salvage_answer_has_bits(const struct salvage_answer *answer, const void *data, uint32_t nr,
			     uint64_t place, uint32_t era)
{
	const struct le64 *words = (const void *)array_values(data);
	uint64_t first = place * ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) * BITS_PER_WORD;

	for (uint32_t i = 0; i < nr; i++)
		for (uint64_t word = le64_get(words[i]); word; word &= word - 1)
			if (!has_bit(answer,
				     first + i * BITS_PER_WORD + (uint64_t)__builtin_ctzll(word),
				     era))
				return false;
	return true;
}

bool salvage_answer_has_eras(const struct salvage_answer *answer, const void *data, uint32_t nr,
			     uint64_t place)
{
	const struct le32 *eras = (const void *)array_values(data);
	uint64_t first = place * ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE);

	for (uint32_t i = 0; i < nr; i++)
		if (le32_get(eras[i]) && !has_bit(answer, first + i, le32_get(eras[i])))
			return false;
	return true;
}
