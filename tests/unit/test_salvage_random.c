/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Salvage after random histories on small devices, where blocks are used again and again: some take
 * free blocks in turn, as the kernel does, some the first ones, as our target does.  Each is
 * stopped somewhere, and damaged: mostly the superblock and some blocks besides, or it is cut
 * short.  No block has an earlier era than the true one.
 *
 *	ERA_SALVAGE_CASES	histories, 40 if it isn't set
 *	ERA_SALVAGE_SEED	another sequence of them
 */
#include "metadata_file.h"
#include "repair.h"

#include <fcntl.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "block/validate.h"
#include "build/format.h"
#define ROOM_LIVE
#include "live/live_internal.h"
#include "ondisk/era_disk.h"

#define BLOCK ((size_t)META_BLOCK_SIZE)
#define MAX_DATA 70000u
#define ROOM 30u
#define TRIES 25u

static char path[UNIT_PATH_MAX], damaged[UNIT_PATH_MAX], repaired[UNIT_PATH_MAX + 16];
static uint64_t random_state;

static struct blk_dev dev;
static struct era_live *live;
static bool as_kernel;

struct truth {
	uint32_t nr_blocks, era;
	uint32_t eras[MAX_DATA];
};

/* As far as the device has it, and what comes with the next commit. */
static struct truth truth, next;

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t roll(uint32_t n)
{
	return unit_random(&random_state) % n;
}

/* The kernel goes on behind the last commit, and begins anew at the end. */
static void turn(void)
{
	const struct counts *counts = &live->txn.counts;
	uint64_t nr_free = 0, first = 0;

	for (uint64_t block = counts->nr_blocks; block > live->sb.sm.index + 1; block--)
		nr_free += !counts->bytes[block - 1];
	while (counts->bytes[first])
		first++;
	live->txn.counts.search_from = nr_free > ROOM ? live->sb.sm.index + 1 : first;
}

static void commit(void)
{
	assert_int_equal(era_live_commit(live), 0);
	if (as_kernel)
		turn();
	truth = next;
}

static bool has_room(void)
{
	if (txn_free_blocks(&live->txn) >= ROOM)
		return true;
	commit();
	return txn_free_blocks(&live->txn) >= ROOM;
}

static void mark(void)
{
	uint32_t first = roll(next.nr_blocks), nr = 1 + roll(4);

	/* Often the same ones. */
	if (roll(2))
		first %= 1 + next.nr_blocks / 7;
	for (uint32_t i = first; i < first + nr && i < next.nr_blocks; i++) {
		assert_int_equal(era_live_mark(live, i, 1), 0);
		next.eras[i] = next.era;
	}
	if (roll(3))
		commit();
}

static void roll_over(void)
{
	assert_int_equal(era_live_roll_over(live), 0);
	next.era = live->sb.current_era;
	if (roll(3))
		commit();
}

static void digest(void)
{
	assert_true(era_live_digest(live) >= 0);
	if (roll(3))
		commit();
}

static void snapshot(void)
{
	if (live->sb.metadata_snap) {
		assert_int_equal(era_live_drop_snapshot(live), 0);
	} else {
		assert_int_equal(era_live_roll_over(live), 0);
		next.era = live->sb.current_era;
		commit();
		assert_int_equal(era_live_take_snapshot(live), 0);
	}
	commit();
}

/* New entries get the era that begins. */
static void resume(uint32_t nr_blocks)
{
	assert_int_equal(era_live_resume(live, nr_blocks), 0);
	assert_int_equal(era_live_commit(live), 0);
	next.era = live->sb.current_era;
	for (uint32_t i = next.nr_blocks; i < nr_blocks; i++)
		next.eras[i] = next.era;
	next.nr_blocks = nr_blocks;
	truth = next;
	if (as_kernel)
		turn();
}

/* One block of the era array, some, or also some of bits. */
static uint32_t any_nr_blocks(void)
{
	const uint32_t max[] = {200, 5000, MAX_DATA};

	return 1 + roll(max[roll(dev.nr_blocks < 300 ? 2 : 3)]);
}

/* What wasn't committed is lost. */
static void crash(void)
{
	era_live_close(live);
	assert_int_equal(era_live_open(&live, &dev, 1000), 0);
	next = truth;
	resume(roll(4) ? next.nr_blocks : any_nr_blocks());
}

/* How often each of them comes, in a history. */
struct habit {
	void (*step)(void);
	uint32_t least, more;
};

static void step(const uint32_t *weights, const struct habit *habits, uint32_t sum)
{
	uint32_t n = roll(sum);

	while (n >= *weights) {
		n -= *weights++;
		habits++;
	}
	habits->step();
}

static void steps(uint32_t nr)
{
	static const struct habit habits[] = {
		{mark, 10, 90},	  {roll_over, 5, 60}, {digest, 5, 90},
		{snapshot, 0, 4}, {crash, 0, 5},
	};
	uint32_t weights[ARRAY_SIZE(habits)], sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(habits); i++) {
		weights[i] = habits[i].least + roll(habits[i].more + 1);
		sum += weights[i];
	}
	for (; nr && has_room(); nr--)
		step(weights, habits, sum);
}

static uint8_t *make_history(uint32_t nr_metadata)
{
	uint8_t *data = malloc(nr_metadata * BLOCK);
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);

	assert_non_null(data);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(nr_metadata * BLOCK)), 0);
	as_kernel = roll(2);
	next = truth = (struct truth){0};
	assert_int_equal(blk_dev_open(&dev, path, BLK_WRITE, &loud), 0);
	assert_int_equal(era_format(&dev, 8, 0), 0);
	assert_int_equal(era_live_open(&live, &dev, 1000), 0);
	resume(any_nr_blocks());
	steps(5 + roll(150));
	era_live_close(live);
	blk_dev_close(&dev);
	assert_int_equal(pread(fd, data, nr_metadata * BLOCK, 0), (ssize_t)(nr_metadata * BLOCK));
	close(fd);
	return data;
}

