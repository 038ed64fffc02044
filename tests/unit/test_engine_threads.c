/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Many threads on one engine, and what a backup relies on: once a checkpoint has answered era E, a
 * request that is not done yet is listed since E.
 *
 * Each writer looks, while its request is in flight, which checkpoint has answered last: the
 * block's era must be that at least.  In the end that is compared with the metadata.  A reader of
 * all eras is never told a later one than the metadata have in the end.  The test is built with the
 * thread sanitizer, too (tests/target/threads.bats).
 */
#include "engine_eras.h"
#include "metadata_file.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "target/engine/engine.h"

#define NR_BLOCKS 40000u
#define BLOCK_BYTES 4096u
#define FILE_BLOCKS 2000u
#define NR_WRITERS 8u
#define DEFAULT_WRITES 1500u

static char path[UNIT_PATH_MAX];
static struct engine *engine;
static _Atomic uint32_t answered;	     /* the era of the last checkpoint that returned */
static _Atomic uint32_t required[NR_BLOCKS]; /* 0: never written */
static atomic_bool stop;
static uint32_t told[NR_BLOCKS]; /* the highest era that a reader was told */
static unsigned nr_reads;
static unsigned writes;

static void require(uint32_t block, uint32_t era)
{
	uint32_t old = atomic_load(&required[block]);

	while (old < era && !atomic_compare_exchange_weak(&required[block], &old, era))
		;
}

static void *write_blocks(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	for (unsigned i = 0; i < writes; i++) {
		/* Few blocks, so that they are marked already as often as not. */
		uint32_t first = unit_random(&seed) % (i % 2 ? 64 : NR_BLOCKS);
		uint32_t nr = 1 + (unit_random(&seed) % 8 ? 0 : unit_random(&seed) % 200);
		struct engine_request req;

		nr = first + nr > NR_BLOCKS ? 1 : nr;
		if (engine_mark(engine, (uint64_t)first * BLOCK_BYTES, (uint64_t)nr * BLOCK_BYTES,
				&req))
			abort();
		if (i % 4 == 0)
			usleep(unit_random(&seed) % 300);
		for (uint32_t b = first; b < first + nr; b++)
			require(b, atomic_load(&answered));
		engine_done(engine, req);
	}
	return NULL;
}

/* Blocks that were written by then are in the answer. */
static void look_for_changes(uint64_t *seed)
{
	static uint32_t wanted[NR_BLOCKS];
	static uint64_t bits[(NR_BLOCKS + 63) / 64];
	uint32_t since = 1 + unit_random(seed) % engine_era(engine);

	for (uint32_t b = 0; b < NR_BLOCKS; b++)
		wanted[b] = atomic_load(&required[b]);
	if (engine_changes(engine, since, bits))
		abort();
	for (uint32_t b = 0; b < NR_BLOCKS; b++)
		if (wanted[b] >= since && !bits_test(bits, b))
			abort();
}

static void *send_messages(void *arg)
{
	uint64_t seed = 99;
	uint32_t era;

	(void)arg;
	while (!atomic_load(&stop)) {
		unsigned drawn = unit_random(&seed) % 6;
		char line[ENGINE_LINE_MAX];

		if (drawn == 0)
			look_for_changes(&seed);
		else if (drawn == 1 && !engine_take_metadata_snap(engine, &era))
			atomic_store(&answered, era);
		else if (drawn == 2 && engine_drop_metadata_snap(engine))
			continue;
		else if (!engine_checkpoint(engine, &era))
			atomic_store(&answered, era);
		else
			abort();
		engine_status(engine, line, sizeof(line));
		if (line[0] != '8')
			abort();
	}
	return NULL;
}

struct reading {
	uint32_t most;
	uint32_t wanted[NR_BLOCKS]; /* when it began */
};

static void on_eras(void *ctx, const struct era_chunk *chunk)
{
	const struct reading *reading = ctx;

	for (uint32_t i = 0; i < chunk->nr; i++) {
		uint64_t block = chunk->first + i;
		uint32_t era = chunk->eras[i], wanted = reading->wanted[block];

		if (era > reading->most || (era < wanted && era < reading->most))
			abort();
		told[block] = told[block] < era ? era : told[block];
	}
}

