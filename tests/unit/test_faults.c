/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Read errors, at every block of kernel-written metadata and at every read.
 *
 * The check tells of each block that is in use and cannot be read.  A strict reader gives the whole
 * truth or ERA_SYS; one that repairs never an era below the true one, and the true ones when it met
 * no problem.
 */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "check/check.h"
#include "metadata/changes.h"
#include "metadata/map.h"
#include "ondisk/era_disk.h"
#include "open/open.h"
#include "tests/sim/simdev.h"

static const char *const images[] = {"002-crash", "022-snapshot-moved-on"};

/* An image of tests/images on a device of its size. */
static void load(struct simdev *sim, const char *name)
{
	const char *top = getenv("abs_top_srcdir");
	uint8_t *data = NULL;
	size_t size = 0;
	char path[4096];
	gzFile gz;
	int n;

	snprintf(path, sizeof(path), "%s/tests/images/%s/image.gz", top ? top : ".", name);
	gz = gzopen(path, "rb");
	assert_non_null(gz);
	do {
		data = realloc(data, size + (1u << 20));
		assert_non_null(data);
		n = gzread(gz, data + size, 1u << 20);
		assert_true(n >= 0);
		size += (size_t)n;
	} while (n);
	gzclose(gz);
	simdev_open(sim, size / META_BLOCK_SIZE);
	memcpy(sim->data, data, size);
	simdev_settle(sim);
	free(data);
}

static void open_dev(struct simdev *sim, struct blk_dev *dev, const struct report *rep)
{
	sim->reads = 0;
	assert_int_equal(simdev_dev(sim, dev, rep), 0);
}

/* Problems that were told, and whether one names a block that cannot be read. */
struct heard {
	unsigned nr, nr_fatal;
	bool names_block;
	uint64_t block;
};

static void on_problem(void *ctx, const struct problem *p)
{
	struct heard *heard = ctx;

	heard->nr++;
	heard->nr_fatal += problem_severity(p) == PROBLEM_FATAL;
	if (p->code == PROBLEM_READ && p->block == heard->block)
		heard->names_block = true;
}

/* Whether the check met the bad block; it says so then, and only then is anything wrong. */
static bool check_meets(struct simdev *sim, enum era_check_scope scope)
{
	struct heard heard = {.block = sim->faults.bad_block};
	const struct report rep = {.ctx = &heard, .problem = on_problem};
	struct era_check_result result;
	struct blk_dev dev;
	int r;

	open_dev(sim, &dev, &rep);
	r = era_check_dev(&dev, scope, &rep, &result);
	blk_dev_close(&dev);
	assert_int_equal(r, 0);
	assert_int_equal(heard.names_block, result.nr_read_errors != 0);
	assert_int_equal(heard.nr_fatal, result.nr_fatal);
	assert_int_equal(result.nr_fatal != 0, result.nr_read_errors != 0);
	return result.nr_read_errors;
}

static uint64_t count_reachable(struct simdev *sim)
{
	struct era_check_result result;
	struct blk_dev dev;

	open_dev(sim, &dev, NULL);
	assert_int_equal(era_check_dev(&dev, ERA_CHECK_ALL, NULL, &result), 0);
	blk_dev_close(&dev);
	return result.nr_reachable;
}

static void the_check_names_each_block(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		uint64_t nr_met = 0, nr_super = 0;
		struct simdev sim;

		load(&sim, images[i]);
		for (uint64_t block = 0; block < sim.nr_blocks; block++) {
			sim.faults.bad_block = block;
			nr_met += check_meets(&sim, ERA_CHECK_ALL);
			nr_super += check_meets(&sim, ERA_CHECK_SUPERBLOCK);
		}
		sim.faults.bad_block = SIMDEV_NO_BLOCK;
		assert_int_equal(nr_met, count_reachable(&sim));
		assert_int_equal(nr_super, 1);
		simdev_close(&sim);
	}
}

/* All eras of a view, and how its reading ended. */
struct answer {
	int r;
	uint32_t nr, *eras;
	uint64_t nr_problems;
};

