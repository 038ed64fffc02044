/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Blocks of which an engine can't know whether the origin has what was written to them: after a
 * flush that failed, and after a stop that was not clean.  They are marked again.
 */
#include "unit.h"

#include <stdlib.h>
#include <time.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "metadata/changes.h"
#include "metadata/superblock.h"
#include "open/open.h"
#include "target/engine/engine.h"
#include "tests/sim/simdev.h"

#define NR_BLOCKS 3000u
#define BLOCK_SECTORS 8u
#define BLOCK_BYTES 4096u
#define SIM_BLOCKS 120u
#define STARTED 1u /* what is promised when the engine has resumed */

static const struct report quiet;

static bool has_origin;	  /* that is flushed, so that there is something to doubt */
static bool origin_fails; /* to flush */
static uint32_t doubt_ms;

static int flush_origin(void *origin)
{
	(void)origin;
	return origin_fails ? ERA_SYS : 0;
}

static struct engine *started(struct simdev *sim, enum engine_doubt doubt)
{
	const struct engine_config config = {
		.block_sectors = BLOCK_SECTORS,
		.format = true,
		.manual_digest = true,
		.cache_blocks = 8,
		.flush_origin = has_origin ? flush_origin : NULL,
		.doubt_ms = doubt_ms,
		.rep = &quiet,
	};
	struct engine *e;
	struct blk_dev dev;

	assert_int_equal(simdev_dev(sim, &dev, &quiet), 0);
	assert_int_equal(engine_open_dev(&e, &dev, &config), 0);
	engine_set_doubt(e, doubt);
	assert_int_equal(engine_resume(e, (uint64_t)NR_BLOCKS * BLOCK_BYTES), 0);
	return e;
}

static void mark_block(struct engine *e, uint64_t block)
{
	struct engine_request req;

	assert_int_equal(engine_mark(e, block * BLOCK_BYTES, BLOCK_BYTES, &req), 0);
	engine_done(e, req);
}

/* -1: it can't be read. */
static int is_unflushed(struct simdev *image)
{
	struct superblock sb;
	struct problem p;
	struct blk_dev dev;
	uint32_t since;
	int r;

	if (simdev_dev(image, &dev, NULL))
		return -1;
	r = superblock_read(&dev, 0, BLOCK_SUPERBLOCK, &sb, &p);
	blk_dev_close(&dev);
	return r ? -1 : superblock_is_unflushed(&sb, &since);
}

/* Are they listed since the current era? */
static bool has_marked_again(struct simdev *image, const uint32_t *blocks, size_t nr)
{
	struct era_changes changes;
	struct era_view *view;
	struct blk_dev dev;
	bool all = true;

	if (simdev_dev(image, &dev, NULL) || era_view_open_dev(&view, &dev, 0))
		return false;
	if (era_changes_read(view, era_view_sb(view)->current_era, &changes)) {
		era_view_close(view);
		return false;
	}
	for (size_t i = 0; i < nr; i++)
		all = all && bits_test(changes.bits, blocks[i]);
	era_changes_free(&changes);
	era_view_close(view);
	return all;
}

static bool resumes(struct simdev *image)
{
	const struct engine_config config = {.block_sectors = BLOCK_SECTORS, .manual_digest = true};
	struct blk_dev dev;
	struct engine *e;
	int r;

	if (simdev_dev(image, &dev, NULL) || engine_open_dev(&e, &dev, &config))
		return false;
	r = engine_resume(e, (uint64_t)NR_BLOCKS * BLOCK_BYTES);
	if (!r)
		r = engine_suspend(e);
	engine_close(e);
	return !r;
}

static const uint32_t doubtful_blocks[] = {6, 2999};

