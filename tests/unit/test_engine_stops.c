/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What the engine leaves on its metadata when the power fails, at any place and with any of the
 * unflushed writes there or not, and what it does when the device fails.
 *
 * A run makes random calls and notes what is true after each.  When call n has returned, a stop may
 * find what was true after it, or what the next call was about to make true; nothing else, and
 * always sound to the last reference.  To see that these tests see: each flush that is taken away
 * must make a bad state.  The one exception is that of an opening, which is for a page cache that
 * shows what the device does not have: test_goes_on_after_a_failed_flush sees that one missed.
 */
#include "metadata_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "metadata/changes.h"
#include "ondisk/era_disk.h"
#include "open/open.h"
#include "target/engine/engine.h"
#include "tests/sim/simdev.h"
#include "witness/witness.h"

#define MAX_BLOCKS 3000u
#define BLOCK_SECTORS 8u
#define BLOCK_BYTES 4096u
#define MAX_STATES 400u
#define SIM_BLOCKS 120u

struct eras {
	uint32_t nr_blocks, era;
	uint32_t last[MAX_BLOCKS];
};

/* What is true after a call; blank: nothing is there yet. */
struct state {
	bool blank, held;
	struct eras live, snapshot;
};

struct run {
	struct simdev sim;
	struct engine *engine;
	struct state *states; /* [0 .. promised] are true or were; the next may come */
	unsigned promised;
	bool with_digest, failed, resumed;     /* resumed: since the opening */
	struct witness *witnesses[MAX_STATES]; /* of what a promise said, of some; or NULL */
	bool with_witnesses;
	unsigned doubtful; /* a promise at which what a failed flush left may be gone; 0: none */
	uint64_t openings[MAX_STATES]; /* the first flush of each */
	unsigned nr_openings;
	uint64_t seed;
};

static const struct report quiet;

static uint32_t draw(struct run *run, uint32_t limit)
{
	return unit_random(&run->seed) % limit;
}

/* What would be true after the next call. */
static struct state *next_state(struct run *run)
{
	struct state *state = &run->states[run->promised + 1];

	assert_true(run->promised + 2 < MAX_STATES);
	*state = run->states[run->promised];
	return state;
}

static bool is_read_only(const struct run *run)
{
	char line[ENGINE_LINE_MAX];

	engine_status(run->engine, line, sizeof(line));
	return !strncmp(line, "Error: ", 7);
}

/* Holds what a reader finds against a witness, and makes one.  false: it is refused. */
static bool witness_view(struct simdev *image, unsigned flags, const struct witness *old,
			 struct witness **made)
{
	struct witness_task task = {.old = old, .listed_from = UINT64_MAX, .make = made};
	struct witness_subject subject = {"sim", &quiet, NULL, flags & ERA_VIEW_SNAPSHOT};
	struct era_changes changes;
	struct era_view *view;
	struct blk_dev dev;
	int r;

	assert_int_equal(simdev_dev(image, &dev, NULL), 0);
	assert_int_equal(era_view_open_dev(&view, &dev, flags), 0);
	subject.sb = era_view_sb(view);
	r = witness_read_changes(view, &subject, 0, &task, &changes);
	era_view_close(view);
	if (r)
		return false;
	era_changes_free(&changes);
	if (made)
		*made = task.made;
	return true;
}

static void keep_witness(struct run *run)
{
	const struct state *state = &run->states[run->promised];
	bool held = state->held && run->promised % 10 == 0;

	if (run->with_witnesses && run->promised % 5 == 0 && !state->blank)
		assert_true(witness_view(&run->sim, held ? ERA_VIEW_SNAPSHOT : 0, NULL,
					 &run->witnesses[run->promised]));
}

/* What was true once lets all that comes later pass, and lets a snapshot of later pass, too. */
static bool passes_witnesses(const struct run *run, uint64_t promise, struct simdev *image,
			     const struct state *state)
{
	for (uint64_t i = 0; i <= promise; i++) {
		const struct witness *old = run->witnesses[i];

		if (!old)
			continue;
		if (!witness_view(image, 0, old, NULL))
			return false;
		if (state->held && state->snapshot.era > old->era &&
		    !witness_view(image, ERA_VIEW_SNAPSHOT, old, NULL))
			return false;
	}
	return true;
}