static int read_eras(struct era_view *view, struct answer *answer)
{
	struct era_chunk chunk;
	struct era_map *map;
	int r = era_map_open(&map, view);

	if (r)
		return r;
	answer->eras = calloc(era_view_sb(view)->nr_blocks + 1u, sizeof(*answer->eras));
	assert_non_null(answer->eras);
	while ((r = era_map_next(map, &chunk)) > 0) {
		memcpy(answer->eras + chunk.first, chunk.eras, chunk.nr * sizeof(*chunk.eras));
		answer->nr += chunk.nr;
	}
	era_map_close(map);
	return r;
}

static struct answer ask(struct simdev *sim, unsigned flags)
{
	struct answer answer = {0};
	struct era_view *view;
	struct blk_dev dev;

	open_dev(sim, &dev, NULL);
	answer.r = era_view_open_dev(&view, &dev, flags);
	if (answer.r)
		return answer;
	answer.r = era_view_revalidate(view, read_eras(view, &answer));
	answer.nr_problems = era_view_nr_problems(view);
	era_view_close(view);
	return answer;
}

/* Nothing but a superblock may keep one that repairs from an answer. */
static void compare(const struct answer *right, const struct answer *got, unsigned flags)
{
	if (got->r) {
		assert_int_equal(got->r, ERA_SYS);
		return;
	}
	assert_int_equal(got->nr, right->nr);
	for (uint32_t i = 0; i < right->nr; i++) {
		assert_true(got->eras[i] >= right->eras[i]);
		if (!(flags & ERA_VIEW_REPAIR) || !got->nr_problems)
			assert_int_equal(got->eras[i], right->eras[i]);
	}
}

/* How often the answer was no, and how often less than exact. */
struct tally {
	unsigned nr_refused, nr_inexact;
};

static void try(struct simdev *sim, unsigned flags, const struct answer *right, struct tally *tally)
{
	struct answer got = ask(sim, flags);

	compare(right, &got, flags);
	tally->nr_refused += got.r != 0;
	tally->nr_inexact += got.nr_problems != 0;
	free(got.eras);
}

static struct tally try_blocks(struct simdev *sim, unsigned flags)
{
	struct answer right = ask(sim, flags & ERA_VIEW_SNAPSHOT);
	struct tally tally = {0, 0};

	assert_int_equal(right.r, 0);
	for (uint64_t block = 0; block < sim->nr_blocks; block++) {
		sim->faults.bad_block = block;
		try(sim, flags, &right, &tally);
	}
	sim->faults.bad_block = SIMDEV_NO_BLOCK;
	free(right.eras);
	return tally;
}

/* Each read fails once; then each read and all after it. */
static void try_reads(struct simdev *sim, unsigned flags)
{
	struct answer right = ask(sim, flags & ERA_VIEW_SNAPSHOT);
	uint64_t reads = sim->reads;
	struct tally tally = {0, 0};

	assert_true(reads > 3);
	for (unsigned lasting = 0; lasting < 2; lasting++)
		for (uint64_t n = 1; n <= reads; n++) {
			sim->faults.lasting = lasting;
			sim->faults.read = n;
			try(sim, flags, &right, &tally);
		}
	sim->faults.read = 0;
	assert_true(tally.nr_refused);
	free(right.eras);
}

static bool has_snapshot(const struct simdev *sim)
{
	const struct superblock_disk *sb = (const void *)sim->data;

	return le64_get(sb->metadata_snap);
}

static void answers_are_whole_or_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		struct simdev sim;

		load(&sim, images[i]);
		for (unsigned snapshot = 0; snapshot <= has_snapshot(&sim); snapshot++) {
			unsigned flags = snapshot ? ERA_VIEW_SNAPSHOT : 0;
			struct tally strict = try_blocks(&sim, flags);
			struct tally repair = try_blocks(&sim, flags | ERA_VIEW_REPAIR);

			assert_true(strict.nr_refused > 3);
			/* The superblocks, and where the number of blocks is not known any more. */
			assert_true(repair.nr_refused >= (snapshot ? 2 : 1));
			assert_true(repair.nr_refused < strict.nr_refused);
			assert_int_equal(repair.nr_refused + repair.nr_inexact, strict.nr_refused);
			try_reads(&sim, flags);
			try_reads(&sim, flags | ERA_VIEW_REPAIR);
		}
		simdev_close(&sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_check_names_each_block),
		cmocka_unit_test(answers_are_whole_or_none),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
