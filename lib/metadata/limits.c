/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/limits.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/next_step.h"
#include "metadata/view_internal.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map.h"
#include "pdata/space_map_read.h"

#define ERAS_PER_BLOCK ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE)

/* How many writesets may lie over an era array that is larger than the device. */
#define MAX_OVER_LARGE_ARRAY 16u

/* With repair, what is lost is made up, for so many data blocks more than this many times what the
 * device has room for.  A device that was cut off further has too little left. */
#define MADE_UP_BLOCKS (UINT64_C(1) << 24)
#define MADE_UP_TIMES 4u

/* What writesets may claim more than the device has: some of the largest whose number of bits is
 * the one thing that is wrong. */
#define SPARE_WRITESETS 4u

uint64_t era_block_limit(const struct blk_dev *dev, const struct superblock *live)
{
	uint64_t limit = space_map_limit(dev->nr_blocks);

	return live->sm.nr_blocks ? min_u64(limit, live->sm.nr_blocks) : limit;
}

int era_check_device_size(const struct blk_dev *dev, const struct superblock *live,
			  struct problem *p)
{
	if (live->sm.nr_blocks <= dev->nr_blocks || space_map_check_size(&live->sm, p))
		return 0;
	problem_set(p, PROBLEM_SM_DEVICE, 0, dev->nr_blocks, live->sm.nr_blocks);
	snprintf(p->where, sizeof(p->where), "superblock, space map");
	return ERA_DAMAGED;
}

/* The eras of so many data blocks fit on the device. */
static uint64_t eras_that_fit(const struct era_view *view)
{
	return space_map_limit(view->dev.nr_blocks) * ERAS_PER_BLOCK;
}

uint32_t view_max_blocks(const struct era_view *view)
{
	uint64_t max = MADE_UP_BLOCKS + MADE_UP_TIMES * eras_that_fit(view);

	if (!(view->flags & ERA_VIEW_REPAIR))
		return ERA_MAX_BLOCKS;
	return (uint32_t)min_u64(ERA_MAX_BLOCKS, max);
}

int view_check_size(const struct era_view *view)
{
	if (view->sb.nr_blocks <= view_max_blocks(view))
		return 0;
	return report_fail(view->dev.rep, ERA_DAMAGED,
			   "%s: the superblock tells of %" PRIu32
			   " blocks, the device has room for the "
			   "eras of %" PRIu64 ": too little is left; " NEXT_FULL_BACKUP,
			   view->dev.path, view->sb.nr_blocks, eras_that_fit(view));
}

uint64_t view_bitset_blocks(uint32_t nr_bits)
{
	return div_up(bits_words(nr_bits), ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE));
}

int view_check_claims(const struct era_view *view, uint64_t block, struct problem *p)
{
	uint64_t limit = view->walk.limit;
	uint64_t array_blocks = div_up(view->sb.nr_blocks, ERAS_PER_BLOCK);
	uint64_t max_bitset_blocks =
		limit + SPARE_WRITESETS * view_bitset_blocks(view_max_blocks(view));
	uint64_t max_writesets = array_blocks > limit ? MAX_OVER_LARGE_ARRAY : limit;

	if (view->nr_bitset_blocks <= max_bitset_blocks && view->nr_writesets < max_writesets)
		return 0;
	problem_set(p, PROBLEM_WRITESET_COUNT, block, view->nr_bitset_blocks + array_blocks, limit);
	return ERA_DAMAGED;
}