/* What finds no space changes nothing, and the run goes on. */
static void returned(struct run *run, int r)
{
	if (r == ERA_NO_SPACE && run->engine)
		assert_false(is_read_only(run));
	else if (r)
		run->failed = true;
	else
		simdev_promise(&run->sim, ++run->promised);
	keep_witness(run);
}

static void open_engine(struct run *run)
{
	const struct engine_config config = {
		.block_sectors = BLOCK_SECTORS,
		.format = true,
		.manual_digest = true,
		.cache_blocks = 8,
		.rep = &quiet,
	};
	struct state *state = next_state(run);
	struct blk_dev dev;
	int r;

	if (state->blank)
		*state = (struct state){.blank = false};
	assert_int_equal(simdev_dev(&run->sim, &dev, &quiet), 0);
	r = engine_open_dev(&run->engine, &dev, &config);
	if (r)
		run->engine = NULL;
	run->resumed = false;
	returned(run, r);
}

static void resume(struct run *run, uint32_t nr_blocks)
{
	struct state *state = next_state(run);
	uint64_t bytes = (uint64_t)nr_blocks * BLOCK_BYTES;
	int r;

	state->live.era++;
	for (uint32_t i = state->live.nr_blocks; i < nr_blocks; i++)
		state->live.last[i] = state->live.era;
	state->live.nr_blocks = nr_blocks;
	if (!run->resumed)
		run->openings[run->nr_openings++] = run->sim.flushes + 1;
	run->resumed = true;
	r = engine_resume(run->engine, bytes);
	if (r == ERA_NO_SPACE)
		r = engine_resume(run->engine, bytes);
	returned(run, r);
}

static void mark(struct run *run)
{
	struct state *state = next_state(run);
	uint32_t nr = state->live.nr_blocks, first = draw(run, nr);
	uint32_t len = 1 + draw(run, draw(run, 4) ? 3 : nr);
	struct engine_request req;
	int r;

	len = (uint32_t)min_u64(len, nr - first);
	for (uint32_t i = first; i < first + len; i++)
		state->live.last[i] = state->live.era;
	r = engine_mark(run->engine, (uint64_t)first * BLOCK_BYTES, (uint64_t)len * BLOCK_BYTES,
			&req);
	if (!r)
		engine_done(run->engine, req);
	returned(run, r);
}

static void checkpoint(struct run *run)
{
	next_state(run)->live.era++;
	returned(run, engine_checkpoint(run->engine, NULL));
}

/* A snapshot that can't be read is not dropped, and that is all. */
static void toggle_snapshot(struct run *run)
{
	struct state *state = next_state(run);
	bool held = state->held;
	int r;

	state->held = !held;
	if (!held) {
		state->live.era++;
		state->snapshot = state->live;
	}
	r = held ? engine_drop_metadata_snap(run->engine)
		 : engine_take_metadata_snap(run->engine, NULL);
	if (!r || !held || is_read_only(run))
		returned(run, r);
}

/* Nothing becomes true by it. */
static void digest(struct run *run)
{
	uint32_t steps = 1 + draw(run, 8);
	int r = 1;

	next_state(run);
	while (r == 1 && steps--)
		r = engine_digest(run->engine);
	returned(run, r < 0 ? r : 0);
}

static void suspend(struct run *run)
{
	next_state(run);
	returned(run, engine_suspend(run->engine));
	if (!run->failed)
		resume(run, draw(run, 2) ? run->states[run->promised].live.nr_blocks
					 : 1 + draw(run, MAX_BLOCKS));
}

static void reopen(struct run *run)
{
	engine_close(run->engine);
	run->engine = NULL;
	open_engine(run);
	if (!run->failed)
		resume(run, run->states[run->promised].live.nr_blocks);
}

static void step(struct run *run)
{
	uint32_t drawn = draw(run, 20);

	if (drawn < 11)
		mark(run);
	else if (drawn < 14)
		checkpoint(run);
	else if (drawn < 17 && run->with_digest)
		digest(run);
	else if (drawn < 18 && run->with_digest)
		toggle_snapshot(run);
	else if (drawn < 19)
		suspend(run);
	else
		reopen(run);
}

