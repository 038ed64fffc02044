/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * An image in memory that is damaged and asked about, for programs that do it a thousand times: all
 * ways in which the library reads it, opened as programs open it, against what is true of the
 * undamaged one.
 *
 * The law that judge() holds them to, of each view:
 *
 * - When a check finds anything that may have lost something, a strict reading ends with an error,
 *   and a repairing one tells of a problem; what it answers is not short.
 * - When it finds nothing, both give the same answer without a word.
 * - A repair of counts that is made leaves metadata that are sound, and their answers are not
 *   short.
 *
 * Short is an answer in which a block's era is before the true one.
 */
#ifndef ERA_TESTS_VIEWS_H
#define ERA_TESTS_VIEWS_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "block/dev.h"
#include "check/check.h"
#include "layout.h"
#include "metadata/map.h"
#include "metadata/stream.h"
#include "open/open.h"
#include "salvage/salvage.h"

#define SECONDS_A_CASE 20
#define MAX_FAILURES 20

struct answer {
	int r;
	uint32_t nr;
	uint32_t *eras;
	uint32_t room;
	uint64_t nr_problems;
};

/* A view, and all ways to read it. */
struct look {
	struct answer map, stream, map_repair, stream_repair;
};

static uint8_t *image, *damaged, *repaired;
static uint64_t nr_blocks;
static int fd;
static char path[64];
static bool has_snapshot;
static struct look truth[2];
static char now[1024]; /* the case at hand */
static uint64_t state, nr_cases, nr_refused, nr_same, nr_more, nr_short, nr_repaired, nr_failures;
static uint64_t used[1 << 16];
static size_t nr_used;
static const struct report quiet;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, now);
	exit(1);
}

static void on_signal(int sig)
{
	static const char text[] = "killed in: ";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDERR_FILENO, now, strlen(now)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
		_exit(98);
	signal(sig, SIG_DFL);
	raise(sig);
}

void __asan_on_error(void);
void __asan_on_error(void)
{
	fprintf(stderr, "in: %s\n", now);
}

static uint64_t draw(uint64_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % below;
}

static void failed(const char *rule)
{
	printf("%s: %s\n", now, rule);
	if (++nr_failures == MAX_FAILURES)
		die("too many failures");
}

static void make_room(struct answer *a, uint32_t nr)
{
	if (nr > a->room) {
		a->eras = realloc(a->eras, nr * sizeof(*a->eras));
		a->room = nr;
	}
	if (nr && !a->eras)
		die("no memory");
	if (nr)
		memset(a->eras, 0, nr * sizeof(*a->eras));
	a->nr = nr;
}

static void read_map(struct era_view *view, struct answer *a)
{
	struct era_chunk chunk;
	struct era_map *map;

	make_room(a, era_view_sb(view)->nr_blocks);
	a->r = era_map_open(&map, view);
	if (a->r)
		return;
	while ((a->r = era_map_next(map, &chunk)) > 0)
		memcpy(a->eras + chunk.first, chunk.eras, chunk.nr * sizeof(*a->eras));
	era_map_close(map);
}

/* A stream's consumer that keeps the highest era of each block. */
struct fold {
	struct answer *a;
	uint64_t next;
	uint32_t era;
};

static int on_begin(void *ctx, const struct era_header *header)
{
	struct fold *fold = ctx;

	make_room(fold->a, header->nr_blocks);
	return 0;
}

static int on_writeset_begin(void *ctx, uint32_t era, uint32_t nr_bits)
{
	struct fold *fold = ctx;

	(void)nr_bits;
	fold->era = era;
	fold->next = 0;
	return 0;
}

static void see(struct fold *fold, uint64_t block, uint32_t era)
{
	if (block < fold->a->nr && fold->a->eras[block] < era)
		fold->a->eras[block] = era;
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	struct fold *fold = ctx;

	for (uint32_t i = 0; i < nr; i++, fold->next += 64)
		for (uint64_t word = words[i]; word; word &= word - 1)
			see(fold, fold->next + (uint64_t)__builtin_ctzll(word), fold->era);
	return 0;
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct fold *fold = ctx;

	for (uint32_t i = 0; i < nr; i++)
		see(fold, fold->next++, eras[i]);
	return 0;
}

static int on_array_begin(void *ctx)
{
	struct fold *fold = ctx;

	fold->next = 0;
	return 0;
}

static int nothing(void *ctx)
{
	(void)ctx;
	return 0;
}

static struct era_stream fold_stream(struct fold *fold)
{
	return (struct era_stream){fold,	   on_begin, on_writeset_begin, on_words, nothing,
				   on_array_begin, on_eras,  nothing,		nothing};
}

