/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Salvage of metadata whose space map has several bitmaps.  They are made here: like the kernel,
 * and unlike our own target, each commit takes the blocks behind those of the one before, so
 * thousands of generations are whole.  Which block was written when is kept beside.
 *
 * One commit ends so that its index is the first block that the second bitmap stands for: that
 * bitmap follows it.
 */
#include "metadata_file.h"
#include "repair.h"

#include <fcntl.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "build/format.h"
#define ROOM_LIVE
#include "live/live_internal.h"
#include "ondisk/era_disk.h"

#define BLOCK ((size_t)META_BLOCK_SIZE)
#define NR_METADATA (2u * BITMAP_ENTRIES - 500u)
#define NR_DATA 400000u
#define PER_BITSET_BLOCK (ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) * 64u)
#define MAX_MARKS (NR_DATA / PER_BITSET_BLOCK + 1)
#define COMMITS_AN_ERA 100u

struct history {
	uint64_t nr;   /* metadata blocks */
	uint8_t *data; /* those up to `end` */
	uint64_t end;
	uint32_t era;
	uint32_t *eras;
};

/* Stopped at the index that a bitmap follows, and some commits later. */
static struct history at_border, later;

static char made[UNIT_PATH_MAX], damaged[UNIT_PATH_MAX], repaired[UNIT_PATH_MAX + 16];

static struct era_live *live;
static struct blk_dev dev;
static uint32_t eras[NR_DATA];
static bool as_kernel;
static uint64_t random_state = 1;

/* Its index; the kernel's next one looks for free blocks from there on. */
static uint64_t commit(void)
{
	assert_int_equal(era_live_commit(live), 0);
	if (as_kernel)
		live->txn.counts.search_from = live->sb.sm.index + 1;
	return live->sb.sm.index;
}

/* One block in each of that many blocks of the bitset. */
static uint64_t write_blocks(uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t block = i * PER_BITSET_BLOCK + unit_random(&random_state) % 9000;

		assert_int_equal(era_live_mark(live, block, 1), 0);
		eras[block] = live->sb.current_era;
	}
	return commit();
}

static void next_era(void)
{
	int r;

	assert_int_equal(era_live_roll_over(live), 0);
	commit();
	write_blocks(1);
	do
		r = era_live_digest(live);
	while (r == ERA_DIGEST_MORE);
	assert_int_equal(r, ERA_DIGEST_DONE);
}

/* Commits with nothing but marks, so that one of them has its index at `wanted`. */
static void approach(uint64_t wanted)
{
	uint64_t before = write_blocks(1), others, index = write_blocks(1), left;

	others = index - before - 1;
	while ((left = wanted - index) > 2 * (MAX_MARKS + others))
		index = write_blocks(MAX_MARKS);
	if (left > MAX_MARKS + others)
		index = write_blocks((uint32_t)(left / 2 - others));
	assert_int_equal(write_blocks((uint32_t)(wanted - index - others)), wanted);
}