static void start_run(struct run *run, uint64_t seed, bool with_digest)
{
	*run = (struct run){.seed = seed, .with_digest = with_digest};
	run->states = calloc(MAX_STATES, sizeof(*run->states));
	assert_non_null(run->states);
	run->states[0].blank = true;
	simdev_open(&run->sim, SIM_BLOCKS);
}

static void go_on(struct run *run, unsigned steps)
{
	if (!run->failed)
		open_engine(run);
	if (!run->failed)
		resume(run, MAX_BLOCKS / 2);
	while (!run->failed && steps--)
		step(run);
}

static void end_run(struct run *run)
{
	engine_close(run->engine);
	simdev_close(&run->sim);
	for (unsigned i = 0; i < MAX_STATES; i++)
		free(run->witnesses[i]);
	free(run->states);
}

static bool view_is(struct simdev *image, unsigned flags, const struct eras *eras)
{
	static uint32_t found[MAX_BLOCKS];
	struct era_view *view;
	struct era_map *map;
	struct era_chunk chunk;
	struct blk_dev dev;
	bool same;
	int r;

	if (simdev_dev(image, &dev, NULL) || era_view_open_dev(&view, &dev, flags))
		return false;
	same = era_view_sb(view)->nr_blocks == eras->nr_blocks &&
	       era_view_sb(view)->current_era == eras->era;
	if (same) {
		assert_int_equal(era_map_open(&map, view), 0);
		while ((r = era_map_next(map, &chunk)) > 0)
			memcpy(found + chunk.first, chunk.eras, chunk.nr * sizeof(*found));
		same = !r && !memcmp(found, eras->last, eras->nr_blocks * sizeof(*found));
		era_map_close(map);
	}
	era_view_close(view);
	return same;
}

static bool is_blank(const struct simdev *image)
{
	for (unsigned i = 0; i < META_BLOCK_SIZE; i++)
		if (image->data[i])
			return false;
	return true;
}

static bool image_is(struct simdev *image, const struct state *state)
{
	if (state->blank)
		return is_blank(image);
	return view_is(image, 0, &state->live) &&
	       (!state->held || view_is(image, ERA_VIEW_SNAPSHOT, &state->snapshot));
}

static bool is_sound(struct simdev *image)
{
	struct era_check_result result;
	struct blk_dev dev;
	int r;

	if (simdev_dev(image, &dev, NULL))
		return false;
	r = era_check_dev(&dev, ERA_CHECK_ALL, NULL, &result);
	blk_dev_close(&dev);
	return !r && result.live.walked && !result.nr_fatal && !result.nr_non_fatal;
}

/* The metadata resume, and all that was true still is; what is new is marked, and stays. */
static bool works_on(struct simdev *image, const struct state *state)
{
	const struct engine_config config = {.block_sectors = BLOCK_SECTORS,
					     .format = true,
					     .manual_digest = true};
	struct eras eras = state->live;
	struct engine_request req;
	struct engine *e;
	struct blk_dev dev;
	int r;

	if (simdev_dev(image, &dev, NULL) || engine_open_dev(&e, &dev, &config))
		return false;
	eras.nr_blocks = eras.nr_blocks ? eras.nr_blocks : 1;
	eras.era++;
	eras.last[0] = eras.era;
	r = engine_resume(e, (uint64_t)eras.nr_blocks * BLOCK_BYTES);
	if (!r)
		r = engine_mark(e, 0, 1, &req);
	if (!r)
		engine_done(e, req);
	while (!r && engine_digest(e) == 1)
		;
	if (!r)
		r = engine_suspend(e);
	engine_close(e);
	return !r && is_sound(image) && view_is(image, 0, &eras);
}

static bool judge(void *ctx, struct simdev_stop *stop)
{
	const struct run *run = ctx;
	const struct state *state = &run->states[stop->promise], *last = state + 1;

	if (run->doubtful && stop->promise == run->doubtful)
		state -= 2;

	while (state <= last && !image_is(stop->image, state))
		state++;
	if (state > last) {
		snprintf(stop->why, sizeof(stop->why), "neither call %" PRIu64 " nor the next",
			 stop->promise);
		return false;
	}
	if (!state->blank && !is_sound(stop->image)) {
		snprintf(stop->why, sizeof(stop->why), "not sound");
		return false;
	}
	if (!state->blank && !passes_witnesses(run, stop->promise, stop->image, state)) {
		snprintf(stop->why, sizeof(stop->why), "a witness of before refuses");
		return false;
	}
	if (!state->blank && stop->promise % 8 == 0 && !works_on(stop->image, state)) {
		snprintf(stop->why, sizeof(stop->why), "does not resume");
		return false;
	}
	return true;
}