static void *read_eras(void *arg)
{
	static struct reading reading;
	const struct era_chunk_listener listener = {&reading, on_eras};

	(void)arg;
	while (!atomic_load(&stop)) {
		reading.most = engine_era(engine);
		for (uint32_t b = 0; b < NR_BLOCKS; b++)
			reading.wanted[b] = atomic_load(&required[b]);
		if (engine_read_eras(engine, reading.most, &listener, NULL))
			abort();
		nr_reads++;
	}
	return NULL;
}

static void compare(uint32_t first_era)
{
	static uint32_t eras[NR_BLOCKS];

	metadata_are_sound(path);
	metadata_eras(path, 0, eras, NR_BLOCKS);
	for (uint32_t b = 0; b < NR_BLOCKS; b++) {
		uint32_t want = atomic_load(&required[b]);

		if (told[b] > eras[b])
			fail_msg("block %u: era %u, was told %u", b, eras[b], told[b]);
		if (want ? eras[b] < want : eras[b] != first_era)
			fail_msg("block %u: era %u, wanted %u", b, eras[b], want);
	}
}

static void run_threads(void)
{
	pthread_t writers[NR_WRITERS], messenger, reader;

	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&messenger, NULL, send_messages, NULL), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_eras, NULL), 0);
	for (uintptr_t i = 0; i < NR_WRITERS; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, write_blocks, (void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < NR_WRITERS; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&stop, true);
	pthread_join(messenger, NULL);
	pthread_join(reader, NULL);
	assert_true(nr_reads > 0);
}

static void test_in_flight(void **state)
{
	struct engine_config config = {.metadata = path, .block_sectors = 8, .format = true};
	struct engine_stats stats;
	uint32_t first_era;

	(void)state;
	writes = getenv("ERA_ENGINE_WRITES") ? (unsigned)atoi(getenv("ERA_ENGINE_WRITES"))
					     : DEFAULT_WRITES;
	metadata_create(path, FILE_BLOCKS);
	assert_int_equal(engine_open(&engine, &config), 0);
	assert_int_equal(engine_resume(engine, (uint64_t)NR_BLOCKS * BLOCK_BYTES), 0);
	first_era = engine_era(engine);
	atomic_store(&answered, first_era);
	run_threads();
	assert_int_equal(engine_suspend(engine), 0);
	engine_stats(engine, &stats);
	assert_int_equal(stats.flushes, 2 * stats.commits);
	assert_true(stats.digested > 0);
	printf("# %lu waited, %lu commits, %lu writesets digested, era %u\n",
	       (unsigned long)stats.marks, (unsigned long)stats.commits,
	       (unsigned long)stats.digested, engine_era(engine));
	engine_close(engine);
	compare(first_era);
	unlink(path);
}

/* A checkpoint answers after the requests before it, and lets later ones pass. */
static void *checkpoint(void *arg)
{
	_Atomic uint32_t *era = arg;
	uint32_t begun;

	if (engine_checkpoint(engine, &begun))
		abort();
	atomic_store(era, begun);
	return NULL;
}

static void test_checkpoint_waits(void **state)
{
	struct engine_config config = {.metadata = path, .block_sectors = 8, .format = true};
	struct engine_request old, new;
	_Atomic uint32_t era = 0;
	pthread_t thread;

	(void)state;
	metadata_create(path, FILE_BLOCKS);
	assert_int_equal(engine_open(&engine, &config), 0);
	assert_int_equal(engine_resume(engine, 100 * BLOCK_BYTES), 0);
	assert_int_equal(engine_mark(engine, 0, 1, &old), 0);
	assert_int_equal(pthread_create(&thread, NULL, checkpoint, &era), 0);
	mark_in_another_era(engine, BLOCK_BYTES, old, &new);
	usleep(20000);
	assert_int_equal(atomic_load(&era), 0);
	engine_done(engine, old);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&era), 2);
	engine_done(engine, new);
	assert_int_equal(engine_suspend(engine), 0);
	engine_close(engine);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checkpoint_waits),
		cmocka_unit_test(test_in_flight),
	};

	return cmocka_run_group_tests_name("engine threads", tests, NULL, NULL);
}