static void read_stream(struct era_view *view, struct answer *a)
{
	struct fold fold = {.a = a};
	struct era_stream to = fold_stream(&fold);
	struct era_losses losses;

	a->r = era_stream_view(view, &to, &losses);
}

static void ask(unsigned flags, void (*read)(struct era_view *, struct answer *), struct answer *a)
{
	struct era_view *view;

	a->nr = 0;
	a->nr_problems = 0;
	a->r = era_view_open(&view, path, flags, &quiet);
	if (a->r)
		return;
	read(view, a);
	a->nr_problems = era_view_nr_problems(view);
	era_view_close(view);
}

static void look(unsigned flags, struct look *l)
{
	ask(flags, read_map, &l->map);
	ask(flags | ERA_VIEW_WHOLE, read_stream, &l->stream);
	ask(flags | ERA_VIEW_REPAIR, read_map, &l->map_repair);
	ask(flags | ERA_VIEW_REPAIR, read_stream, &l->stream_repair);
}

static bool covers(const struct answer *got, const struct answer *right)
{
	if (got->nr < right->nr)
		return false;
	for (uint32_t i = 0; i < right->nr; i++)
		if (got->eras[i] < right->eras[i])
			return false;
	return true;
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->nr == b->nr && (!a->nr || !memcmp(a->eras, b->eras, a->nr * sizeof(*a->eras)));
}

static void judge_repair(const struct answer *a, const struct answer *right, const char *what)
{
	if (a->r)
		return;
	if (!a->nr_problems)
		failed("damaged, and with repair not a word");
	if (!covers(a, right))
		failed(what);
}

/* Metadata that remember a failed flush of the origin are sound, but give no answer. */
static bool is_unflushed(const struct era_check_result *check)
{
	uint32_t since;

	return superblock_is_unflushed(&check->live.sb, &since);
}

static void judge_unflushed(const struct look *l, const struct look *right)
{
	if (l->map_repair.r != l->stream_repair.r)
		failed("unflushed, and with repair map and stream differ");
	else if (!l->map_repair.r &&
		 (!covers(&l->map_repair, &right->map) || !covers(&l->stream_repair, &right->map)))
		failed("unflushed, and with repair the answer is short");
}

/* Each way of reading one view against the others and the truth.  Whether a strict answer is
 * short. */
static bool judge(const struct look *l, const struct look *right,
		  const struct era_check_result *check)
{
	bool is_short, has_no_answer = check->nr_refusals || is_unflushed(check);

	if (l->map.r && l->map.r != ERA_DAMAGED && l->map.r != ERA_NO_ANSWER)
		failed("neither refused as damaged nor without an answer");
	if (has_no_answer && (!l->map.r || !l->stream.r))
		failed("answered, though a check finds a problem");
	if (!has_no_answer && (l->map.r || l->stream.r))
		failed("refused, though a check finds no problem");
	if (check->nr_fatal + check->nr_non_fatal) {
		judge_repair(&l->map_repair, &right->map, "with repair the map is short");
		judge_repair(&l->stream_repair, &right->map, "with repair the stream is short");
		if (l->map_repair.r != l->stream_repair.r)
			failed("with repair map and stream differ");
	} else if (is_unflushed(check)) {
		judge_unflushed(l, right);
	} else if (l->map_repair.r || !same(&l->map, &l->map_repair) || l->map_repair.nr_problems) {
		failed("sound, but with repair the answer is another");
	}
	if (l->map.r) {
		nr_refused++;
		return false;
	}
	if (!same(&l->map, &l->stream))
		failed("map and stream differ");
	is_short = !covers(&l->map, &right->map);
	if (is_short)
		nr_short++;
	else if (same(&l->map, &right->map))
		nr_same++;
	else
		nr_more++;
	return is_short;
}

static void write_image(uint64_t block, uint64_t nr, const uint8_t *from)
{
	if (pwrite(fd, from, nr * BLOCK_SIZE, (off_t)(block * BLOCK_SIZE)) !=
	    (ssize_t)(nr * BLOCK_SIZE))
		die("cannot write");
}

static void read_image(uint8_t *to)
{
	if (pread(fd, to, nr_blocks * BLOCK_SIZE, 0) != (ssize_t)(nr_blocks * BLOCK_SIZE))
		die("cannot read");
}

static void judge_repaired(unsigned flags, const struct look *before, const struct look *right)
{
	static struct answer after;

	ask(flags, read_map, &after);
	if (after.r || !covers(&after, &right->map))
		failed("repaired, and the answer is short");
	if (!before->map.r && !same(&after, &before->map))
		failed("repaired, and the answer is another");
}

