/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Drives the engine by commands on stdin, a line each, for tests in shell; the first that fails
 * ends it with status 1.
 *	open METADATA BLOCK [format] [digester]	BLOCK in sectors; without a digester, digest does it
 *	resume SECTORS
 *	write FIRST COUNT	sectors of the origin
 *	storm THREADS WRITES SEED	single sectors at random, by all threads at once
 *	checkpoint  take  drop  toggle	toggle takes a metadata snapshot or drops the one held
 *	exhaust			checkpoints, until one finds no room
 *	digest [STEPS]		to the end, by default
 *	since ERA		prints runs of blocks, "FIRST LEN"
 *	status  table  stats	prints the line
 *	suspend
 *	crash			closes without a suspend
 *	close
 *	fails COMMAND...	the command must fail
 * What is true after each is printed as tests/kernel/guest.sh does, for truth.awk.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/dev.h"
#include "build/format.h"
#include "live/live.h"
#include "metadata/view.h"
#include "ondisk/era_disk.h"
#include "target/engine/engine.h"

#define MAX_WORDS 8u
#define MAX_THREADS 64u

struct drive {
	struct engine *engine;
	char *metadata;
	uint32_t block;
	uint32_t nr_blocks;    /* before the next resume */
	bool has_whole_blocks; /* the last of these is surely a whole one */
	uint32_t oldest;       /* era of which there is a writeset then */
	uint64_t sectors;
	bool held;
};

typedef int (*command_fn)(struct drive *d, char **words, unsigned nr);

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "drive: %s\n", text);
}

static void say_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];

	problem_line(p, line, sizeof(line));
	say(ctx, line);
}

static const struct report report = {.problem = say_problem, .error = say, .note = say};

static uint64_t number(const char *word)
{
	return word ? strtoull(word, NULL, 10) : 0;
}

/* Blocks past the end of a smaller origin keep the eras that are in writesets; see guest.sh. */
static int look(struct drive *d)
{
	struct blk_dev dev;
	struct era_superblocks sbs;
	struct era_view *view;
	int r = blk_dev_open(&dev, d->metadata, BLK_READ_SHARED, &report);

	if (r)
		return r;
	d->nr_blocks = d->oldest = 0;
	d->held = false;
	r = era_is_blank(&dev);
	if (r) {
		blk_dev_close(&dev);
		return r < 0 ? r : 0;
	}
	r = era_read_superblocks(&dev, 0, &sbs);
	if (r) {
		blk_dev_close(&dev);
		return r;
	}
	r = era_view_begin(&view, &dev, &sbs, 0, 0);
	if (r)
		return r;
	d->nr_blocks = era_view_sb(view)->nr_blocks;
	d->has_whole_blocks = era_view_sb(view)->flags & ERA_FLAG_WHOLE_BLOCKS;
	d->held = era_view_sb(view)->metadata_snap;
	d->oldest = era_view_nr_writesets(view) ? era_view_writeset(view, 0).era
						: era_view_sb(view)->current_era + 1;
	era_view_close(view);
	return 0;
}

static bool has_word(char **words, unsigned nr, const char *word)
{
	for (unsigned i = 0; i < nr; i++)
		if (!strcmp(words[i], word))
			return true;
	return false;
}

static int do_open(struct drive *d, char **words, unsigned nr)
{
	const struct engine_config config = {
		.metadata = words[1],
		.origin_name = "origin",
		.block_sectors = (uint32_t)number(words[2]),
		.format = has_word(words, nr, "format"),
		.manual_digest = !has_word(words, nr, "digester"),
		.rep = &report,
	};
	int r;

	free(d->metadata);
	d->metadata = strdup(words[1]);
	r = look(d);
	if (!r)
		r = engine_open(&d->engine, &config);
	if (!r)
		d->block = (uint32_t)(engine_block_bytes(d->engine) / SECTOR_SIZE);
	return r;
}

