/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/superblocks.h"

#include <stdio.h>
#include <time.h>

#include "base/next_step.h"
#include "block/dev.h"
#include "metadata/limits.h"
#include "metadata/recognise.h"
#include "metadata/view.h"

#define RETRIES 20
#define RETRY_NANOSECONDS 50000000L

int era_read_live_superblock(struct blk_dev *dev, bool shared, struct superblock *sb,
			     struct problem *p)
{
	const struct timespec pause = {.tv_nsec = RETRY_NANOSECONDS};
	int tries = shared ? RETRIES : 0;
	int r = superblock_read(dev, 0, BLOCK_SUPERBLOCK, sb, p);

	while (r == ERA_DAMAGED && p->code == PROBLEM_SUPERBLOCK_CHECKSUM && tries--) {
		nanosleep(&pause, NULL);
		r = superblock_read(dev, 0, BLOCK_SUPERBLOCK, sb, p);
	}
	if (r == ERA_DAMAGED)
		snprintf(p->where, sizeof(p->where), "superblock");
	return r;
}

static int check_clone(const struct superblock *live, const struct superblock *clone,
		       struct problem *p)
{
	uint64_t block = live->metadata_snap;

	if (clone->current_era > live->current_era)
		problem_set(p, PROBLEM_SNAP_ERA, block, clone->current_era, live->current_era);
	else if (clone->data_block_size != live->data_block_size)
		problem_set(p, PROBLEM_SNAP_BLOCK_SIZE, block, clone->data_block_size,
			    live->data_block_size);
	else if (clone->metadata_snap)
		problem_set(p, PROBLEM_SNAP_NESTED, block, clone->metadata_snap, 0);
	else
		return 0;
	return ERA_DAMAGED;
}

int era_read_clone(struct blk_dev *dev, const struct superblock *live, struct superblock *clone,
		   struct problem *p)
{
	uint64_t block = live->metadata_snap, limit = era_block_limit(dev, live);
	int r = ERA_DAMAGED;

	if (block >= limit)
		problem_set(p, PROBLEM_POINTER, 0, block, limit - 1);
	else
		r = superblock_read(dev, block, BLOCK_SNAPSHOT, clone, p);
	if (!r)
		r = check_clone(live, clone, p);
	if (r == ERA_DAMAGED)
		snprintf(p->where, sizeof(p->where), "metadata snapshot");
	return r;
}

static int read_snapshot(struct blk_dev *dev, struct era_superblocks *sbs)
{
	struct problem p, size;
	int r;

	if (!sbs->live.metadata_snap)
		return report_fail(dev->rep, ERA_NO_ANSWER,
				   "%s: no current metadata snap: " NEXT_TAKE_SNAPSHOT, dev->path);
	r = era_read_clone(dev, &sbs->live, &sbs->view, &p);
	if (r != ERA_DAMAGED)
		return r;
	if (p.code == PROBLEM_POINTER && era_check_device_size(dev, &sbs->live, &size))
		report_problem(dev->rep, &size);
	report_problem(dev->rep, &p);
	return report_fail(dev->rep, problem_error(&p),
			   "%s: the metadata snapshot is damaged: " NEXT_DROP_AND_TAKE, dev->path);
}

int era_read_superblocks(struct blk_dev *dev, unsigned flags, struct era_superblocks *sbs)
{
	bool snapshot = flags & ERA_VIEW_SNAPSHOT;
	struct problem p;
	int r;

	r = era_look_like_metadata(dev);
	if (r)
		return r;
	r = era_read_live_superblock(dev, snapshot, &sbs->live, &p);
	if (!r) {
		sbs->view = sbs->live;
		sbs->csum = sbs->live.csum;
		return snapshot ? read_snapshot(dev, sbs) : 0;
	}
	if (r != ERA_DAMAGED)
		return r;
	report_problem(dev->rep, &p);
	return first_block_refuse(dev, &p);
}

int era_live_revalidate(struct blk_dev *dev, uint32_t csum, int r)
{
	struct superblock now;
	struct problem p;
	int again;

	if (r && r != ERA_DAMAGED)
		return r;
	again = era_read_live_superblock(dev, false, &now, &p);
	if (!again && now.csum == csum)
		return r;
	if (again == ERA_DAMAGED && p.code == PROBLEM_READ) {
		report_problem(dev->rep, &p);
		return problem_error(&p);
	}
	if (again && again != ERA_DAMAGED)
		return again;
	return report_fail(dev->rep, ERA_NO_ANSWER,
			   "%s: the metadata were changed while they were read: " NEXT_STOP_WRITER,
			   dev->path);
}

/* 1 when the snapshot that was read is still the one that is held, 0 when not. */
static int still_held(struct blk_dev *dev, const struct superblock *live,
		      const struct superblock *clone, struct problem *p)
{
	struct superblock live_now, clone_now;
	int r = era_read_live_superblock(dev, true, &live_now, p);

	if (r)
		return r;
	if (live_now.metadata_snap != live->metadata_snap)
		return 0;
	r = era_read_clone(dev, &live_now, &clone_now, p);
	return r ? r : clone_now.csum == clone->csum;
}

int era_snapshot_revalidate(struct blk_dev *dev, const struct superblock *live,
			    const struct superblock *clone, int r)
{
	struct problem p;
	int held;

	if (r && r != ERA_DAMAGED)
		return r;
	held = still_held(dev, live, clone, &p);
	if (held > 0)
		return r;
	if (held == ERA_DAMAGED && (!r || p.code == PROBLEM_READ))
		report_problem(dev->rep, &p);
	if (held == ERA_DAMAGED)
		return problem_error(&p);
	if (held < 0)
		return held;
	return report_fail(
		dev->rep, ERA_NO_ANSWER,
		"%s: the metadata snapshot was dropped or replaced while it was read: %s",
		dev->path, NEXT_READ_AGAIN);
}
