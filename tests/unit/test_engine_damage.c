/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The engine on damaged metadata whose checksums are right: whatever it makes of them, it comes to
 * an end without a crash, and what it refuses it refuses with a reason.
 *
 * ERA_ENGINE_DAMAGES in the environment says how many.
 */
#include "metadata_file.h"

#include <string.h>

#include "base/bits.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"
#include "target/engine/engine.h"
#include "tests/sim/simdev.h"

#define SIM_BLOCKS 300u
#define NR_BLOCKS 40000u
#define BLOCK_BYTES 4096u
#define DEFAULT_DAMAGES 800u

static unsigned nr_reasons;

static void count_reason(void *ctx, const char *text)
{
	(void)ctx;
	assert_true(*text);
	nr_reasons++;
}

static void count_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];

	problem_line(p, line, sizeof(line));
	count_reason(ctx, line);
}

static const struct report counting = {.problem = count_problem, .error = count_reason};

static int open_engine(struct simdev *sim, struct engine **e)
{
	const struct engine_config config = {.block_sectors = 8,
					     .format = true,
					     .manual_digest = true,
					     .cache_blocks = 8,
					     .rep = &counting};
	struct blk_dev dev;

	assert_int_equal(simdev_dev(sim, &dev, &counting), 0);
	return engine_open_dev(e, &dev, &config);
}

static int mark(struct engine *e, uint64_t block, uint64_t nr)
{
	struct engine_request req;
	int r = engine_mark(e, block * BLOCK_BYTES, nr * BLOCK_BYTES, &req);

	if (!r)
		engine_done(e, req);
	return r;
}

/* Some of everything: three writesets, a held snapshot, a current writeset. */
static void make_metadata(struct simdev *sim)
{
	struct engine *e;

	assert_int_equal(open_engine(sim, &e), 0);
	assert_int_equal(engine_resume(e, (uint64_t)NR_BLOCKS * BLOCK_BYTES), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(mark(e, 1000 * i, 300), 0);
		assert_int_equal(mark(e, NR_BLOCKS - 1 - i, 1), 0);
		if (i == 1)
			assert_int_equal(engine_take_metadata_snap(e, NULL), 0);
		else
			assert_int_equal(engine_checkpoint(e, NULL), 0);
	}
	assert_int_equal(mark(e, 20000, 1), 0);
	engine_close(e);
	simdev_settle(sim);
}

/* A byte of a block, or a word of its header or first values; the superblock's clone, too. */
static void damage(struct simdev *sim, uint64_t *seed)
{
	enum block_type type = BLOCK_NONE;
	uint8_t *data;
	uint64_t nr = 0;

	while (type == BLOCK_NONE) {
		nr = unit_random(seed) % SIM_BLOCKS;
		data = sim->data + nr * META_BLOCK_SIZE;
		type = blk_recognise((struct blk_ro){nr, data});
	}
	if (unit_random(seed) % 8 == 0) {
		data[4 + unit_random(seed) % (META_BLOCK_SIZE - 4)] = (uint8_t)unit_random(seed);
	} else {
		uint32_t word = unit_random(seed) % (unit_random(seed) % 2 ? 300 : 70000);
		size_t at = 4 + 4 * (size_t)(unit_random(seed) % 70);

		memcpy(data + at, &word, sizeof(word));
	}
	blk_seal((struct blk_rw){nr, data}, type);
}

/* Every call there is; those after a failed one must fail, too, or do something. */
static void use(struct simdev *sim, uint32_t nr_blocks)
{
	static uint64_t bits[(ERA_MAX_BLOCKS >> 13) + 1];
	struct engine *e;
	unsigned before = nr_reasons, steps = 2000;
	int r = open_engine(sim, &e);

	if (r) {
		assert_true(nr_reasons > before);
		return;
	}
	r = engine_resume(e, (uint64_t)nr_blocks * BLOCK_BYTES);
	if (!r) {
		r |= mark(e, 0, 1000);
		r |= mark(e, nr_blocks - 1, 1);
		r |= engine_checkpoint(e, NULL);
		r |= engine_changes(e, 1, bits);
		while (steps-- && engine_digest(e) == 1)
			;
		r |= engine_drop_metadata_snap(e);
		r |= engine_take_metadata_snap(e, NULL);
		r |= mark(e, 0, nr_blocks);
		while (steps-- && engine_digest(e) == 1)
			;
		r |= engine_suspend(e);
	}
	assert_true(!r || nr_reasons > before);
	engine_close(e);
}

static void test_damage(void **state)
{
	const char *text = getenv("ERA_ENGINE_DAMAGES");
	unsigned long nr = text ? strtoul(text, NULL, 10) : DEFAULT_DAMAGES;
	uint8_t *sound = malloc(SIM_BLOCKS * META_BLOCK_SIZE);
	struct simdev sim;
	uint64_t seed = 11;

	(void)state;
	assert_non_null(sound);
	simdev_open(&sim, SIM_BLOCKS);
	make_metadata(&sim);
	memcpy(sound, sim.data, SIM_BLOCKS * META_BLOCK_SIZE);
	for (unsigned long i = 0; i < nr; i++) {
		memcpy(sim.data, sound, SIM_BLOCKS * META_BLOCK_SIZE);
		damage(&sim, &seed);
		use(&sim, i % 3 ? NR_BLOCKS : 1 + unit_random(&seed) % (2 * NR_BLOCKS));
		simdev_settle(&sim);
	}
	printf("# %lu damages, %u reasons\n", nr, nr_reasons);
	assert_true(nr_reasons > nr / 10);
	simdev_close(&sim);
	free(sound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests_name("engine damage", tests, NULL, NULL);
}