/* found: nobody can know of some damage when a check finds nothing. */
static void repair_counts(const struct look *before, bool found)
{
	struct era_check_result result;
	bool changed;

	read_image(damaged);
	if (era_check(path, ERA_CHECK_REPAIR, &quiet, &result))
		failed("the repair does not come to its end");
	read_image(repaired);
	changed = memcmp(damaged, repaired, nr_blocks * BLOCK_SIZE);
	if (changed != result.repair.done)
		failed("changed, and not repaired");
	if (!changed || !found || is_unflushed(&result))
		return;
	nr_repaired++;
	judge_repaired(0, &before[0], &truth[0]);
	if (has_snapshot)
		judge_repaired(ERA_VIEW_SNAPSHOT, &before[1], &truth[1]);
}

/* Asks all of the image as it is now.  *is_short: of a view in which a check finds nothing. */
static void judge_image(const struct era_check_result *all, bool *is_short)
{
	static struct look l[2];
	struct era_check_result snapshot = {0};
	int r;

	look(0, &l[0]);
	*is_short = judge(&l[0], &truth[0], all);
	if (has_snapshot) {
		r = era_check(path, ERA_CHECK_SNAPSHOT, &quiet, &snapshot);
		look(ERA_VIEW_SNAPSHOT, &l[1]);
		if (!is_unflushed(all) && (r == ERA_NO_ANSWER) != (l[1].map.r == ERA_NO_ANSWER))
			failed("reading the snapshot and checking it don't agree");
		if (!r)
			*is_short |= judge(&l[1], &truth[1], &snapshot);
	}
	repair_counts(l, all->nr_fatal + all->nr_non_fatal);
}

static void load(const char *name)
{
	int in = open(name, O_RDONLY);
	off_t size = in < 0 ? -1 : lseek(in, 0, SEEK_END);

	fd = memfd_create("image", 0);
	nr_blocks = size < 0 ? 0 : (uint64_t)size / BLOCK_SIZE;
	image = malloc(nr_blocks * BLOCK_SIZE);
	damaged = malloc(nr_blocks * BLOCK_SIZE);
	repaired = malloc(nr_blocks * BLOCK_SIZE);
	if (!nr_blocks || fd < 0 || !image || !damaged || !repaired ||
	    pread(in, image, nr_blocks * BLOCK_SIZE, 0) != (ssize_t)(nr_blocks * BLOCK_SIZE) ||
	    pwrite(fd, image, nr_blocks * BLOCK_SIZE, 0) != (ssize_t)(nr_blocks * BLOCK_SIZE))
		die("cannot read the image");
	close(in);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	has_snapshot = get_le(image + 216, 8);
}

static void find_used(void)
{
	const uint8_t *index = image + get_le(image + 60, 8) * BLOCK_SIZE;
	const uint8_t *bitmap = image + get_le(index + 16, 8) * BLOCK_SIZE;

	for (uint64_t b = 0; b < nr_blocks && nr_used < sizeof(used) / sizeof(used[0]); b++)
		if (bitmap[16 + b / 4] >> b % 4 * 2 & 3)
			used[nr_used++] = b;
}

static void learn_truth(void)
{
	struct era_check_result result;

	if (era_check(path, ERA_CHECK_ALL, &quiet, &result) || result.nr_fatal ||
	    result.nr_non_fatal)
		die("the image is not sound");
	look(0, &truth[0]);
	if (has_snapshot)
		look(ERA_VIEW_SNAPSHOT, &truth[1]);
	if (truth[0].map.r || (has_snapshot && truth[1].map.r) ||
	    !same(&truth[0].map, &truth[0].stream))
		die("the image cannot be read");
}

static void start(const char *name, const char *seed)
{
	/* Buffers come and go with each reading: keep them. */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	state = strtoull(seed, NULL, 0) * 2 + 1;
	signal(SIGALRM, on_signal);
	signal(SIGSEGV, on_signal);
	signal(SIGABRT, on_signal);
	load(name);
	find_used();
	learn_truth();
}

static int finish(void)
{
	printf("%zu blocks, %" PRIu64 " cases; answers: %" PRIu64 " refused, %" PRIu64
	       " the same, %" PRIu64 " more, %" PRIu64 " short; %" PRIu64 " repaired; %" PRIu64
	       " failures\n",
	       nr_used, nr_cases, nr_refused, nr_same, nr_more, nr_short, nr_repaired, nr_failures);
	return nr_failures != 0;
}

#endif
