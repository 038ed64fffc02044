/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The simulated device: what it shows of a log is what a disk could have done, and no less. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"
#include "tests/sim/simdev.h"

#define NR_BLOCKS 64u

struct bench {
	struct simdev sim;
	struct blk_dev dev;
	struct simdev_how how;
	struct simdev_result result;
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	*state = bench;
	if (!bench)
		return -1;
	simdev_open(&bench->sim, NR_BLOCKS);
	return simdev_dev(&bench->sim, &bench->dev, NULL);
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	blk_dev_close(&bench->dev);
	simdev_close(&bench->sim);
	free(bench);
	return 0;
}

/* Fills nr blocks with a letter; what the device answers. */
static int fill(struct bench *bench, uint64_t block, uint64_t nr, char letter)
{
	void *data = blk_alloc(nr);
	int r;

	assert_non_null(data);
	memset(data, letter, nr * META_BLOCK_SIZE);
	r = blk_dev_write(&bench->dev, block, nr, data);
	free(data);
	return r;
}

static int flush(struct bench *bench)
{
	return blk_dev_flush(&bench->dev);
}

/* What is in a block: the letter of all its sectors, '.' for zero, '/' when they differ. */
static char letter_of(const struct simdev *sim, uint64_t block)
{
	const uint8_t *data = sim->data + block * META_BLOCK_SIZE;

	for (size_t i = 1; i < META_BLOCK_SIZE; i++)
		if (data[i] != data[0])
			return '/';
	return data[0] ? (char)data[0] : '.';
}

/* Counts the states by what is in the first blocks. */
struct census {
	unsigned nr_blocks, nr_kinds;
	struct {
		char text[8];
		unsigned nr;
	} kinds[64];
};

static bool count(void *ctx, struct simdev_stop *stop)
{
	struct census *census = ctx;
	char text[8] = "";
	unsigned i = 0;

	for (unsigned b = 0; b < census->nr_blocks; b++)
		text[b] = letter_of(stop->image, b);
	while (i < census->nr_kinds && strcmp(census->kinds[i].text, text))
		i++;
	assert_true(i < ARRAY_SIZE(census->kinds));
	if (i == census->nr_kinds)
		strcpy(census->kinds[census->nr_kinds++].text, text);
	census->kinds[i].nr++;
	return true;
}

static struct census take_census(struct bench *bench, unsigned nr_blocks)
{
	struct census census = {.nr_blocks = nr_blocks};

	simdev_for_each_stop(&bench->sim, &bench->how, count, &census, &bench->result);
	return census;
}

static unsigned seen(const struct census *census, const char *text)
{
	for (unsigned i = 0; i < census->nr_kinds; i++)
		if (!strcmp(census->kinds[i].text, text))
			return census->kinds[i].nr;
	return 0;
}

/* Every state of one block, each once: 2^8 choices of its sectors. */
static void one_write_in_all_ways(void **state)
{
	struct bench *bench = *state;
	struct census census;

	assert_int_equal(fill(bench, 0, 1, 'a'), 0);
	census = take_census(bench, 1);
	assert_int_equal(bench->result.stops, 2);
	assert_int_equal(bench->result.states, 256);
	assert_int_equal(seen(&census, "."), 1);
	assert_int_equal(seen(&census, "a"), 1);
	assert_int_equal(seen(&census, "/"), 254);
}

static void unflushed_writes_land_in_any_order(void **state)
{
	struct bench *bench = *state;
	struct census census;

	assert_int_equal(fill(bench, 0, 1, 'a') | fill(bench, 1, 1, 'b') | fill(bench, 2, 1, 'c'),
			 0);
	census = take_census(bench, 3);
	for (unsigned i = 0; i < 8; i++) {
		const char text[] = {i & 1 ? 'a' : '.', i & 2 ? 'b' : '.', i & 4 ? 'c' : '.', 0};

		assert_true(seen(&census, text));
	}
	assert_true(seen(&census, "ab/") && seen(&census, "../") && seen(&census, "a/c"));
}

static void a_flush_is_an_end_to_it(void **state)
{
	struct bench *bench = *state;
	struct census census;

	assert_int_equal(fill(bench, 0, 1, 'a') | flush(bench) | fill(bench, 1, 1, 'b'), 0);
	census = take_census(bench, 2);
	assert_true(seen(&census, "a.") && seen(&census, "ab") && seen(&census, "a/"));
	assert_false(seen(&census, ".b") || seen(&census, "/b") || seen(&census, "//"));

	bench->how.without_flush = 1;
	census = take_census(bench, 2);
	assert_true(seen(&census, ".b") && seen(&census, "/b"));
}

/* The later of two writes to a block never gives way to the earlier. */
static void a_block_written_twice(void **state)
{
	struct bench *bench = *state;
	struct census census;

	assert_int_equal(fill(bench, 0, 1, 'a') | fill(bench, 0, 1, 'b') | flush(bench), 0);
	census = take_census(bench, 1);
	assert_true(seen(&census, ".") && seen(&census, "a") && seen(&census, "b"));
	assert_int_equal(bench->result.stops, 4);
}

