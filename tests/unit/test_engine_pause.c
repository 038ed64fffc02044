/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Pauses: what they hold back, what they wait for, and how they end.
 *
 * The last test has many threads: while a token is valid no request is in flight and none begins,
 * whoever ends the pause.  It is built with the thread sanitizer, too (tests/target/threads.bats).
 */
#include "engine_eras.h"
#include "metadata_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "target/engine/engine.h"

#define NR_BLOCKS 20000u
#define BLOCK_BYTES 4096u
#define FILE_BLOCKS 2000u
#define NR_WRITERS 6u
#define LONG_MS 60000u
#define SHORT_MS 100u
#define SOON_US 30000u

static char path[UNIT_PATH_MAX];
static struct engine *engine;

static int start(void **state)
{
	struct engine_config config = {.metadata = path, .block_sectors = 8, .format = true};

	(void)state;
	metadata_create(path, FILE_BLOCKS);
	if (engine_open(&engine, &config) ||
	    engine_resume(engine, (uint64_t)NR_BLOCKS * BLOCK_BYTES))
		return -1;
	return 0;
}

static int end(void **state)
{
	(void)state;
	engine_close(engine);
	unlink(path);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A call in a thread of its own. */
struct call {
	pthread_t thread;
	uint32_t ms;
	uint64_t token;
	uint32_t era;
	int r;
	atomic_bool is_done;
};

static void *mark_block(void *arg)
{
	struct engine_request req;
	struct call *call = arg;

	call->r = engine_mark(engine, 0, 1, &req);
	if (!call->r)
		engine_done(engine, req);
	atomic_store(&call->is_done, true);
	return NULL;
}

static void *pause_target(void *arg)
{
	struct call *call = arg;

	call->r = engine_pause(engine, call->ms, &call->token);
	atomic_store(&call->is_done, true);
	return NULL;
}

static void begin_call(struct call *call, void *(*what)(void *), uint32_t ms)
{
	*call = (struct call){.ms = ms};
	assert_int_equal(pthread_create(&call->thread, NULL, what, call), 0);
}

/* Until it holds requests back, however late its thread comes to it. */
static void begin_pause(struct call *call, uint32_t ms)
{
	begin_call(call, pause_target, ms);
	while (!engine_is_paused(engine))
		usleep(1000);
}

static int end_call(struct call *call)
{
	pthread_join(call->thread, NULL);
	return call->r;
}

static bool still_waits(struct call *call)
{
	usleep(SOON_US);
	return !atomic_load(&call->is_done);
}

static void test_holds_back_and_waits(void **state)
{
	struct call pause, mark;
	struct engine_request req;

	(void)state;
	assert_int_equal(engine_mark(engine, BLOCK_BYTES, 1, &req), 0);
	begin_pause(&pause, LONG_MS);
	assert_true(still_waits(&pause));
	begin_call(&mark, mark_block, 0);
	assert_true(still_waits(&mark));
	engine_done(engine, req);
	assert_int_equal(end_call(&pause), 0);
	assert_true(engine_is_paused(engine));
	assert_true(still_waits(&mark));
	assert_int_equal(engine_unpause(engine, pause.token), 0);
	assert_int_equal(end_call(&mark), 0);
	assert_false(engine_is_paused(engine));
	assert_int_equal(engine_unpause(engine, pause.token), ERA_NO_ANSWER);
}

static void *checkpoint(void *arg)
{
	struct call *call = arg;

	call->r = engine_checkpoint(engine, &call->era);
	atomic_store(&call->is_done, true);
	return NULL;
}

/* Requests of two eras are in flight, and a checkpoint waits for those of one of them. */
static void test_waits_for_both_eras(void **state)
{
	struct call pause, message;
	struct engine_request old, new;
	uint32_t era = engine_era(engine);

	(void)state;
	assert_int_equal(engine_mark(engine, 0, 1, &old), 0);
	begin_call(&message, checkpoint, 0);
	mark_in_another_era(engine, BLOCK_BYTES, old, &new);
	begin_pause(&pause, LONG_MS);
	assert_true(still_waits(&pause));
	assert_true(still_waits(&message));
	engine_done(engine, old);
	assert_int_equal(end_call(&message), 0);
	assert_int_equal(message.era, era + 1);
	assert_true(still_waits(&pause));
	engine_done(engine, new);
	assert_int_equal(end_call(&pause), 0);
	assert_int_equal(engine_unpause(engine, pause.token), 0);
}

/* Whoever notices first that the time is over: a request, or a call with the token. */
static void test_lapses(void **state)
{
	uint64_t token, begin = now_ms();
	struct call mark;
	uint32_t era = 77, before = engine_era(engine);

	(void)state;
	assert_int_equal(engine_pause(engine, SHORT_MS, &token), 0);
	begin_call(&mark, mark_block, 0);
	assert_int_equal(end_call(&mark), 0);
	assert_true(now_ms() - begin >= SHORT_MS - 1);
	assert_int_equal(engine_roll(engine, token, &era), ERA_NO_ANSWER);
	assert_int_equal(engine_unpause(engine, token), ERA_NO_ANSWER);
	assert_int_equal(era, 77);
	assert_int_equal(engine_era(engine), before);

	assert_int_equal(engine_pause(engine, SHORT_MS, &token), 0);
	usleep(2 * SHORT_MS * 1000);
	assert_int_equal(engine_unpause(engine, token), ERA_NO_ANSWER);
	assert_int_equal(engine_pause(engine, SHORT_MS, &token), 0);
	usleep(2 * SHORT_MS * 1000);
	assert_false(engine_is_paused(engine));
}

static void test_rolls(void **state)
{
	uint32_t era, other, before = engine_era(engine);
	uint64_t token, second;

	(void)state;
	assert_int_equal(engine_roll(engine, 0, &era), ERA_NO_ANSWER);
	assert_int_equal(engine_pause(engine, LONG_MS, &token), 0);
	assert_int_equal(engine_checkpoint(engine, &other), 0);
	assert_int_equal(other, before + 1);
	assert_int_equal(engine_roll(engine, token, &era), 0);
	assert_int_equal(era, before + 2);
	assert_int_equal(engine_roll(engine, token + 1, &other), ERA_NO_ANSWER);
	assert_int_equal(engine_unpause(engine, token), 0);
	assert_int_equal(engine_pause(engine, LONG_MS, &second), 0);
	assert_true(second != token);
	assert_int_equal(engine_roll(engine, token, &era), ERA_NO_ANSWER);
	assert_int_equal(engine_era(engine), before + 2);
	assert_int_equal(engine_unpause(engine, second), 0);
}

/* The flush of the origin, while which the pause lapses. */
static int slow_flush(void *origin)
{
	(void)origin;
	usleep(3 * SHORT_MS * 1000);
	return 0;
}

static void test_lapses_while_it_rolls(void **state)
{
	struct engine_config config = {.metadata = path,
				       .block_sectors = 8,
				       .flush_origin = slow_flush};
	uint32_t era = 77;
	uint64_t token;

	(void)state;
	assert_int_equal(engine_suspend(engine), 0);
	engine_close(engine);
	assert_int_equal(engine_open(&engine, &config), 0);
	assert_int_equal(engine_resume(engine, (uint64_t)NR_BLOCKS * BLOCK_BYTES), 0);
	assert_int_equal(engine_pause(engine, SHORT_MS, &token), 0);
	assert_int_equal(engine_roll(engine, token, &era), ERA_NO_ANSWER);
	assert_int_equal(era, 77);
}

static void test_gives_up(void **state)
{
	struct engine_request req;
	struct call pause, mark;
	uint64_t token = 77;

	(void)state;
	assert_int_equal(engine_mark(engine, 0, 1, &req), 0);
	assert_int_equal(engine_pause(engine, SHORT_MS, &token), ERA_NO_ANSWER);
	assert_int_equal(token, 77);
	begin_call(&mark, mark_block, 0);
	assert_int_equal(end_call(&mark), 0);

	begin_pause(&pause, LONG_MS);
	assert_true(still_waits(&pause));
	engine_drop_pause(engine, 0);
	assert_int_equal(end_call(&pause), ERA_NO_ANSWER);
	engine_done(engine, req);
}

static void test_one_at_a_time(void **state)
{
	struct call second;
	uint64_t token;

	(void)state;
	assert_int_equal(engine_pause(engine, LONG_MS, &token), 0);
	begin_call(&second, pause_target, SHORT_MS);
	assert_int_equal(end_call(&second), ERA_NO_ANSWER);
	begin_call(&second, pause_target, LONG_MS);
	assert_true(still_waits(&second));
	assert_int_equal(engine_unpause(engine, token), 0);
	assert_int_equal(end_call(&second), 0);
	engine_drop_pause(engine, token);
	assert_true(engine_is_paused(engine));
	engine_drop_pause(engine, second.token);
	assert_false(engine_is_paused(engine));

	/* After one that lapses while no request is there to notice. */
	assert_int_equal(engine_pause(engine, SHORT_MS, &token), 0);
	assert_int_equal(engine_pause(engine, LONG_MS, &token), 0);
	assert_int_equal(engine_unpause(engine, token), 0);
}

static void test_suspend_ends_it(void **state)
{
	struct call mark;
	uint64_t token;

	(void)state;
	assert_int_equal(engine_pause(engine, LONG_MS, &token), 0);
	begin_call(&mark, mark_block, 0);
	assert_true(still_waits(&mark));
	assert_int_equal(engine_suspend(engine), 0);
	assert_int_not_equal(end_call(&mark), 0);
	assert_int_equal(engine_unpause(engine, token), ERA_NO_ANSWER);
}

static atomic_bool stop;
static _Atomic uint64_t nr_begun, nr_inside;

static void *write_blocks(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	while (!atomic_load(&stop)) {
		struct engine_request req;
		uint64_t block = unit_random(&seed) % (unit_random(&seed) % 4 ? 16 : NR_BLOCKS);

		if (engine_mark(engine, block * BLOCK_BYTES, 1, &req))
			abort();
		atomic_fetch_add(&nr_inside, 1);
		atomic_fetch_add(&nr_begun, 1);
		if (unit_random(&seed) % 64 == 0)
			usleep(100);
		atomic_fetch_sub(&nr_inside, 1);
		engine_done(engine, req);
	}
	return NULL;
}

static void *send_checkpoints(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		if (engine_checkpoint(engine, NULL))
			abort();
		usleep(2000);
	}
	return NULL;
}

