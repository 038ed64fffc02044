/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets every field of every used block of an image to values that it should not have, a field at a
 * time with the checksum right, and asks the library about each:
 *
 *	sweep IMAGE SEED ENTRIES
 *
 * Of a field that a block has more often than ENTRIES times, so many are drawn at random. Prints
 * how many cases there were and how they ended; a case that breaks a rule is printed and counted.
 *
 * The rules:
 * - What is read without an error never has a block's era lower than the undamaged image has it,
 *   read as a map or as a stream, strict or with repair; but see `blind`.
 * - A strict reading and a check agree on which view is damaged; with repair a reading goes on, and
 *   tells of it.
 * - When an answer is short all the same, the check finds a fatal problem, unless nobody can know.
 * - A repair of counts leaves sound metadata with the same answers, and refuses what is short; else
 *   it changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "era/check.h"
#include "era/map.h"
#include "era/stream.h"
#include "era/view.h"
#include "layout.h"

#define SECONDS_A_CASE 20
#define MAX_FAILURES 20

/* Where even a right reader can be short of blocks. */
enum who {
	READERS,   /* never: they find it */
	SPACE_MAP, /* what is read is consistent, but only the space map knows that it isn't all */
	NOBODY,    /* a plausible value instead of the right one */
	HEADER,    /* the same, of a figure that all else is judged by */
};

static const struct {
	enum kind kind;
	uint32_t values;
	const char *name;
	enum who who;
} blind[] = {
	{ SUPERBLOCK, 0, "era", HEADER },
	{ SUPERBLOCK, 0, "current", SPACE_MAP },
	{ SUPERBLOCK, 0, "sets", SPACE_MAP },
	{ SUPERBLOCK, 0, "eras", SPACE_MAP },
	{ SUPERBLOCK, 0, "snapshot", SPACE_MAP },
	{ NODE, 12, "entries", SPACE_MAP },
	{ NODE, 8, "entries", SPACE_MAP },
	{ NODE, 8, "child", SPACE_MAP },
	{ NODE, 12, "root", SPACE_MAP },
	{ NODE, 12, "key", NOBODY },
	{ ARRAY, 4, "era", NOBODY },
	{ ARRAY, 8, "word", NOBODY },
};

struct answer {
	int r;
	uint32_t nr;
	uint32_t *eras;
	uint32_t room;
	uint64_t nr_problems;
};

struct look {
	struct answer map, stream, map_repair, stream_repair;
};

static uint8_t *image, *damaged, *repaired;
static uint64_t nr_blocks;
static int fd;
static char path[64];
static bool has_snapshot;
static struct look truth[2];
static char now[256]; /* the case at hand */
static uint64_t state, nr_cases, nr_refused, nr_same, nr_more, nr_short, nr_repaired, nr_failures;
static const struct report quiet;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sweep: %s: %s\n", what, now);
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
	struct era_window window;
	struct era_map *map;

	make_room(a, view->sb.nr_blocks);
	a->r = era_map_open(&map, view);
	if (a->r)
		return;
	while ((a->r = era_map_next(map, &window)) > 0)
		memcpy(a->eras + window.first, window.eras, window.nr * sizeof(*a->eras));
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

static void read_stream(struct era_view *view, struct answer *a)
{
	struct fold fold = { .a = a };
	struct era_stream to = { &fold,	  on_begin, on_writeset_begin, on_words, nothing,
				 on_array_begin, on_eras,  nothing,	       nothing };
	struct era_losses losses;

	a->r = era_stream_view(view, &to, &losses);
}

static void ask(unsigned flags, void (*read)(struct era_view *, struct answer *), struct answer *a)
{
	struct era_view view;

	a->nr = 0;
	a->r = era_view_open(&view, path, flags, &quiet);
	if (a->r)
		return;
	read(&view, a);
	a->nr_problems = view.nr_problems;
	era_view_close(&view);
}

static void look(unsigned flags, struct look *l)
{
	ask(flags, read_map, &l->map);
	ask(flags, read_stream, &l->stream);
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
	return a->nr == b->nr && !memcmp(a->eras, b->eras, a->nr * sizeof(*a->eras));
}

/* Each way of reading one view against the others and the truth. Returns whether an answer without
 * an error is short. */