static uint64_t nr_bad(struct run *run, const struct simdev_how *how, bool tell)
{
	struct simdev_result result;

	simdev_for_each_stop(&run->sim, how, judge, run, &result);
	if (tell && result.bad)
		printf("# %s\n", result.first_bad);
	if (tell)
		printf("# %" PRIu64 " stops, %" PRIu64 " states, %" PRIu64 " bad\n", result.stops,
		       result.states, result.bad);
	return result.bad;
}

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void test_every_stop(void **state)
{
	unsigned long runs = from_environment("ERA_ENGINE_RUNS", 2);
	struct run run;

	(void)state;
	for (unsigned long i = 0; i < runs; i++) {
		const struct simdev_how how = {.states = 12, .seed = i};

		start_run(&run, i + 1, true);
		run.with_witnesses = true;
		go_on(&run, 40);
		assert_false(run.failed);
		assert_int_equal(nr_bad(&run, &how, true), 0);
		end_run(&run);
	}
}

static bool is_of_opening(const struct run *run, uint64_t flush)
{
	unsigned i = 0;

	while (i < run->nr_openings && run->openings[i] != flush)
		i++;
	return i < run->nr_openings;
}

/* Of a digestion's commits nobody is told, so one of their flushes may well not be missed. */
static void test_no_flush_is_idle(void **state)
{
	struct run run;

	(void)state;
	start_run(&run, 77, false);
	go_on(&run, 12);
	assert_false(run.failed);
	for (uint64_t flush = 1; flush <= run.sim.flushes; flush++) {
		const struct simdev_how how = {.states = 24, .without_flush = flush};

		if (!is_of_opening(&run, flush) && !nr_bad(&run, &how, false))
			fail_msg("flush %" PRIu64 " of %" PRIu64 " is not needed", flush,
				 run.sim.flushes);
	}
	end_run(&run);
}

/* Read-only from then on, and it says why. */
static void refuses_all(struct run *run)
{
	struct engine_request req;

	assert_true(is_read_only(run));
	assert_int_not_equal(engine_mark(run->engine, 0, 1, &req), 0);
	assert_int_not_equal(engine_checkpoint(run->engine, NULL), 0);
	assert_int_not_equal(engine_take_metadata_snap(run->engine, NULL), 0);
	assert_int_not_equal(engine_drop_metadata_snap(run->engine), 0);
}

/* One run that meets this fault.  false when it didn't come to it. */
static bool fails_well(uint64_t seed, const struct simdev_faults *faults)
{
	const struct simdev_how how = {.states = 6, .seed = seed};
	struct run run;
	bool failed;

	start_run(&run, seed, true);
	run.sim.faults = *faults;
	go_on(&run, 25);
	failed = run.failed;
	if (failed && run.engine)
		refuses_all(&run);
	run.sim.faults = (struct simdev_faults){.bad_block = SIMDEV_NO_BLOCK};
	if (nr_bad(&run, &how, false))
		fail_msg("seed %" PRIu64 ", read %" PRIu64 ", write %" PRIu64 ", flush %" PRIu64
			 " fails: something is lost",
			 seed, faults->read, faults->write, faults->flush);
	end_run(&run);
	return failed;
}

/* How many reads, writes and flushes the run makes that meets no fault. */
static void count_calls(uint64_t seed, uint64_t counts[3])
{
	struct run run;

	start_run(&run, seed, true);
	go_on(&run, 25);
	assert_false(run.failed);
	counts[0] = run.sim.reads;
	counts[1] = run.sim.writes;
	counts[2] = run.sim.flushes;
	end_run(&run);
}