/* New blocks count as written in the era that begins. */
static int do_resume(struct drive *d, char **words, unsigned nr)
{
	uint64_t known = (uint64_t)d->nr_blocks * d->block;
	int r;

	(void)nr;
	d->sectors = number(words[1]);
	r = engine_resume(d->engine, d->sectors * SECTOR_SIZE);
	if (r)
		return r;
	printf("truth: load %" PRIu64 " %" PRIu32 "\n", d->sectors, d->block);
	printf("truth: resume %" PRIu32 "\n", d->oldest);
	printf("truth: era %" PRIu32 "\n", engine_era(d->engine));
	if (d->sectors > known)
		printf("truth: write %" PRIu64 " %" PRIu64 "\n", known, d->sectors - known);
	if (known && !d->has_whole_blocks && d->sectors > known - d->block)
		printf("truth: write %" PRIu64 " 1\n", known - d->block);
	return 0;
}

static int write_sectors(struct drive *d, uint64_t first, uint64_t count)
{
	struct engine_request req;
	int r = engine_mark(d->engine, first * SECTOR_SIZE, count * SECTOR_SIZE, &req);

	if (r)
		return r;
	engine_done(d->engine, req);
	printf("truth: write %" PRIu64 " %" PRIu64 "\n", first, count);
	return 0;
}

static int do_write(struct drive *d, char **words, unsigned nr)
{
	(void)nr;
	return write_sectors(d, number(words[1]), number(words[2]));
}

struct storm {
	struct drive *drive;
	uint64_t writes, seed;
	int result;
};

static void *run_storm(void *arg)
{
	struct storm *storm = arg;

	for (uint64_t i = 0; i < storm->writes && !storm->result; i++) {
		storm->seed = storm->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		storm->result =
			write_sectors(storm->drive, (storm->seed >> 20) % storm->drive->sectors, 1);
	}
	return NULL;
}

