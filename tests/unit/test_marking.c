/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What is on a device when marking was stopped: the old metadata, or the new ones.  Where they have
 * too few free blocks to do it in one commit, some blocks may be marked; no era ever falls.
 */
#include "unit.h"

#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "build/format.h"
#include "check/check.h"
#include "live/live.h"
#include "live/marking.h"
#include "metadata/map.h"
#include "open/open.h"
#include "metadata/untracked_mark.h"
#include "tests/sim/simdev.h"

#define NR_BLOCKS 40000u /* 40 blocks of the array, two of a bitset */
#define MAX_BLOCKS 256u

struct trial {
	const char *name;
	uint64_t nr_blocks; /* of the device */
	bool crashed, at_once, snapshot;
	uint32_t old[NR_BLOCKS], old_era, new_era;
	uint64_t marked[NR_BLOCKS / 64 + 1];
	unsigned nr_old, nr_new, nr_between;
};

static struct trial trials[] = {
	{.name = "after a stop", .nr_blocks = 256, .at_once = true},
	{.name = "after a crash", .nr_blocks = 256, .crashed = true, .at_once = true},
	{.name = "with a snapshot", .nr_blocks = 256, .snapshot = true, .at_once = true},
	{.name = "with few free blocks", .nr_blocks = 62},
};

static void live_open(struct simdev *sim, struct blk_dev *dev, struct era_live **live)
{
	assert_int_equal(simdev_dev(sim, dev, NULL), 0);
	assert_int_equal(era_live_open(live, dev, MAX_BLOCKS), 0);
}

static void run_an_era(struct era_live *live, uint64_t seed)
{
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(era_live_mark(live, unit_random(&seed) % NR_BLOCKS, 1), 0);
	assert_int_equal(era_live_commit(live), 0);
}

/* Some eras, of which the last ones are not digested. */
static void set_up(const struct trial *trial, struct simdev *sim)
{
	struct era_live *live;
	struct blk_dev dev;
	int r;

	simdev_open(sim, trial->nr_blocks);
	assert_int_equal(simdev_dev(sim, &dev, NULL), 0);
	assert_int_equal(era_format(&dev, 8, 10), 0);
	blk_dev_close(&dev);
	live_open(sim, &dev, &live);
	assert_int_equal(era_live_resume(live, NR_BLOCKS), 0);
	for (uint64_t era = 0; era < 3; era++) {
		run_an_era(live, era);
		assert_int_equal(era_live_roll_over(live), 0);
		do
			r = era == 1 ? era_live_digest(live) : 0;
		while (r == ERA_DIGEST_MORE);
	}
	if (trial->snapshot)
		assert_int_equal(era_live_take_snapshot(live), 0);
	run_an_era(live, 7);
	if (!trial->crashed)
		assert_int_equal(era_live_archive(live), 0);
	assert_int_equal(era_live_commit(live), 0);
	era_live_close(live);
	blk_dev_close(&dev);
	simdev_settle(sim);
}

/* Returns the current era. */
static uint32_t read_eras(struct simdev *image, uint32_t eras[NR_BLOCKS])
{
	struct era_chunk chunk;
	struct era_view *view;
	struct era_map *map;
	struct blk_dev dev;
	uint32_t next = 0, era;

	assert_int_equal(simdev_dev(image, &dev, NULL), 0);
	if (era_view_open_dev(&view, &dev, ERA_VIEW_WHOLE))
		return 0;
	era = era_view_sb(view)->current_era;
	assert_int_equal(era_map_open(&map, view), 0);
	while (era_map_next(map, &chunk) == 1)
		for (uint32_t i = 0; i < chunk.nr; i++)
			eras[next++] = chunk.eras[i];
	assert_int_equal(next, NR_BLOCKS);
	era_map_close(map);
	era_view_close(view);
	return era;
}

static bool is_old(const struct trial *trial, const uint32_t eras[NR_BLOCKS])
{
	return !memcmp(eras, trial->old, sizeof(trial->old));
}

static bool is_new(const struct trial *trial, const uint32_t eras[NR_BLOCKS])
{
	bool same = true;

	for (uint32_t i = 0; i < NR_BLOCKS && same; i++)
		same = eras[i] == (bits_test(trial->marked, i) ? trial->new_era : trial->old[i]);
	return same;
}

static bool is_between(const struct trial *trial, const uint32_t eras[NR_BLOCKS])
{
	bool good = !trial->at_once;

	for (uint32_t i = 0; i < NR_BLOCKS && good; i++)
		good = eras[i] == trial->old[i] ||
		       (eras[i] == trial->new_era && bits_test(trial->marked, i));
	return good;
}

static bool judge(void *ctx, struct simdev_stop *stop)
{
	static uint32_t eras[NR_BLOCKS];
	struct trial *trial = ctx;
	uint32_t era = read_eras(stop->image, eras);

	if (era == trial->new_era && is_new(trial, eras)) {
		trial->nr_new++;
		return true;
	}
	strcpy(stop->why, era ? "neither the old nor the new" : "unsound");
	if (!era || stop->promise)
		return false;
	if (is_old(trial, eras)) {
		trial->nr_old++;
		return true;
	}
	trial->nr_between++;
	return is_between(trial, eras);
}

