/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Repairing counts: a new space map from the pointers that were found, in blocks that nothing
 * points to.  The old space map's own blocks are pointed to, by the superblock, so they stay whole
 * until the superblock leaves them; in the new counts they are free.
 *
 * Counts that are too high are left alone, but for what is proven to be waste.  They are what a
 * pointer leaves that was lost, or that leads to another block than it did: new counts would make
 * the loss look right.
 */
#include "check/check_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "block/staging.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map_build.h"

static uint32_t count_without_space_map(void *ctx, uint64_t block)
{
	const struct check *check = ctx;
	const struct blk_info *info;

	if (block >= check->walk.limit)
		return 0;
	info = &check->info[block];
	return info->flags & SEEN_SPACE_MAP ? 0 : info->refs;
}

/* The blocks that nothing points to, in ascending order. */
static uint64_t find_places(const struct check *check, uint64_t *places)
{
	uint64_t end = min_u64(check->walk.limit, check->result->live.sb.sm.nr_blocks), nr = 0;

	for (uint64_t block = 0; block < end; block++)
		if (!check->info[block].refs)
			places[nr++] = block;
	return nr;
}

static int write_staged(struct check *check, struct blk_staging *staging, uint64_t nr_places,
			const struct space_map_root *sm)
{
	uint64_t needed = staging->next - 1;
	int r;

	if (needed > nr_places)
		return report_fail(check->rep, ERA_SYS,
				   "%s: no room for a new space map: found %" PRIu64
				   " free blocks of 4096 bytes, needs %" PRIu64,
				   check->dev->path, nr_places, needed);
	check->result->repair.nr_written = needed;
	r = blk_staging_copy(staging, check->dev);
	if (!r)
		r = blk_dev_flush(check->dev);
	return r ? r : superblock_replace_space_map(check->dev, sm);
}

static int build_and_write(struct check *check, const uint64_t *places, uint64_t nr_places)
{
	const struct space_map_counts counts = {check, count_without_space_map};
	struct space_map_root sm;
	struct blk_staging staging;
	int r = blk_staging_open_at(&staging, places, nr_places, check->rep);

	if (r)
		return r;
	r = space_map_build(&staging, check->result->live.sb.sm.nr_blocks, &counts, &sm);
	if (!r)
		r = write_staged(check, &staging, nr_places, &sm);
	blk_staging_close(&staging);
	return r;
}

/* A clone that says no less than the superblock, and that the space map does not count: the
 * superblock may be a copy of it, from before the snapshot was taken. */
static bool is_own_clone(const struct check *check)
{
	const struct superblock *live = &check->result->live.sb,
				*clone = &check->result->snapshot.sb;

	return check->result->snapshot.present && !check->info[live->metadata_snap].counted &&
	       live->current_era == clone->current_era &&
	       live->writeset_tree_root == clone->writeset_tree_root &&
	       live->era_array_root == clone->era_array_root;
}

static const char *why_not(const struct check *check)
{
	if (check->result->nr_others)
		return "more than reference counts is wrong";
	if (check->any_high)
		return "the space map counts more than was found, as when a pointer was lost: new "
		       "counts would make the loss look right";
	if (is_own_clone(check))
		return "the metadata snapshot is not counted, and the superblock may be a copy of "
		       "it";
	return NULL;
}

int check_repair_counts(struct check *check)
{
	struct era_check_result *result = check->result;
	const char *reason = why_not(check);
	uint64_t *places;
	int r;

	if (reason) {
		report_note(check->rep, "%s: not repaired: %s", check->dev->path, reason);
		return 0;
	}
	if (!result->nr_of_counts)
		return 0;
	places = calloc((size_t)check->walk.limit, sizeof(*places));
	if (!places)
		return report_nomem(check->rep);
	r = build_and_write(check, places, find_places(check, places));
	free(places);
	return r ? r : 1;
}