static int do_storm(struct drive *d, char **words, unsigned nr)
{
	uint64_t nr_threads = min_u64(number(words[1]), MAX_THREADS);
	struct storm storms[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	int r = 0;

	(void)nr;
	for (uint64_t i = 0; i < nr_threads; i++) {
		storms[i] = (struct storm){d, number(words[2]), number(words[3]) + i, 0};
		if (pthread_create(&threads[i], NULL, run_storm, &storms[i]))
			abort();
	}
	for (uint64_t i = 0; i < nr_threads; i++) {
		pthread_join(threads[i], NULL);
		r = r ? r : storms[i].result;
	}
	return r;
}

static int do_checkpoint(struct drive *d, char **words, unsigned nr)
{
	uint32_t era;
	int r = engine_checkpoint(d->engine, &era);

	(void)words;
	(void)nr;
	if (!r)
		printf("truth: era %" PRIu32 "\n", era);
	return r;
}

static int do_exhaust(struct drive *d, char **words, unsigned nr)
{
	int r;

	while (!(r = do_checkpoint(d, words, nr)))
		;
	return r == ERA_NO_SPACE ? 0 : r;
}

static int do_take(struct drive *d, char **words, unsigned nr)
{
	uint32_t era;
	int r = engine_take_metadata_snap(d->engine, &era);

	(void)words;
	(void)nr;
	if (r)
		return r;
	d->held = true;
	printf("truth: era %" PRIu32 "\ntruth: snap\n", era);
	return 0;
}

static int do_drop(struct drive *d, char **words, unsigned nr)
{
	int r = engine_drop_metadata_snap(d->engine);

	(void)words;
	(void)nr;
	if (r)
		return r;
	d->held = false;
	printf("truth: drop\n");
	return 0;
}

static int do_toggle(struct drive *d, char **words, unsigned nr)
{
	return d->held ? do_drop(d, words, nr) : do_take(d, words, nr);
}

static int do_digest(struct drive *d, char **words, unsigned nr)
{
	uint64_t steps = nr > 1 ? number(words[1]) : UINT64_MAX;
	int r = 1;

	while (r > 0 && steps--)
		r = engine_digest(d->engine);
	if (!r)
		printf("truth: digested\n");
	return r < 0 ? r : 0;
}

static int do_since(struct drive *d, char **words, unsigned nr)
{
	uint32_t nr_blocks = engine_nr_blocks(d->engine);
	uint64_t *bits = calloc(bits_words(nr_blocks) + 1, sizeof(*bits));
	uint64_t first, end = 0;
	int r = engine_changes(d->engine, (uint32_t)number(words[1]), bits);

	(void)nr;
	while (!r && (first = bits_next_set(bits, end, nr_blocks)) < nr_blocks) {
		end = bits_next_clear(bits, first, nr_blocks);
		printf("%" PRIu64 " %" PRIu64 "\n", first, end - first);
	}
	free(bits);
	return r;
}

static int do_status(struct drive *d, char **words, unsigned nr)
{
	char line[ENGINE_LINE_MAX];

	(void)words;
	(void)nr;
	engine_status(d->engine, line, sizeof(line));
	printf("%s\n", line);
	return 0;
}

static int do_table(struct drive *d, char **words, unsigned nr)
{
	char line[ENGINE_LINE_MAX];

	(void)words;
	(void)nr;
	engine_table(d->engine, line, sizeof(line));
	printf("%s\n", line);
	return 0;
}

static int do_stats(struct drive *d, char **words, unsigned nr)
{
	struct engine_stats s;

	(void)words;
	(void)nr;
	engine_stats(d->engine, &s);
	printf("marks %" PRIu64 " commits %" PRIu64 " flushes %" PRIu64 " blocks %" PRIu64
	       " digested %" PRIu64 "\n",
	       s.marks, s.commits, s.flushes, s.blocks_written, s.digested);
	return 0;
}

static int do_suspend(struct drive *d, char **words, unsigned nr)
{
	int r = engine_suspend(d->engine);

	(void)words;
	(void)nr;
	return r ? r : look(d);
}

static int do_close(struct drive *d, char **words, unsigned nr)
{
	(void)words;
	(void)nr;
	engine_close(d->engine);
	d->engine = NULL;
	return 0;
}

static int do_fails(struct drive *d, char **words, unsigned nr);

static const struct {
	const char *name;
	unsigned nr_words;
	bool needs_engine;
	command_fn run;
} commands[] = {
	{"open", 3, false, do_open},
	{"resume", 2, true, do_resume},
	{"write", 3, true, do_write},
	{"storm", 4, true, do_storm},
	{"checkpoint", 1, true, do_checkpoint},
	{"take", 1, true, do_take},
	{"drop", 1, true, do_drop},
	{"toggle", 1, true, do_toggle},
	{"digest", 1, true, do_digest},
	{"since", 2, true, do_since},
	{"status", 1, true, do_status},
	{"table", 1, true, do_table},
	{"stats", 1, true, do_stats},
	{"suspend", 1, true, do_suspend},
	{"crash", 1, true, do_close},
	{"close", 1, true, do_close},
	{"exhaust", 1, true, do_exhaust},
	{"fails", 2, false, do_fails},
};

static int run(struct drive *d, char **words, unsigned nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(words[0], commands[i].name) && nr >= commands[i].nr_words &&
		    (d->engine || !commands[i].needs_engine))
			return commands[i].run(d, words, nr);
	fprintf(stderr, "drive: what is \"%s\" with %u words?\n", words[0], nr);
	exit(2);
}

static int do_fails(struct drive *d, char **words, unsigned nr)
{
	if (run(d, words + 1, nr - 1))
		return 0;
	fprintf(stderr, "drive: %s did not fail\n", words[1]);
	return -1;
}

int main(void)
{
	struct drive d = {0};
	char line[4096];
	int r = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (!r && fgets(line, sizeof(line), stdin)) {
		char *words[MAX_WORDS + 1] = {0}, *save;
		unsigned nr = 0;

		for (char *word = strtok_r(line, " \t\n", &save); word && nr < MAX_WORDS;
		     word = strtok_r(NULL, " \t\n", &save))
			words[nr++] = word;
		if (nr && *words[0] != '#')
			r = run(&d, words, nr);
		if (r)
			fprintf(stderr, "drive: %s failed\n", words[0]);
	}
	engine_close(d.engine);
	free(d.metadata);
	return r ? 1 : 0;
}