static int mark(struct trial *trial, struct simdev *sim)
{
	struct blk_dev dev;
	int r;

	memset(trial->marked, 0, sizeof(trial->marked));
	bits_set_range(trial->marked, 100, 300);
	bits_set_range(trial->marked, NR_BLOCKS - 1, 1);
	assert_int_equal(simdev_dev(sim, &dev, NULL), 0);
	r = era_mark_blocks(&dev, trial->marked, 0, &trial->new_era);
	blk_dev_close(&dev);
	return r;
}

static void stopped_anywhere(void **state)
{
	const struct simdev_how how = {.states = 64, .seed = 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		struct trial *trial = &trials[i];
		struct simdev_result result;
		struct simdev sim;

		set_up(trial, &sim);
		trial->old_era = read_eras(&sim, trial->old);
		assert_int_equal(mark(trial, &sim), 0);
		assert_true(trial->new_era > trial->old_era);
		simdev_promise(&sim, 1);
		simdev_for_each_stop(&sim, &how, judge, trial, &result);
		print_message("# %s: %u states: %u old, %u new, %u between\n", trial->name,
			      (unsigned)result.states, trial->nr_old, trial->nr_new,
			      trial->nr_between);
		if (result.bad)
			fail_msg("%s: %s", trial->name, result.first_bad);
		assert_true(trial->nr_old && trial->nr_new);
		simdev_close(&sim);
	}
}

/* What fails leaves the old metadata, or some marks. */
static void every_call_fails_once(void **state)
{
	static uint32_t eras[NR_BLOCKS];
	struct trial *trial = &trials[1];
	struct simdev sim;
	uint64_t nr = 0;
	int r;

	(void)state;
	do {
		set_up(trial, &sim);
		trial->old_era = read_eras(&sim, trial->old);
		simdev_settle(&sim);
		sim.faults.write = ++nr;
		r = mark(trial, &sim);
		sim.faults.write = 0;
		assert_int_not_equal(read_eras(&sim, eras), 0);
		assert_true(r ? is_old(trial, eras) || is_new(trial, eras) : is_new(trial, eras));
		simdev_close(&sim);
	} while (r);
	assert_true(nr > 3);
}

static int ask_mark(struct simdev *sim)
{
	char since[UNTRACKED_SINCE_BYTES];
	struct blk_dev dev;
	int r;

	assert_int_equal(simdev_dev(sim, &dev, NULL), 0);
	r = untracked_mark_read(&dev, since);
	if (r)
		assert_string_equal(since, "then");
	blk_dev_close(&dev);
	return r;
}

static void write_mark(struct simdev *sim, bool at_end)
{
	struct blk_dev dev;

	assert_int_equal(simdev_dev(sim, &dev, NULL), 0);
	assert_int_equal(untracked_mark_write(&dev, "then", at_end), 0);
	blk_dev_close(&dev);
}

static void clear_mark(struct simdev *sim)
{
	struct blk_dev dev;

	assert_int_equal(simdev_dev(sim, &dev, NULL), 0);
	assert_int_equal(untracked_mark_clear(&dev), 0);
	blk_dev_close(&dev);
}

static bool is_old_still(void *ctx, struct simdev_stop *stop)
{
	static uint32_t eras[NR_BLOCKS];

	strcpy(stop->why, "not what it was");
	return read_eras(stop->image, eras) && is_old(ctx, eras) &&
	       (!stop->promise || ask_mark(stop->image) == 1);
}

/* Nothing but its end removes it, and it changes nothing else, wherever it is stopped. */
static void untracked_stays(void **state)
{
	const struct simdev_how how = {.states = 64, .seed = 1};
	static uint32_t eras[NR_BLOCKS];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		struct trial *trial = &trials[i];
		struct simdev_result result;
		struct simdev sim;

		set_up(trial, &sim);
		trial->old_era = read_eras(&sim, trial->old);
		assert_int_equal(ask_mark(&sim), 0);
		write_mark(&sim, i % 2);
		simdev_promise(&sim, 1);
		simdev_for_each_stop(&sim, &how, is_old_still, trial, &result);
		assert_int_equal(result.bad, 0);
		assert_int_equal(mark(trial, &sim), 0);
		assert_int_equal(ask_mark(&sim), 1);
		clear_mark(&sim);
		assert_int_equal(ask_mark(&sim), 0);
		assert_int_equal(read_eras(&sim, eras), trial->new_era);
		assert_true(is_new(trial, eras));
		simdev_close(&sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stopped_anywhere),
		cmocka_unit_test(every_call_fails_once),
		cmocka_unit_test(untracked_stays),
	};

	return cmocka_run_group_tests_name("marking", tests, NULL, NULL);
}