/* Not every read is missed when it fails: one only looks whether it is XML, one is a snapshot's. */
static void test_faults(void **state)
{
	uint64_t pace = from_environment("ERA_ENGINE_FAULTS_EVERY", 11), counts[3];

	(void)state;
	count_calls(5, counts);
	for (unsigned kind = 0; kind < 3; kind++) {
		uint64_t passed = 0;

		for (uint64_t n = 1; n <= counts[kind]; n += pace) {
			const struct simdev_faults faults = {
				.bad_block = SIMDEV_NO_BLOCK,
				.read = kind == 0 ? n : 0,
				.write = kind == 1 ? n : 0,
				.flush = kind == 2 ? n : 0,
				.short_write = n % 3 == 0,
				.lasting = n / pace % 2,
			};

			passed += !fails_well(5, &faults);
		}
		assert_in_range(passed, 0, kind ? 0 : 4);
	}
}

/* The page cache may show the commit whose flush failed: then it counts as having come to be,
 * though until the next call has returned it may be gone after a stop. */
static void open_again(struct run *run)
{
	engine_close(run->engine);
	run->engine = NULL;
	run->sim.faults = (struct simdev_faults){.bad_block = SIMDEV_NO_BLOCK};
	run->failed = false;
	if (!image_is(&run->sim, &run->states[run->promised]) &&
	    image_is(&run->sim, &run->states[run->promised + 1]))
		run->promised++;
	run->doubtful = run->promised + 1;
}

static void test_goes_on_after_a_failed_flush(void **state)
{
	const struct simdev_how how = {.states = 16};
	uint64_t counts[3];

	(void)state;
	count_calls(5, counts);
	for (uint64_t flush = 3; flush <= counts[2]; flush += 5) {
		struct run run;

		start_run(&run, 5, true);
		run.sim.faults.flush = flush;
		go_on(&run, 25);
		assert_true(run.failed);
		open_again(&run);
		go_on(&run, 6);
		assert_false(run.failed);
		if (nr_bad(&run, &how, false))
			fail_msg("after flush %" PRIu64 " failed something is lost", flush);
		end_run(&run);
	}
}

static int mark_block(struct run *run, uint64_t block)
{
	struct engine_request req;
	int r = engine_mark(run->engine, block * BLOCK_BYTES, BLOCK_BYTES, &req);

	if (!r)
		engine_done(run->engine, req);
	return r;
}

/* A target that is read-only, for a flush that failed, also one for want of space. */
static void test_what_is_marked_goes_on(void **state)
{
	static const int errors[] = {EIO, ENOSPC};
	struct run run;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		start_run(&run, 1, false);
		open_engine(&run);
		resume(&run, MAX_BLOCKS);
		assert_int_equal(mark_block(&run, 5), 0);
		run.sim.faults = (struct simdev_faults){.bad_block = SIMDEV_NO_BLOCK,
							.flush = run.sim.flushes + 1,
							.error = errors[i]};
		assert_int_equal(mark_block(&run, 6), ERA_SYS);
		run.sim.faults = (struct simdev_faults){.bad_block = SIMDEV_NO_BLOCK};
		assert_true(is_read_only(&run));
		assert_int_equal(mark_block(&run, 5), 0);
		assert_int_equal(mark_block(&run, 6), ERA_SYS);
		assert_int_equal(engine_checkpoint(run.engine, NULL), ERA_SYS);
		assert_int_equal(mark_block(&run, 5), 0);
		end_run(&run);
	}
}

/* Whatever write but the superblock's finds no space: only that call fails, and all that comes
 * later works. */
static void test_no_space_heals(void **state)
{
	const struct simdev_how how = {.states = 6};
	uint64_t counts[3], nr_final = 0;

	(void)state;
	count_calls(5, counts);
	for (uint64_t n = 8; n <= counts[1]; n += 3) {
		struct run run;

		start_run(&run, 5, true);
		run.sim.faults = (struct simdev_faults){.bad_block = SIMDEV_NO_BLOCK,
							.write = n,
							.error = ENOSPC};
		go_on(&run, 25);
		nr_final += run.failed;
		if (nr_bad(&run, &how, false))
			fail_msg("after write %" PRIu64 " found no space something is lost", n);
		end_run(&run);
	}
	assert_in_range(nr_final, 1, counts[1] / 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_stop),
		cmocka_unit_test(test_no_flush_is_idle),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_goes_on_after_a_failed_flush),
		cmocka_unit_test(test_no_space_heals),
		cmocka_unit_test(test_what_is_marked_goes_on),
	};

	return cmocka_run_group_tests_name("engine stops", tests, NULL, NULL);
}