static bool judge(const struct look *l, const struct look *right, enum who who)
{
	bool refused = l->map.r, is_short;

	if ((l->map.r != 0) != (l->stream.r != 0))
		failed("map and stream differ in whether it is damaged");
	if (refused && l->map.r != ERA_DAMAGED && l->map.r != ERA_NO_ANSWER)
		failed("neither refused as damaged nor without an answer");
	if (l->map_repair.r != l->stream_repair.r)
		failed("with repair map and stream differ");
	if (!refused && (l->map_repair.r || l->map_repair.nr_problems || !same(&l->map, &l->map_repair)))
		failed("sound, but with repair the answer is another");
	if (refused && !l->map_repair.r && (!l->map_repair.nr_problems || !l->stream_repair.nr_problems))
		failed("damaged, and with repair not a word");
	if (refused) {
		nr_refused++;
		if (!l->map_repair.r && (who == READERS || who == NOBODY) &&
		    !covers(&l->map_repair, &right->map))
			failed("with repair the map is short");
		if (!l->stream_repair.r && (who == READERS || who == NOBODY) &&
		    !covers(&l->stream_repair, &right->map))
			failed("with repair the stream is short");
		return false;
	}
	if (!same(&l->map, &l->stream))
		failed("map and stream differ");
	is_short = !covers(&l->map, &right->map);
	if (is_short && who == READERS)
		failed("the answer is short");
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
	if (pwrite(fd, from, nr * BLOCK_SIZE, (off_t)(block * BLOCK_SIZE)) != (ssize_t)(nr * BLOCK_SIZE))
		die("cannot write");
}

static void read_image(uint8_t *to)
{
	if (pread(fd, to, nr_blocks * BLOCK_SIZE, 0) != (ssize_t)(nr_blocks * BLOCK_SIZE))
		die("cannot read");
}

static void repair_counts(const struct look *before, bool is_short, const struct era_check_result *all)
{
	static struct look after[2];
	struct era_check_result result;
	bool changed;

	read_image(damaged);
	if (era_check(path, ERA_CHECK_REPAIR, &quiet, &result))
		failed("the repair does not come to its end");
	read_image(repaired);
	changed = memcmp(damaged, repaired, nr_blocks * BLOCK_SIZE);
	if (changed != result.repair.done)
		failed("changed, and not repaired");
	if (result.repair.done == (all->nr_others || !all->nr_of_counts) &&
	    !(result.repair.done == false && all->nr_fatal))
		failed("repaired what it should not, or not what it should");
	if (!changed)
		return;
	nr_repaired++;
	if (is_short)
		failed("what is short was made to look sound");
	look(0, &after[0]);
	if (after[0].map.r || !same(&after[0].map, &before[0].map))
		failed("repaired, and the answer is another");
	if (!has_snapshot)
		return;
	look(ERA_VIEW_SNAPSHOT, &after[1]);
	if (after[1].map.r || !same(&after[1].map, &before[1].map))
		failed("repaired, and the snapshot's answer is another");
}

static void check_view(enum who who, const struct era_check_result *all)
{
	static struct look l[2];
	struct era_check_result snapshot = { 0 };
	bool is_short;
	int r = 0;

	look(0, &l[0]);
	is_short = judge(&l[0], &truth[0], who);
	if (l[0].map.r && !all->nr_fatal)
		failed("refused, and the check finds nothing fatal");
	if (has_snapshot) {
		look(ERA_VIEW_SNAPSHOT, &l[1]);
		if (l[1].map.r != ERA_NO_ANSWER)
			is_short |= judge(&l[1], &truth[1], who);
		r = era_check(path, ERA_CHECK_SNAPSHOT, &quiet, &snapshot);
		if ((l[1].map.r != 0) != (r || snapshot.nr_fatal))
			failed("reading the snapshot and checking it don't agree");
		if (l[1].map.r && !all->nr_fatal)
			failed("no snapshot's answer, and the check finds nothing fatal");
	}
	if (is_short && (who == SPACE_MAP || who == READERS) && !all->nr_fatal)
		failed("the answer is short, and the check finds nothing fatal");
	repair_counts(l, is_short, all);
}