static void overwrite(uint8_t *data, uint32_t nr_metadata, uint32_t block)
{
	uint8_t *place = data + block % nr_metadata * BLOCK;
	bool is_zero = !roll(4);

	for (size_t i = 0; i < BLOCK; i++)
		place[i] = is_zero ? 0 : (uint8_t)(unit_random(&random_state) >> 8);
}

static uint64_t end_of(const uint8_t *data, uint64_t nr)
{
	uint64_t bytes = nr * BLOCK;

	while (bytes && !data[bytes - 1])
		bytes--;
	return (bytes + BLOCK - 1) / BLOCK;
}

/* As in test_salvage: zeroes over all that came after a commit can't be seen. */
static bool is_undecidable(const uint8_t *was, const uint8_t *is, uint32_t nr)
{
	uint64_t end = end_of(is, nr);

	return end < end_of(was, nr) &&
	       blk_recognise((struct blk_ro){end - 1, is + (end - 1) * BLOCK}) == BLOCK_INDEX;
}

struct tally {
	uint64_t nr_cases, nr_refused, nr_undecidable, nr_blocks, nr_exact;
};

static uint64_t compare(struct tally *tally)
{
	struct era_chunk chunk;
	struct era_view *view;
	struct era_map *map;
	uint64_t nr_lower = 0, nr = 0;

	assert_int_equal(era_view_open(&view, repaired, 0, &loud), 0);
	assert_int_equal(era_map_open(&map, view), 0);
	while (era_map_next(map, &chunk) > 0)
		for (uint32_t i = 0; i < chunk.nr && nr < truth.nr_blocks; i++, nr++) {
			bool both = truth.eras[nr] == truth.era &&
				    chunk.eras[i] == era_view_sb(view)->current_era;

			nr_lower += chunk.eras[i] < truth.eras[nr];
			tally->nr_exact += both || chunk.eras[i] == truth.eras[nr];
		}
	tally->nr_blocks += truth.nr_blocks;
	era_map_close(map);
	era_view_close(view);
	return nr_lower + truth.nr_blocks - nr;
}

/* A device to be damaged. */
struct victim {
	uint8_t *data;
	uint32_t nr;
	bool has_superblock;
};

static struct victim damage(const uint8_t *whole, uint32_t nr_metadata)
{
	static const uint8_t how_many[] = {0, 0, 0, 1, 1, 1, 1, 2};
	uint32_t end = (uint32_t)end_of(whole, nr_metadata), nr = how_many[roll(8)];
	struct victim v = {malloc(nr_metadata * BLOCK), nr_metadata, !roll(5)};

	assert_non_null(v.data);
	memcpy(v.data, whole, nr_metadata * BLOCK);
	if (!roll(4))
		v.nr = 2 + roll(end - 2);
	if (!v.has_superblock)
		overwrite(v.data, v.nr, 0);
	for (uint32_t i = 0; i < nr; i++)
		overwrite(v.data, v.nr, 1 + roll(min_u32(end, v.nr) - 1));
	return v;
}

static void write_damaged(const struct victim *v)
{
	FILE *file = fopen(damaged, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(v->data, BLOCK, v->nr, file), v->nr);
	assert_int_equal(fclose(file), 0);
}

static void one_try(const uint8_t *whole, uint32_t nr_metadata, struct tally *tally)
{
	struct victim v = damage(whole, nr_metadata);
	struct era_salvage_hints hints = {.data_block_size = 8};
	int r;

	write_damaged(&v);
	hints.nr_blocks = roll(4) ? truth.nr_blocks : 0;
	r = repair_metadata(damaged, repaired, &hints);
	tally->nr_cases++;
	tally->nr_refused += r != 0;
	if (!r) {
		metadata_are_sound(repaired);
		if (compare(tally)) {
			assert_true(!v.has_superblock && is_undecidable(whole, v.data, v.nr));
			tally->nr_undecidable++;
		}
	}
	free(v.data);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void random_histories(void **state)
{
	uint64_t nr_histories = number("ERA_SALVAGE_CASES", 40),
		 seed = number("ERA_SALVAGE_SEED", 1);
	struct tally tally = {0};

	(void)state;
	for (uint64_t i = 0; i < nr_histories; i++) {
		uint32_t nr_metadata;
		uint8_t *data;

		random_state = seed * 1000000 + i;
		nr_metadata = 50 + roll(roll(2) ? 150 : 400);
		data = make_history(nr_metadata);
		for (unsigned n = 0; n < TRIES; n++)
			one_try(data, nr_metadata, &tally);
		free(data);
	}
	printf("# %llu cases, %llu refused, %llu undecidable; %llu of %llu blocks kept exact\n",
	       (unsigned long long)tally.nr_cases, (unsigned long long)tally.nr_refused,
	       (unsigned long long)tally.nr_undecidable, (unsigned long long)tally.nr_exact,
	       (unsigned long long)tally.nr_blocks);
	assert_true(tally.nr_exact > tally.nr_blocks / 10);
}

static int prepare(void **state)
{
	(void)state;
	metadata_create(path, 1);
	metadata_create(damaged, 1);
	snprintf(repaired, sizeof(repaired), "%s.repaired", damaged);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	unlink(path);
	unlink(damaged);
	unlink(repaired);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories),
	};

	return cmocka_run_group_tests_name("salvage of random histories", tests, prepare, clean_up);
}
