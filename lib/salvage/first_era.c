/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "salvage/first_era.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/checked.h"
#include "metadata/superblock.h"
#include "salvage/salvage.h"
#include "salvage/scan_internal.h"

/* 2026-01-01: no clock was right before these programs were written. */
#define EARLIEST_CLOCK INT64_C(1767225600)

#define WAY_ON_MAX 64

/* How else an era can be had, for the end of a message. */
static const char *find_way_on(const char *option, char text[WAY_ON_MAX])
{
	*text = '\0';
	if (option)
		snprintf(text, WAY_ON_MAX, ", or say the era (%s)", option);
	return text;
}

static bool is_right(int64_t now)
{
	return now >= EARLIEST_CLOCK && now <= (int64_t)FIRST_ERA_MAX;
}

uint32_t first_era_of_unknown(uint32_t current_era)
{
	int64_t now = (int64_t)time(NULL);
	uint64_t turn = (uint64_t)now % FIRST_ERA_TURN;
	uint64_t era = current_era + (uint64_t)ERA_SALVAGE_GAP + turn;

	if (is_right(now) && current_era < now)
		era = (uint64_t)now + FIRST_ERA_LEAD;
	else if (is_right(now) && current_era <= now + FIRST_ERA_FAR)
		era = current_era + (uint64_t)FIRST_ERA_LEAD + turn;
	era = max_u64(min_u64(era, FIRST_ERA_MAX), current_era + UINT64_C(1));
	return (uint32_t)min_u64(era, UINT32_MAX);
}

int first_era_by_clock(const struct blk_dev *dev, const char *option, uint32_t *seconds)
{
	char way_on[WAY_ON_MAX];
	int64_t now = (int64_t)time(NULL);

	if (!is_right(now))
		return report_fail(dev->rep, ERA_NO_ANSWER,
				   "%s: the clock says %" PRId64
				   " seconds since 1970, wanted %" PRId64 " to %" PRIu32
				   ": the first era cannot be chosen by it; set the clock%s",
				   dev->path, now, EARLIEST_CLOCK, FIRST_ERA_MAX,
				   find_way_on(option, way_on));
	*seconds = (uint32_t)now;
	return 0;
}

/* The highest era that a block of dev tells of. */
static int era_of_block(const struct scan *scan, uint64_t block, uint32_t *era)
{
	struct superblock sb;
	int r;

	if (block && scan->blocks[block].type != SCAN_SUPERBLOCK) {
		*era = scan_newest_era(scan, block);
		return 0;
	}
	r = superblock_read_any(scan->dev, block, &sb);
	*era = r > 0 ? sb.current_era : 0;
	return r < 0 ? r : 0;
}

static int find_newest(struct blk_dev *dev, uint32_t *newest)
{
	struct scan scan;
	uint32_t era;
	int r = scan_open(&scan, dev);

	if (r)
		return r;
	*newest = 0;
	for (uint64_t block = 0; block < scan.limit && !r; block++) {
		r = era_of_block(&scan, block, &era);
		if (!r)
			raise_u32(newest, era);
	}
	scan_close(&scan);
	return r;
}

int first_era(struct blk_dev *dev, const char *option, uint32_t *era)
{
	uint32_t seconds = 0, newest = 0;
	char way_on[WAY_ON_MAX];
	uint64_t first;
	int r = first_era_by_clock(dev, option, &seconds);

	if (!r && dev->nr_blocks)
		r = find_newest(dev, &newest);
	if (r)
		return r;
	first = newest ? newest + (uint64_t)ERA_SALVAGE_GAP : 0;
	first = first > seconds ? first : seconds;
	if (first > FIRST_ERA_MAX)
		return report_fail(dev->rep, ERA_NO_ANSWER,
				   "%s: was used up to era %" PRIu32
				   ", and new metadata must begin after it "
				   "and at %" PRIu32
				   " at most: overwrite the device with zeroes, and take full "
				   "backups%s",
				   dev->path, newest, FIRST_ERA_MAX, find_way_on(option, way_on));
	*era = (uint32_t)first;
	return 0;
}