static void remember(struct history *h)
{
	uint64_t end = dev.nr_blocks;
	int fd = open(dev.path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	h->data = malloc(end * BLOCK);
	h->eras = malloc(sizeof(eras));
	assert_non_null(h->data);
	assert_non_null(h->eras);
	assert_int_equal(pread(fd, h->data, end * BLOCK, 0), (ssize_t)(end * BLOCK));
	close(fd);
	while (!h->data[(end - 1) * BLOCK] &&
	       !memcmp(h->data + (end - 1) * BLOCK, h->data + (end - 1) * BLOCK + 1, BLOCK - 1))
		end--;
	h->nr = dev.nr_blocks;
	h->end = end;
	h->era = live->sb.current_era;
	memcpy(h->eras, eras, sizeof(eras));
}

static void forget(struct history *h)
{
	free(h->data);
	free(h->eras);
}

/* New entries of the array have the first era, so writes in it prove nothing. */
static void start(const char *path)
{
	assert_int_equal(blk_dev_open(&dev, path, BLK_WRITE, &loud), 0);
	assert_int_equal(era_format(&dev, 8, 0), 0);
	assert_int_equal(era_live_open(&live, &dev, 1000), 0);
	assert_int_equal(era_live_resume(live, NR_DATA), 0);
	assert_int_equal(era_live_commit(live), 0);
	assert_int_equal(era_live_roll_over(live), 0);
	for (uint32_t i = 0; i < NR_DATA; i++)
		eras[i] = live->sb.current_era;
	assert_int_equal(era_live_mark(live, 0, NR_DATA), 0);
	commit();
}

static void end(void)
{
	era_live_close(live);
	blk_dev_close(&dev);
}

static void make(void)
{
	unsigned nr = 0;

	as_kernel = true;
	start(made);
	while (commit() < BITMAP_ENTRIES - 1500)
		if (++nr % COMMITS_AN_ERA)
			write_blocks(1 + unit_random(&random_state) % MAX_MARKS);
		else
			next_era();
	approach(BITMAP_ENTRIES);
	remember(&at_border);
	for (unsigned i = 0; i < 30; i++)
		write_blocks(MAX_MARKS);
	next_era();
	write_blocks(3);
	remember(&later);
	end();
	metadata_are_sound(made);
}

/* What is to be damaged: a file of so many blocks. */
struct victim {
	const struct history *history;
	uint64_t nr;
	int fd;
};

static void overwrite(const struct victim *v, uint64_t block)
{
	uint8_t data[META_BLOCK_SIZE];

	for (unsigned i = 0; i < BLOCK; i++)
		data[i] = (uint8_t)(unit_random(&random_state) >> 8);
	assert_int_equal(pwrite(v->fd, data, BLOCK, (off_t)(block * BLOCK)), (ssize_t)BLOCK);
}

static void resize(struct victim *v, uint64_t nr)
{
	assert_int_equal(ftruncate(v->fd, (off_t)(nr * BLOCK)), 0);
	v->nr = nr;
}

static uint64_t pointer(const struct victim *v, uint64_t block, size_t at)
{
	const uint8_t *place = v->history->data + block * BLOCK + at;

	return le64_get(*(const struct le64 *)(const void *)place);
}

static uint64_t index_of(const struct victim *v)
{
	return pointer(v, 0, 60);
}

static void nothing(struct victim *v, uint64_t n)
{
	(void)v;
	(void)n;
}

static void newest_index(struct victim *v, uint64_t n)
{
	(void)n;
	overwrite(v, index_of(v));
}

static void bitmap(struct victim *v, uint64_t n)
{
	overwrite(v, pointer(v, index_of(v), 16 + 16 * n));
}

static void newest_leaf(struct victim *v, uint64_t n)
{
	const size_t max_entries = 252;

	overwrite(v, pointer(v, pointer(v, 0, 192), 32 + 8 * (max_entries + n)));
}

static void cut_off_at(struct victim *v, uint64_t n)
{
	resize(v, n);
}

static void cut_off_behind_the_index(struct victim *v, uint64_t n)
{
	resize(v, index_of(v) + n);
}

static void zeroes_behind(struct victim *v, uint64_t n)
{
	resize(v, n);
}

static void garbage_at_the_end(struct victim *v, uint64_t n)
{
	uint64_t first = n ? v->nr : v->history->end;

	if (n)
		resize(v, v->nr + n);
	for (uint64_t block = first; block < first + 3; block++)
		overwrite(v, block);
}

static const struct damage {
	const char *name;
	void (*damage)(struct victim *v, uint64_t n);
	uint64_t n;
	bool superblock; /* is destroyed, too */
	bool exact;	 /* every era is kept */
	bool at_border;	 /* is tried there, too */
} damages[] = {
	{"the superblock", nothing, 0, true, true, true},
	{"the first bitmap", bitmap, 0, false, false, false},
	{"the second bitmap", bitmap, 1, false, false, false},
	{"the newest index", newest_index, 0, false, false, false},
	{"the newest leaf", newest_leaf, 0, false, false, false},
	{"the superblock and the first bitmap", bitmap, 0, true, false, false},
	{"the superblock and the second bitmap", bitmap, 1, true, false, false},
	{"the superblock and the newest index", newest_index, 0, true, false, false},
	{"the superblock and the newest leaf", newest_leaf, 1, true, false, false},
	{"cut off in the first bitmap's range", cut_off_at, BITMAP_ENTRIES - 1, false, false,
	 false},
	{"cut off at the second bitmap's range", cut_off_at, BITMAP_ENTRIES, false, false, false},
	{"cut off in the second bitmap's range", cut_off_at, BITMAP_ENTRIES + 1, false, false,
	 false},
	{"the superblock, cut off in the first bitmap's range", cut_off_at, BITMAP_ENTRIES - 1,
	 true, false, false},
	{"the superblock, cut off at the second bitmap's range", cut_off_at, BITMAP_ENTRIES, true,
	 false, true},
	{"the superblock, cut off in the second bitmap's range", cut_off_at, BITMAP_ENTRIES + 1,
	 true, false, true},
	{"the superblock, cut off before the last index", cut_off_behind_the_index, 0, true, false,
	 false},
	{"the superblock, zeroes up to the third bitmap's range", zeroes_behind, 2 * BITMAP_ENTRIES,
	 true, true, true},
	{"the superblock, zeroes in the third bitmap's range", zeroes_behind,
	 2 * BITMAP_ENTRIES + 1, true, true, false},
	{"garbage behind the device", garbage_at_the_end, 3, false, true, false},
	{"the superblock, garbage behind the device", garbage_at_the_end, 3, true, false, false},
	{"the superblock, garbage behind what was written", garbage_at_the_end, 0, true, false,
	 false},
};

static const struct era_salvage_hints hints = {.nr_blocks = NR_DATA, .data_block_size = 8};

/* How many blocks have an era before the true one; adds to *nr_other those of another era. */
static uint64_t compare(const struct history *h, uint64_t *nr_other)
{
	static uint32_t found[NR_DATA];
	struct era_check_result result;
	uint64_t nr_lower = 0;

	assert_int_equal(era_check(repaired, ERA_CHECK_ALL, &loud, &result), 0);
	assert_int_equal(result.nr_fatal + result.nr_non_fatal, 0);
	metadata_eras(repaired, 0, found, NR_DATA);
	for (uint32_t i = 0; i < NR_DATA; i++) {
		bool both = h->eras[i] == h->era && found[i] == result.live.sb.current_era;

		nr_lower += found[i] < h->eras[i];
		*nr_other += found[i] != h->eras[i] && !both;
	}
	return nr_lower;
}

/* 1 when that went wrong, or 0.  Sets *nr_other to the number of blocks that have a later era. */
static unsigned try(const struct history *h, const struct damage *damage, uint64_t *nr_other)
{
	struct victim v = {h, 0, open(damaged, O_RDWR | O_TRUNC | O_CLOEXEC)};
	uint64_t nr_lower;

	assert_true(v.fd >= 0);
	resize(&v, h->nr);
	assert_int_equal(pwrite(v.fd, h->data, h->end * BLOCK, 0), (ssize_t)(h->end * BLOCK));
	damage->damage(&v, damage->n);
	if (damage->superblock)
		overwrite(&v, 0);
	close(v.fd);
	*nr_other = 0;
	if (repair_metadata(damaged, repaired, &hints)) {
		printf("# %s: refused\n", damage->name);
		return 1;
	}
	nr_lower = compare(h, nr_other);
	if (!nr_lower && (!*nr_other || !damage->exact))
		return 0;
	printf("# %s: %llu blocks have an earlier era, %llu another one\n", damage->name,
	       (unsigned long long)nr_lower, (unsigned long long)*nr_other);
	return 1;
}

static void no_era_is_lost(const struct history *h)
{
	unsigned nr_wrong = 0;
	uint64_t nr_other;

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
		if (damages[i].at_border || h != &at_border)
			nr_wrong += try(h, &damages[i], &nr_other);
	assert_int_equal(nr_wrong, 0);
}

static void index_and_then_its_bitmap(void **state)
{
	const struct victim v = {.history = &at_border};

	(void)state;
	assert_int_equal(index_of(&v), BITMAP_ENTRIES);
	assert_int_equal(pointer(&v, index_of(&v), 16 + 16), BITMAP_ENTRIES + 1);
	assert_int_equal(at_border.end, BITMAP_ENTRIES + 2);
	no_era_is_lost(&at_border);
}

static void index_behind_its_bitmaps(void **state)
{
	(void)state;
	no_era_is_lost(&later);
}

/* It takes the first free blocks in each commit, so of the generation that proves another one to be
 * old there may be nothing left.  Then the few blocks of that one's current writeset are in doubt.
 * And of one that was begun in the same era, and whose blocks were used again, it can't be told
 * whether a pointer is wrong: then all are. */
static void what_our_target_leaves(void **state)
{
	const struct damage superblock = {.name = "the superblock",
					  .damage = nothing,
					  .superblock = true};
	unsigned nr_wrong = 0, nr_inexact = 0, nr_all = 0;
	char path[UNIT_PATH_MAX];
	uint64_t nr_other;
	struct history h;

	(void)state;
	as_kernel = false;
	metadata_create(path, 1500);
	start(path);
	for (unsigned i = 1; i < 60; i++) {
		if (i % 20)
			write_blocks(1 + unit_random(&random_state) % MAX_MARKS);
		else
			next_era();
		remember(&h);
		nr_wrong += try(&h, &superblock, &nr_other);
		nr_all += nr_other > NR_DATA / 2;
		nr_wrong += nr_other > 20 * MAX_MARKS && nr_other <= NR_DATA / 2;
		nr_inexact += nr_other > 0 && nr_other <= NR_DATA / 2;
		forget(&h);
	}
	end();
	unlink(path);
	assert_int_equal(nr_wrong, 0);
	assert_true(nr_inexact < 10);
	printf("# nothing was proven of %u of 59 states\n", nr_all);
	assert_true(nr_all < 40);
}

static int prepare(void **state)
{
	(void)state;
	metadata_create(made, NR_METADATA);
	metadata_create(damaged, 1);
	snprintf(repaired, sizeof(repaired), "%s.repaired", damaged);
	make();
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	unlink(made);
	unlink(damaged);
	unlink(repaired);
	forget(&at_border);
	forget(&later);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_and_then_its_bitmap),
		cmocka_unit_test(index_behind_its_bitmaps),
		cmocka_unit_test(what_our_target_leaves),
	};

	return cmocka_run_group_tests_name("salvage of large metadata", tests, prepare, clean_up);
}