/* A failed flush leaves doubt that no later one removes; what is written anew is sure again. */
static void a_failed_flush_leaves_doubt(void **state)
{
	struct bench *bench = *state;
	struct census census;

	bench->sim.faults.flush = 1;
	assert_int_equal(fill(bench, 0, 1, 'a'), 0);
	assert_int_equal(flush(bench), ERA_SYS);
	assert_int_equal(fill(bench, 1, 1, 'b') | flush(bench) | fill(bench, 2, 1, 'c'), 0);
	census = take_census(bench, 3);
	assert_true(seen(&census, ".bc") && seen(&census, "abc") && seen(&census, "/bc"));
	assert_false(seen(&census, "a.c") || seen(&census, "..c"));

	assert_int_equal(fill(bench, 0, 1, 'd') | flush(bench), 0);
	simdev_promise(&bench->sim, 1);
	assert_int_equal(fill(bench, 3, 1, 'e'), 0);
	census = take_census(bench, 4);
	assert_true(seen(&census, "dbce"));
	assert_false(seen(&census, "abce") || seen(&census, ".bce"));
}

static void faults_come_when_told(void **state)
{
	struct bench *bench = *state;
	void *data = blk_alloc(2);
	struct census census;

	assert_non_null(data);
	bench->sim.faults =
		(struct simdev_faults){.bad_block = 5, .read = 3, .write = 2, .error = ENOSPC};
	assert_int_equal(blk_dev_read(&bench->dev, 4, 1, data), 0);
	assert_int_equal(blk_dev_read(&bench->dev, 4, 2, data), EIO);
	assert_int_equal(blk_dev_read(&bench->dev, 4, 1, data), ENOSPC);
	assert_int_equal(blk_dev_read(&bench->dev, 6, 2, data), 0);
	assert_int_equal(fill(bench, 0, 1, 'a'), 0);
	assert_int_equal(fill(bench, 1, 1, 'b'), ERA_NO_SPACE);
	assert_int_equal(fill(bench, 2, 1, 'c'), 0);
	census = take_census(bench, 3);
	assert_true(seen(&census, "a.c"));
	assert_false(seen(&census, "abc"));

	simdev_settle(&bench->sim);
	bench->sim.faults = (struct simdev_faults){SIMDEV_NO_BLOCK, .write = 1, .lasting = true};
	assert_int_equal(fill(bench, 3, 1, 'd'), ERA_SYS);
	assert_int_equal(fill(bench, 3, 1, 'd'), ERA_SYS);
	assert_int_equal(fill(bench, NR_BLOCKS, 1, 'd'), ERA_NO_SPACE);
	free(data);
}

/* Half of it is written; of one that failed otherwise, anything may be there. */
static void writes_that_fail_half_way(void **state)
{
	struct bench *bench = *state;
	struct census census;

	bench->sim.faults.write = 1;
	bench->sim.faults.short_write = true;
	assert_int_equal(fill(bench, 0, 2, 'a'), ERA_SYS);
	assert_int_equal(flush(bench), 0);
	assert_int_equal(letter_of(&bench->sim, 0), 'a');
	assert_int_equal(letter_of(&bench->sim, 1), '.');
	simdev_settle(&bench->sim);

	bench->sim.faults.write = 1;
	assert_int_equal(fill(bench, 1, 1, 'b'), ERA_SYS);
	assert_int_equal(flush(bench), 0);
	simdev_promise(&bench->sim, 1);
	census = take_census(bench, 2);
	assert_true(seen(&census, "a.") && seen(&census, "ab") && seen(&census, "a/"));
	assert_int_equal(letter_of(&bench->sim, 1), '.');
}

static bool keeps_promise(void *ctx, struct simdev_stop *stop)
{
	struct blk_dev dev;
	bool good = !stop->promise || letter_of(stop->image, 0) == 'a';
	char dirt[META_BLOCK_SIZE] = "dirt";

	(void)ctx;
	strcpy(stop->why, "not there");
	assert_int_equal(simdev_dev(stop->image, &dev, NULL), 0);
	assert_int_equal(letter_of(stop->image, 7), '.');
	assert_int_equal(blk_dev_write(&dev, 7, 1, dirt), 0);
	blk_dev_close(&dev);
	return good;
}

/* A promise before its flush is found out; and what a judge writes is gone for the next. */
static void promises_are_judged(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(fill(bench, 0, 1, 'a') | flush(bench), 0);
	simdev_promise(&bench->sim, 1);
	simdev_for_each_stop(&bench->sim, &bench->how, keeps_promise, NULL, &bench->result);
	assert_int_equal(bench->result.bad, 0);

	bench->how.without_flush = 1;
	simdev_for_each_stop(&bench->sim, &bench->how, keeps_promise, NULL, &bench->result);
	assert_true(bench->result.bad);
	assert_non_null(strstr(bench->result.first_bad, "after promise 1: not there"));
}

/* Too many to try all: the extremes are there, and the work has a bound. */
static void many_writes(void **state)
{
	struct bench *bench = *state;
	struct census census;

	for (unsigned i = 0; i < 120; i++)
		assert_int_equal(fill(bench, i < 3 ? i : 3 + i % 60, 1, (char)('a' + i % 20)), 0);
	bench->how.states = 16;
	census = take_census(bench, 3);
	assert_int_equal(bench->result.stops, 121);
	assert_true(bench->result.states > 121 * 8 && bench->result.states < 121 * 24);
	assert_true(seen(&census, "...") && seen(&census, "abc") && seen(&census, ".bc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_write_in_all_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unflushed_writes_land_in_any_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_flush_is_an_end_to_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_block_written_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_flush_leaves_doubt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(faults_come_when_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(writes_that_fail_half_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(promises_are_judged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_writes, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("simdev", tests, NULL, NULL);
}