/* 1 when the pause held to its end, 0 when it lapsed before. */
static int pause_once(uint64_t *seed)
{
	uint64_t token, begun, inside;
	uint32_t era;
	int r = engine_pause(engine, 1 + unit_random(seed) % 4, &token);

	if (r)
		return 0;
	begun = atomic_load(&nr_begun);
	inside = atomic_load(&nr_inside);
	if (unit_random(seed) % 2 && engine_roll(engine, token, &era))
		return 0;
	usleep(unit_random(seed) % 4000);
	begun = atomic_load(&nr_begun) - begun;
	inside |= atomic_load(&nr_inside);
	if (engine_unpause(engine, token))
		return 0;
	assert_int_equal(begun, 0);
	assert_int_equal(inside, 0);
	return 1;
}

static void test_many_threads(void **state)
{
	pthread_t threads[NR_WRITERS + 1];
	unsigned held = 0, lapsed = 0;
	uint64_t seed = 5;

	(void)state;
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < NR_WRITERS + 1; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i ? write_blocks : send_checkpoints, (void *)i),
				 0);
	for (unsigned i = 0; i < 600; i++) {
		unsigned ok = (unsigned)pause_once(&seed);

		held += ok;
		lapsed += !ok;
		if (i % 8 == 0)
			usleep(1000);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < NR_WRITERS + 1; i++)
		pthread_join(threads[i], NULL);
	printf("# %u pauses held, %u lapsed, %lu writes\n", held, lapsed,
	       (unsigned long)atomic_load(&nr_begun));
	assert_true(held > 20);
	assert_true(lapsed > 20);
	assert_int_equal(engine_suspend(engine), 0);
	engine_close(engine);
	engine = NULL;
	metadata_are_sound(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_holds_back_and_waits, start, end),
		cmocka_unit_test_setup_teardown(test_waits_for_both_eras, start, end),
		cmocka_unit_test_setup_teardown(test_lapses, start, end),
		cmocka_unit_test_setup_teardown(test_rolls, start, end),
		cmocka_unit_test_setup_teardown(test_lapses_while_it_rolls, start, end),
		cmocka_unit_test_setup_teardown(test_gives_up, start, end),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, start, end),
		cmocka_unit_test_setup_teardown(test_suspend_ends_it, start, end),
		cmocka_unit_test_setup_teardown(test_many_threads, start, end),
	};

	return cmocka_run_group_tests_name("engine pause", tests, NULL, NULL);
}