/* As long as the next start has to mark them again, it does; when not, they are marked. */
static bool judge_marked_again(void *ctx, struct simdev_stop *stop)
{
	int flag = is_unflushed(stop->image);

	(void)ctx;
	if (flag < 0 || (flag && stop->promise == STARTED)) {
		snprintf(stop->why, sizeof(stop->why), "the flag is %d", flag);
		return false;
	}
	if (flag && !resumes(stop->image)) {
		snprintf(stop->why, sizeof(stop->why), "does not resume");
		return false;
	}
	snprintf(stop->why, sizeof(stop->why), "not all is marked again");
	return has_marked_again(stop->image, doubtful_blocks, ARRAY_SIZE(doubtful_blocks));
}

static void fail_a_flush(struct simdev *sim)
{
	struct engine *e = started(sim, DOUBT_FOR_A_WHILE);

	mark_block(e, doubtful_blocks[0]);
	origin_fails = true;
	assert_int_equal(engine_checkpoint(e, NULL), ERA_SYS);
	origin_fails = false;
	mark_block(e, doubtful_blocks[1]);
	engine_close(e);
}

/* Wherever the start after a failed flush is stopped. */
static void test_marks_again_at_every_stop(void **state)
{
	const struct simdev_how how = {.states = 64};
	struct simdev_result result;
	struct simdev sim;
	struct engine *e;

	(void)state;
	has_origin = true;
	simdev_open(&sim, SIM_BLOCKS);
	fail_a_flush(&sim);
	assert_int_equal(is_unflushed(&sim), 1);
	simdev_settle(&sim);
	e = started(&sim, DOUBT_FOR_A_WHILE);
	simdev_promise(&sim, STARTED);
	simdev_for_each_stop(&sim, &how, judge_marked_again, NULL, &result);
	if (result.bad)
		fail_msg("%s", result.first_bad);
	assert_true(result.states > 100);
	engine_close(e);
	simdev_close(&sim);
	has_origin = false;
}

static bool is_listed(struct engine *e, uint32_t since, uint64_t block)
{
	uint64_t *bits = bits_alloc(NR_BLOCKS);
	bool r;

	assert_non_null(bits);
	assert_int_equal(engine_changes(e, since, bits), 0);
	r = bits_test(bits, block);
	free(bits);
	return r;
}

/* After a stop that was not clean: in how many of the eras that begin is the block that was marked
 * last? */
static unsigned eras_in_doubt(enum engine_doubt doubt, uint32_t ms, unsigned nr)
{
	struct simdev sim;
	struct engine *e;
	unsigned found = 0;

	doubt_ms = ms;
	simdev_open(&sim, SIM_BLOCKS);
	e = started(&sim, DOUBT_FOR_A_WHILE);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(engine_checkpoint(e, NULL), 0);
	mark_block(e, 7);
	engine_close(e);
	e = started(&sim, doubt);
	for (unsigned i = 0; i < nr; i++) {
		const struct timespec pause = {.tv_nsec = 20000000};
		uint32_t era = engine_era(e);

		found += is_listed(e, era, 7);
		assert_false(is_listed(e, era, 8));
		nanosleep(&pause, NULL);
		assert_int_equal(engine_checkpoint(e, NULL), 0);
	}
	engine_close(e);
	simdev_close(&sim);
	doubt_ms = 0;
	return found;
}

static void test_doubt(void **state)
{
	(void)state;
	has_origin = true;
	assert_int_equal(eras_in_doubt(DOUBT_FOR_A_WHILE, 0, 5), 5);
	assert_int_equal(eras_in_doubt(DOUBT_FOR_A_WHILE, 1, 5), 1);
	assert_int_equal(eras_in_doubt(DOUBT_LASTS, 1, 5), 5);
	assert_int_equal(eras_in_doubt(DOUBT_NONE, 0, 5), 0);
	has_origin = false;
	assert_int_equal(eras_in_doubt(DOUBT_FOR_A_WHILE, 0, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_again_at_every_stop),
		cmocka_unit_test(test_doubt),
	};

	return cmocka_run_group_tests_name("engine doubt", tests, NULL, NULL);
}
