/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Drives the engine without a server, and prints what it took:
 *	marks first METADATA BLOCKS THREADS COUNT    first writes to random blocks, each of them new
 *	marks flush FILE FLUSHES BYTES               a plain loop: flushes, each of so many bytes
 *	marks digest METADATA BLOCKS WRITESETS       digestion beside first writes
 * first:  MARKS SECONDS COMMITS FLUSHES BYTES
 * flush:  SECONDS
 * digest: SECONDS, then the rate of first writes while it goes on and after it
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "target/engine/engine.h"

#define BLOCK_BYTES 65536u
#define META_BLOCK_BYTES 4096u
#define MAX_THREADS 64u
#define MAX_SECONDS 60.0
#define STRETCH UINT64_C(16384)

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "marks: %s\n", text);
}

static const struct report rep = {.error = on_error};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "marks: %s\n", what);
	exit(3);
}

static struct engine *start(const char *metadata, uint64_t nr_blocks, bool manual)
{
	const struct engine_config config = {
		.metadata = metadata,
		.block_sectors = BLOCK_BYTES / 512,
		.format = true,
		.manual_digest = manual,
		.rep = &rep,
	};
	struct engine *e;

	if (engine_open(&e, &config) || engine_resume(e, nr_blocks * BLOCK_BYTES))
		die("cannot start");
	return e;
}

/* Every number below a power of two once, in an order that looks random. */
static uint64_t scatter(uint64_t n, uint64_t nr)
{
	return (n * UINT64_C(0x9e3779b97f4a7c15) + 12345) & (nr - 1);
}

static void mark(struct engine *e, uint64_t block)
{
	struct engine_request req;

	if (engine_mark(e, block * BLOCK_BYTES, BLOCK_BYTES, &req))
		die("cannot mark");
	engine_done(e, req);
}

struct crowd {
	struct engine *e;
	uint64_t nr_blocks, count;
	_Atomic uint64_t next;
	_Atomic bool stop;
};

static void *mark_some(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t n;

	while (!atomic_load(&crowd->stop) && (n = atomic_fetch_add(&crowd->next, 1)) < crowd->count)
		mark(crowd->e, scatter(n, crowd->nr_blocks));
	return NULL;
}

static void start_crowd(struct crowd *crowd, pthread_t *threads, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, mark_some, crowd))
			die("cannot start a thread");
}

static void join_crowd(pthread_t *threads, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

static void first(const char *metadata, uint64_t nr_blocks, unsigned nr_threads, uint64_t count)
{
	struct engine *e = start(metadata, nr_blocks, false);
	struct crowd crowd = {.e = e, .nr_blocks = nr_blocks, .count = count};
	struct engine_stats before, after;
	pthread_t threads[MAX_THREADS];
	double begin, end;

	engine_stats(e, &before);
	begin = now();
	start_crowd(&crowd, threads, nr_threads);
	join_crowd(threads, nr_threads);
	end = now();
	engine_stats(e, &after);
	printf("%llu %.6f %llu %llu %llu\n", (unsigned long long)count, end - begin,
	       (unsigned long long)(after.commits - before.commits),
	       (unsigned long long)(after.flushes - before.flushes),
	       (unsigned long long)(after.blocks_written - before.blocks_written) *
		       META_BLOCK_BYTES);
	if (engine_suspend(e))
		die("cannot stop");
	engine_close(e);
}

static void flush(const char *path, uint64_t count, size_t bytes)
{
	char *data =
		aligned_alloc(META_BLOCK_BYTES, (bytes / META_BLOCK_BYTES + 1) * META_BLOCK_BYTES);
	int fd = open(path, O_RDWR | O_CREAT, 0666);
	double begin;

	if (!data || fd < 0)
		die("cannot open");
	memset(data, 1, bytes);
	if (pwrite(fd, data, bytes, 0) < 0 || fsync(fd))
		die("cannot write");
	begin = now();
	for (uint64_t i = 0; i < count; i++)
		if (pwrite(fd, data, bytes, 0) < 0 || fsync(fd))
			die("cannot write");
	printf("%.6f\n", now() - begin);
	close(fd);
	free(data);
}

/* Archived and not digested, as only a stopped digester leaves them. */
static void pile_up(const char *metadata, uint64_t nr_blocks, unsigned nr_writesets)
{
	struct engine *e = start(metadata, nr_blocks, true);

	for (unsigned i = 0; i < nr_writesets; i++) {
		struct engine_request req;

		/* Every second stretch, so that half of all entries change each time. */
		for (uint64_t block = i % 2 * STRETCH; block < nr_blocks; block += 2 * STRETCH) {
			if (engine_mark(e, block * BLOCK_BYTES, STRETCH * BLOCK_BYTES, &req))
				die("cannot mark");
			engine_done(e, req);
		}
		if (engine_checkpoint(e, NULL))
			die("cannot begin an era");
	}
	if (engine_suspend(e))
		die("cannot stop");
	engine_close(e);
}

static uint64_t digested(struct engine *e)
{
	struct engine_stats stats;

	engine_stats(e, &stats);
	return stats.digested;
}

static void digest(const char *metadata, uint64_t nr_blocks, unsigned nr_writesets)
{
	struct crowd crowd = {.nr_blocks = nr_blocks, .count = UINT64_MAX};
	double begin, end;
	uint64_t at_end;
	pthread_t thread;
	struct engine *e;

	pile_up(metadata, nr_blocks, nr_writesets);
	e = crowd.e = start(metadata, nr_blocks, false);
	begin = now();
	start_crowd(&crowd, &thread, 1);
	while (digested(e) < nr_writesets && now() - begin < MAX_SECONDS)
		usleep(1000);
	end = now();
	at_end = atomic_load(&crowd.next);
	sleep(1);
	atomic_store(&crowd.stop, true);
	join_crowd(&thread, 1);
	printf("%.3f %.0f %.0f\n", end - begin, (double)at_end / (end - begin),
	       (double)(atomic_load(&crowd.next) - at_end) / (now() - end));
	if (engine_suspend(e))
		die("cannot stop");
	engine_close(e);
}

int main(int argc, char **argv)
{
	uint64_t n[3] = {0};

	for (int i = 3; i < argc && i < 6; i++)
		n[i - 3] = strtoull(argv[i], NULL, 10);
	if (argc == 6 && !strcmp(argv[1], "first") && n[1] <= MAX_THREADS)
		first(argv[2], n[0], (unsigned)n[1], n[2]);
	else if (argc == 5 && !strcmp(argv[1], "flush"))
		flush(argv[2], n[0], n[1]);
	else if (argc == 5 && !strcmp(argv[1], "digest"))
		digest(argv[2], n[0], (unsigned)n[1]);
	else
		die("wrong arguments");
	return 0;
}
