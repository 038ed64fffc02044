/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tests/fuzz/run_target.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "live/live.h"
#include "metadata/changes.h"
#include "ondisk/era_disk.h"
#include "open/open.h"
#include "tests/fuzz/fuzz.h"

#define ROOM 16u /* blocks in memory */
#define NR_STEPS 24u
#define MAX_MARKED 16u /* of the blocks at once, as a power of two */

/* A target on the metadata, and what it is asked to do. */
struct target {
	struct era_live *live;
	uint32_t seed;
	uint32_t since;				/* the era that it began */
	uint64_t first[NR_STEPS], nr[NR_STEPS]; /* blocks that it marked */
	unsigned nr_marks;
};

static uint32_t choose(struct target *t, uint32_t n)
{
	t->seed = t->seed * 1664525u + 1013904223u;
	return (t->seed >> 8) % n;
}

static int mark(struct target *t)
{
	uint32_t nr_blocks = era_live_sb(t->live)->nr_blocks;
	uint64_t first, nr;
	int r;

	if (!nr_blocks)
		return 0;
	first = choose(t, nr_blocks);
	nr = 1 + choose(t, (uint32_t)min_u64(nr_blocks - first, 1u << choose(t, MAX_MARKED)));
	r = era_live_mark(t->live, first, nr);
	if (r)
		return r;
	t->first[t->nr_marks] = first;
	t->nr[t->nr_marks++] = nr;
	return 0;
}

static int roll_over(struct target *t)
{
	int r = era_live_can_roll_over(t->live, false);

	return r > 0 ? era_live_roll_over(t->live) : r;
}

static int take_or_drop(struct target *t)
{
	int r;

	if (era_live_sb(t->live)->metadata_snap)
		return era_live_drop_snapshot(t->live);
	r = era_live_can_roll_over(t->live, true);
	if (r <= 0)
		return r;
	r = era_live_roll_over(t->live);
	return r ? r : era_live_take_snapshot(t->live);
}

static int digest(struct target *t)
{
	int r = era_live_digest(t->live);

	return r < 0 ? r : 0;
}

static int commit(struct target *t)
{
	return era_live_commit(t->live);
}

static int run(struct target *t)
{
	static int (*const steps[])(struct target * t) = {mark,	  mark,		roll_over, digest,
							  digest, take_or_drop, commit};
	static const uint32_t sizes[] = {1, 1, 1, 2, 3};
	uint64_t nr_blocks = era_live_sb(t->live)->nr_blocks;
	int r;

	nr_blocks = nr_blocks * sizes[choose(t, ARRAY_SIZE(sizes))] / (1 + choose(t, 2));
	r = era_live_resume(t->live, min_u64(nr_blocks, ERA_MAX_BLOCKS));
	if (!r)
		r = era_live_commit(t->live);
	t->since = era_live_sb(t->live)->current_era;
	for (unsigned i = 0; i < NR_STEPS && !r; i++)
		r = steps[choose(t, ARRAY_SIZE(steps))](t);
	return r ? r : era_live_commit(t->live);
}

static void must_be_set(const struct target *t, const uint64_t *bits)
{
	for (unsigned i = 0; i < t->nr_marks; i++)
		for (uint64_t n = 0; n < t->nr[i]; n++)
			must(bits_test(bits, t->first[i] + n));
}

/* What a running target says of itself, once nothing is in its current writeset. */
static int tell_changes(struct target *t)
{
	struct era_live_changes changes;
	uint64_t *bits;
	int r = era_live_archive(t->live);

	if (r)
		return r;
	bits = bits_alloc(era_live_sb(t->live)->nr_blocks);
	must(bits);
	era_live_changes_init(&changes, t->since, bits);
	while ((r = era_live_changes_step(t->live, &changes, 1)) > 0)
		;
	if (!r)
		must_be_set(t, bits);
	free(bits);
	return r;
}

static void must_name_marks(struct memdev *mem, const struct target *t)
{
	struct era_changes changes;
	struct era_view *view;
	struct blk_dev dev;

	memdev_open(mem, &dev, NULL);
	if (era_view_open_dev(&view, &dev, 0))
		return;
	if (!era_changes_read(view, t->since, &changes)) {
		must_be_set(t, changes.bits);
		era_changes_free(&changes);
	}
	era_view_close(view);
}

void target_run(struct memdev *mem, uint32_t seed)
{
	struct target t = {.seed = seed};
	struct blk_dev dev;
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r;

	memdev_open(mem, &dev, &rep);
	r = era_live_open(&t.live, &dev, ROOM);
	if (r)
		must(told.nr_errors <= 1 && told.nr_problems <= 1 &&
		     told.nr_errors + told.nr_problems > 0);
	else
		r = run(&t);
	if (!r)
		r = tell_changes(&t);
	era_live_close(t.live);
	blk_dev_close(&dev);
	must_be_told(r, &told);
	if (!r)
		must_name_marks(mem, &t);
}
