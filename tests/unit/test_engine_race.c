/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The fast path against a rollover, at the one place where it matters: a request has read the era,
 * and before it is counted a checkpoint begins another one and answers.  It must be counted in the
 * new era then, or the next checkpoint would not wait for it.
 *
 * mark.c is compiled in here, with a stop before each counting.
 */
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static void before_counting(void);

#undef atomic_fetch_add
#define atomic_fetch_add(at, n) (before_counting(), __atomic_fetch_add((at), (n), __ATOMIC_SEQ_CST))
#define ROOM_TARGET_ENGINE
#include "target/engine/mark.c"

#include "tests/sim/simdev.h"

static sem_t reached, go_on;
static _Thread_local bool stops;

static void before_counting(void)
{
	if (!stops)
		return;
	stops = false;
	sem_post(&reached);
	sem_wait(&go_on);
}

static struct engine *open_engine(struct simdev *sim)
{
	const struct engine_config config = {.block_sectors = 8,
					     .format = true,
					     .manual_digest = true};
	struct engine *e;
	struct blk_dev dev;

	simdev_open(sim, 200);
	assert_int_equal(simdev_dev(sim, &dev, NULL), 0);
	assert_int_equal(engine_open_dev(&e, &dev, &config), 0);
	assert_int_equal(engine_resume(e, 100 * 4096), 0);
	return e;
}

static struct engine_request late;

static void *mark_late(void *arg)
{
	stops = true;
	if (engine_mark(arg, 0, 1, &late))
		abort();
	return NULL;
}

static _Atomic uint32_t answered;

static void *checkpoint(void *arg)
{
	uint32_t era;

	if (engine_checkpoint(arg, &era))
		abort();
	atomic_store(&answered, era);
	return NULL;
}

static void test_counted_in_its_era(void **state)
{
	pthread_t marker, messenger;
	struct simdev sim;
	struct engine *e = open_engine(&sim);
	uint32_t era;

	(void)state;
	sem_init(&reached, 0, 0);
	sem_init(&go_on, 0, 0);
	assert_int_equal(pthread_create(&marker, NULL, mark_late, e), 0);
	sem_wait(&reached);
	assert_int_equal(engine_checkpoint(e, &era), 0);
	sem_post(&go_on);
	pthread_join(marker, NULL);
	assert_int_equal(late.slot % 2, era % 2);

	/* The next one waits for it. */
	assert_int_equal(pthread_create(&messenger, NULL, checkpoint, e), 0);
	while (engine_era(e) == era)
		usleep(1000);
	usleep(20000);
	assert_int_equal(atomic_load(&answered), 0);
	engine_done(e, late);
	pthread_join(messenger, NULL);
	assert_int_equal(atomic_load(&answered), era + 1);
	assert_int_equal(engine_suspend(e), 0);
	engine_close(e);
	simdev_close(&sim);
}

static _Atomic bool marked_late;

static void *mark_late_and_tell(void *arg)
{
	mark_late(arg);
	atomic_store(&marked_late, true);
	return NULL;
}

/* The same against a pause: whatever the request has read before it was counted, it is held
 * back. */
static void test_held_back_by_a_pause(void **state)
{
	pthread_t marker;
	struct simdev sim;
	struct engine *e = open_engine(&sim);
	uint64_t token;

	(void)state;
	sem_init(&reached, 0, 0);
	sem_init(&go_on, 0, 0);
	assert_int_equal(pthread_create(&marker, NULL, mark_late_and_tell, e), 0);
	sem_wait(&reached);
	assert_int_equal(engine_pause(e, 30000, &token), 0);
	sem_post(&go_on);
	usleep(50000);
	assert_false(atomic_load(&marked_late));
	assert_int_equal(engine_unpause(e, token), 0);
	pthread_join(marker, NULL);
	engine_done(e, late);
	assert_int_equal(engine_suspend(e), 0);
	engine_close(e);
	simdev_close(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counted_in_its_era),
		cmocka_unit_test(test_held_back_by_a_pause),
	};

	return cmocka_run_group_tests_name("engine race", tests, NULL, NULL);
}