static void try(uint64_t block, const struct field *field, uint64_t i, uint64_t value, enum who who)
{
	const uint8_t *old = image + block * BLOCK_SIZE;
	uint32_t at = field_at(old, field, i);
	struct era_check_result result;
	uint8_t copy[BLOCK_SIZE];
	enum kind kind = kind_of(old);

	memcpy(copy, old, BLOCK_SIZE);
	put_le(copy + at, field->size, value);
	if (!memcmp(copy, old, BLOCK_SIZE))
		return;
	reseal(copy, kind);
	snprintf(now, sizeof(now), "%" PRIu64 ".%s.%" PRIu64 "=%" PRIu64 " (%s)", block, field->name, i,
		 get_le(copy + at, field->size), kinds[kind].name);
	alarm(SECONDS_A_CASE);
	nr_cases++;
	write_image(block, 1, copy);
	if (era_check(path, ERA_CHECK_ALL, &quiet, &result))
		failed("the check does not come to its end");
	check_view(who, &result);
	write_image(0, nr_blocks, image);
}

static uint64_t used[1 << 16];
static size_t nr_used;

static void try_values(uint64_t block, const struct field *field, uint64_t i)
{
	const uint8_t *data = image + block * BLOCK_SIZE;
	uint64_t v = get_le(data + field_at(data, field, i), field->size);
	uint64_t values[] = { 0,	     1,
			      v - 1,	     v + 1,
			      UINT64_MAX,    v + (UINT64_C(1) << 52),
			      draw(nr_blocks), used[draw(nr_used)],
			      used[draw(nr_used)] };
	enum who who = READERS;

	for (size_t b = 0; b < sizeof(blind) / sizeof(blind[0]); b++)
		if (blind[b].kind == field->kind && !strcmp(blind[b].name, field->name) &&
		    (!blind[b].values || blind[b].values == value_size_of(data, field->kind)))
			who = blind[b].who;
	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++)
		try(block, field, i, values[n], who);
}

static void try_block(uint64_t block, uint64_t entries)
{
	const uint8_t *data = image + block * BLOCK_SIZE;
	enum kind kind = kind_of(data);

	for (size_t f = 0; f < NR_FIELDS; f++) {
		uint64_t nr;

		if (!has_field(data, kind, &fields[f]))
			continue;
		/* One past the end, too, where there is room. */
		nr = field_entries(data, &fields[f]) + (fields[f].how_many == ENTRIES);
		for (uint64_t i = 0; i < (nr > entries ? entries : nr); i++) {
			uint64_t pick = nr > entries ? draw(nr) : i;

			if (field_at(data, &fields[f], pick) < BLOCK_SIZE)
				try_values(block, &fields[f], pick);
		}
	}
}

static void load(const char *name)
{
	int in = open(name, O_RDONLY);
	off_t size = in < 0 ? -1 : lseek(in, 0, SEEK_END);

	fd = memfd_create("sweep", 0);
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

	if (era_check(path, ERA_CHECK_ALL, &quiet, &result) || result.nr_fatal || result.nr_non_fatal)
		die("the image is not sound");
	look(0, &truth[0]);
	if (has_snapshot)
		look(ERA_VIEW_SNAPSHOT, &truth[1]);
	if (truth[0].map.r || (has_snapshot && truth[1].map.r) ||
	    !same(&truth[0].map, &truth[0].stream))
		die("the image cannot be read");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		die("usage: sweep IMAGE SEED ENTRIES");
	/* Buffers come and go with each reading: keep them. */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	state = strtoull(argv[2], NULL, 0) * 2 + 1;
	signal(SIGALRM, on_signal);
	signal(SIGSEGV, on_signal);
	signal(SIGABRT, on_signal);
	load(argv[1]);
	find_used();
	learn_truth();
	for (size_t i = 0; i < nr_used; i++)
		try_block(used[i], strtoull(argv[3], NULL, 0));
	printf("%zu blocks, %" PRIu64 " cases; answers: %" PRIu64 " refused, %" PRIu64 " the same, %" PRIu64
	       " more, %" PRIu64 " short; %" PRIu64 " repaired; %" PRIu64 " failures\n",
	       nr_used, nr_cases, nr_refused, nr_same, nr_more, nr_short, nr_repaired, nr_failures);
	return nr_failures != 0;
}
