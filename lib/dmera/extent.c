/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* How many blocks there are to be listed where there is no safe answer. */
#include <inttypes.h>

#include "base/checked.h"
#include "base/next_step.h"
#include "block/dev.h"
#include "dmera/dmera_internal.h"
#include "dmera/own.h"
#include "metadata/superblocks.h"
#include "witness/witness.h"

#define SECTOR_BYTES 512u

static int add_snapshot(struct blk_dev *dev, const struct superblock *live,
			struct dmera_extent *extent, struct problem *p)
{
	struct superblock clone;
	int r;

	if (!live->metadata_snap)
		return 0;
	r = era_read_clone(dev, live, &clone, p);
	if (r)
		return r;
	extent->snapshot_era = clone.current_era;
	extent->nr_blocks = (uint32_t)max_u64(extent->nr_blocks, clone.nr_blocks);
	return 0;
}

static int read_superblocks(struct blk_dev *dev, bool shared, struct dmera_extent *extent)
{
	struct superblock live;
	struct problem p;
	int r = era_read_live_superblock(dev, shared, &live, &p);

	if (!r) {
		*extent = (struct dmera_extent){
			.block_size = superblock_block_bytes(&live),
			.nr_blocks = live.nr_blocks,
			.nr_live_blocks = live.nr_blocks,
			.live_era = live.current_era,
		};
		r = add_snapshot(dev, &live, extent, &p);
	}
	if (r != ERA_DAMAGED)
		return r;
	report_problem(dev->rep, &p);
	return problem_error(&p);
}

static int add_witness(const struct dmera *era, struct dmera_extent *extent)
{
	const struct witness *old = era->witness;
	uint64_t size;

	if (!old)
		return 0;
	size = (uint64_t)old->data_block_size * SECTOR_BYTES;
	if (size != extent->block_size)
		return report_fail(&era->report, ERA_NO_ANSWER,
				   "%s: how many blocks there are is not known: they have %" PRIu64
				   " bytes, those of the witness %s %" PRIu64 ": " NEXT_FULL_BACKUP,
				   era->path, extent->block_size, old->name, size);
	extent->nr_blocks = (uint32_t)max_u64(extent->nr_blocks, old->nr_blocks);
	return 0;
}

static int refuse_empty(const struct dmera *era, const struct dmera_extent *extent)
{
	if (extent->nr_blocks)
		return 0;
	return report_fail(&era->report, ERA_NO_ANSWER,
			   "%s: how many blocks there are is not known, since no target has run "
			   "with these metadata: " NEXT_FULL_BACKUP,
			   era->path);
}

int dmera_get_extent(struct dmera *era, const char *path, unsigned flags,
		     struct dmera_extent *extent)
{
	bool shared = flags & DMERA_SNAPSHOT;
	struct dmera_extent found;
	struct blk_dev dev;
	int r;

	dmera_begin(era, path);
	r = blk_dev_open(&dev, path, shared ? BLK_READ_SHARED : BLK_READ, &era->report);
	if (r)
		return dmera_end(era, r);
	r = read_superblocks(&dev, shared, &found);
	blk_dev_close(&dev);
	if (!r)
		r = add_witness(era, &found);
	if (!r)
		r = refuse_empty(era, &found);
	if (!r)
		*extent = found;
	return dmera_end(era, r);
}
