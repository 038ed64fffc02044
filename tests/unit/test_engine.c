/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Random calls of the engine against a model that is one array: the last era of each block.  The
 * metadata lie on a simulated device; now and then they are checked and compared with the model,
 * block for block, the snapshot's view, too.  A block too many is as wrong as one too few.
 *
 * Room: a mark never lacks it, whatever was accepted before.  Where the metadata have the size that
 * is recommended, neither does a resume, and when all is digested a rollover has it again.
 *
 * ERA_ENGINE_CALLS and ERA_ENGINE_SEED in the environment make it longer, and another one.
 */
#include "metadata_file.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "build/size.h"
#include "open/open.h"
#include "target/engine/engine.h"
#include "tests/sim/simdev.h"

#define MAX_BLOCKS 70000u
#define BLOCK_SECTORS 8u
#define BLOCK_BYTES (BLOCK_SECTORS * 512u)
#define DEFAULT_CALLS 20000u

struct eras {
	uint32_t nr_blocks, era;
	uint32_t last[MAX_BLOCKS];
};

struct history {
	struct simdev sim;
	struct engine *engine;
	struct eras now, snapshot;
	uint64_t origin_bytes, seed, calls;
	uint32_t most_blocks; /* the metadata have the recommended size for so many; 0: less */
	bool held, ended;     /* ended: no room to begin */
	uint64_t nr_full, nr_checks;
};

static struct report quiet;

static uint32_t draw(struct history *h, uint32_t limit)
{
	return unit_random(&h->seed) % limit;
}

/* Where mistakes like to be. */
static uint32_t draw_nr_blocks(struct history *h)
{
	static const uint32_t edges[] = {1,    3,    63,    64,	   65,	  1017,	 1018,	    1019,
					 2036, 5000, 32575, 32576, 32577, 65152, MAX_BLOCKS};
	uint32_t edge = edges[draw(h, ARRAY_SIZE(edges))];
	uint32_t nr = draw(h, 3) ? edge : 1 + draw(h, edge);

	return h->most_blocks && nr > h->most_blocks ? h->most_blocks : nr;
}

static uint64_t draw_origin(struct history *h)
{
	return (uint64_t)draw_nr_blocks(h) * BLOCK_BYTES - draw(h, 2) * draw(h, BLOCK_BYTES);
}

static void open_engine(struct history *h)
{
	const struct engine_config config = {
		.block_sectors = BLOCK_SECTORS,
		.format = true,
		.manual_digest = true,
		.cache_blocks = draw(h, 2) ? 4 : 0,
		.rep = &quiet,
	};
	struct blk_dev dev;

	assert_int_equal(simdev_dev(&h->sim, &dev, NULL), 0);
	assert_int_equal(engine_open_dev(&h->engine, &dev, &config), 0);
}

static void set_eras(struct eras *eras, uint32_t first, uint32_t end, uint32_t era)
{
	for (uint32_t i = first; i < end; i++)
		eras->last[i] = era;
}

/* One that fails has found no room; nothing has changed then. */
static void resume(struct history *h, uint64_t origin_bytes)
{
	uint32_t nr_blocks = (uint32_t)div_up(origin_bytes, BLOCK_BYTES);
	int r = engine_resume(h->engine, origin_bytes);

	if (r) {
		assert_int_equal(r, ERA_NO_SPACE);
		assert_false(h->most_blocks);
		h->ended = true;
		return;
	}
	h->now.era++;
	if (h->origin_bytes % BLOCK_BYTES && h->now.nr_blocks && h->now.nr_blocks <= nr_blocks)
		h->now.last[h->now.nr_blocks - 1] = h->now.era;
	h->origin_bytes = origin_bytes;
	if (nr_blocks > h->now.nr_blocks)
		set_eras(&h->now, h->now.nr_blocks, nr_blocks, h->now.era);
	h->now.nr_blocks = nr_blocks;
	assert_int_equal(engine_nr_blocks(h->engine), nr_blocks);
}

static void compare_view(struct history *h, unsigned flags, const struct eras *eras)
{
	static uint32_t found[MAX_BLOCKS];
	struct era_view *view;
	struct era_map *map;
	struct era_chunk chunk;
	struct blk_dev dev;
	int r;

	assert_int_equal(simdev_dev(&h->sim, &dev, &loud), 0);
	assert_int_equal(era_view_open_dev(&view, &dev, flags), 0);
	assert_int_equal(era_view_sb(view)->nr_blocks, eras->nr_blocks);
	assert_int_equal(era_view_sb(view)->current_era, eras->era);
	assert_int_equal(era_map_open(&map, view), 0);
	while ((r = era_map_next(map, &chunk)) > 0)
		memcpy(found + chunk.first, chunk.eras, chunk.nr * sizeof(*found));
	assert_int_equal(r, 0);
	for (uint32_t i = 0; i < eras->nr_blocks; i++)
		if (found[i] != eras->last[i])
			fail_msg("block %u: era %u, not %u", i, found[i], eras->last[i]);
	era_map_close(map);
	era_view_close(view);
}

/* What is on the device, as anybody would find it who came now. */
static void check(struct history *h)
{
	struct era_check_result result;
	struct blk_dev dev;

	h->nr_checks++;
	assert_int_equal(simdev_dev(&h->sim, &dev, NULL), 0);
	assert_int_equal(era_check_dev(&dev, ERA_CHECK_ALL, &loud, &result), 0);
	blk_dev_close(&dev);
	assert_true(result.live.walked);
	assert_int_equal(result.nr_fatal + result.nr_non_fatal, 0);
	assert_int_equal(result.snapshot.present, h->held);
	compare_view(h, 0, &h->now);
	if (h->held)
		compare_view(h, ERA_VIEW_SNAPSHOT, &h->snapshot);
	simdev_settle(&h->sim);
}

static void do_mark(struct history *h)
{
	uint32_t nr = h->now.nr_blocks, most = draw(h, 8) ? 3 : draw(h, 3) ? 200 : nr;
	uint64_t offset = (uint64_t)draw(h, nr) * BLOCK_BYTES + draw(h, BLOCK_BYTES), len;
	struct engine_request req;

	offset = min_u64(offset, h->origin_bytes);
	len = min_u64((uint64_t)draw(h, most + 1) * BLOCK_BYTES + draw(h, 9000),
		      h->origin_bytes - offset);
	assert_int_equal(engine_mark(h->engine, offset, len, &req), 0);
	engine_done(h->engine, req);
	if (len)
		set_eras(&h->now, (uint32_t)(offset / BLOCK_BYTES),
			 (uint32_t)((offset + len - 1) / BLOCK_BYTES) + 1, h->now.era);
}

static bool is_read_only(struct history *h)
{
	char line[ENGINE_LINE_MAX];

	engine_status(h->engine, line, sizeof(line));
	return line[0] == 'E';
}

static void do_checkpoint(struct history *h)
{
	uint32_t era;

	int r = engine_checkpoint(h->engine, &era);

	if (r) {
		assert_int_equal(r, ERA_NO_SPACE);
		assert_false(is_read_only(h));
		h->nr_full++;
		return;
	}
	assert_int_equal(era, ++h->now.era);
}

static void do_take(struct history *h)
{
	uint32_t era;
	int r = engine_take_metadata_snap(h->engine, &era);

	if (r) {
		assert_int_equal(r, h->held ? ERA_SYS : ERA_NO_SPACE);
		assert_false(is_read_only(h));
		h->nr_full += !h->held;
		return;
	}
	assert_false(h->held);
	assert_int_equal(era, ++h->now.era);
	h->held = true;
	h->snapshot = h->now;
}

static void do_drop(struct history *h)
{
	assert_int_equal(engine_drop_metadata_snap(h->engine), h->held ? 0 : ERA_SYS);
	assert_false(is_read_only(h));
	h->held = false;
}

static void do_digest(struct history *h)
{
	uint32_t steps = draw(h, 30);

	while (steps-- && engine_digest(h->engine) == 1)
		;
	assert_false(is_read_only(h));
}

/* When nothing is left to digest, what was refused is accepted. */
static void do_heal(struct history *h)
{
	uint64_t nr_full = h->nr_full;

	while (engine_digest(h->engine) == 1)
		;
	if (draw(h, 2) || h->held)
		do_checkpoint(h);
	else
		do_take(h);
	assert_true(!h->most_blocks || h->nr_full == nr_full);
}

static void do_storm(struct history *h)
{
	uint32_t nr = draw(h, 300);

	while (nr--)
		do_checkpoint(h);
}

static void do_changes(struct history *h)
{
	static uint64_t bits[(MAX_BLOCKS + 63) / 64];
	uint32_t since = draw(h, h->now.era + 3);
	int r = engine_changes(h->engine, since, bits);

	assert_int_equal(r, since > h->now.era + 1 ? ERA_NO_ANSWER : 0);
	if (r)
		return;
	for (uint32_t i = 0; i < h->now.nr_blocks; i++)
		if (bits_test(bits, i) != (h->now.last[i] >= since))
			fail_msg("block %u since %u: era %u", i, since, h->now.last[i]);
}

/* One that has begun, of which no later one is told. */
struct told {
	const struct history *h;
	uint32_t most;
	uint64_t next;
};

static void on_eras(void *ctx, const struct era_chunk *chunk)
{
	struct told *told = ctx;

	assert_int_equal(chunk->first, told->next);
	for (uint32_t i = 0; i < chunk->nr; i++) {
		uint32_t era = told->h->now.last[chunk->first + i];

		if (chunk->eras[i] != (era < told->most ? era : told->most))
			fail_msg("block %" PRIu64 ": era %u, not %u", chunk->first + i,
				 chunk->eras[i], era);
	}
	told->next += chunk->nr;
}

static void do_eras(struct history *h)
{
	struct told told = {h, h->now.era - draw(h, 3) % h->now.era, 0};
	const struct era_chunk_listener listener = {&told, on_eras};
	_Atomic bool cancelled = true;
	struct superblock sb;

	engine_superblock(h->engine, &sb);
	assert_int_equal(sb.current_era, h->now.era);
	assert_int_equal(sb.nr_blocks, h->now.nr_blocks);
	assert_int_equal(engine_read_eras(h->engine, told.most, &listener, NULL), 0);
	assert_int_equal(told.next, h->now.nr_blocks);
	assert_int_equal(engine_read_eras(h->engine, told.most, &listener, &cancelled),
			 ERA_CANCELLED);
}

static void do_status(struct history *h)
{
	char line[ENGINE_LINE_MAX], era[32];

	engine_status(h->engine, line, sizeof(line));
	assert_memory_equal(line, "8 ", 2);
	snprintf(era, sizeof(era), " %" PRIu32 " ", h->now.era);
	assert_non_null(strstr(line, era));
	assert_int_equal(line[strlen(line) - 1] == '-', !h->held);
	assert_int_equal(engine_era(h->engine), h->now.era);
}

static void do_past_end(struct history *h)
{
	struct engine_request req;

	assert_int_equal(engine_mark(h->engine, h->origin_bytes, 1, &req), ERA_SYS);
	assert_int_equal(engine_mark(h->engine, 1, UINT64_MAX, &req), ERA_SYS);
}

static void do_suspend(struct history *h)
{
	struct engine_request req;

	assert_int_equal(engine_suspend(h->engine), 0);
	assert_int_equal(engine_mark(h->engine, 0, 1, &req), ERA_SYS);
	resume(h, draw(h, 3) ? h->origin_bytes : draw_origin(h));
}

static void do_stop(struct history *h)
{
	assert_int_equal(engine_suspend(h->engine), 0);
	engine_close(h->engine);
	check(h);
	open_engine(h);
	resume(h, draw(h, 3) ? h->origin_bytes : draw_origin(h));
}

static void do_crash(struct history *h)
{
	engine_close(h->engine);
	check(h);
	open_engine(h);
	resume(h, draw(h, 4) ? h->origin_bytes : draw_origin(h));
}

static const struct {
	void (*call)(struct history *h);
	unsigned weight;
} calls[] = {
	{do_mark, 600},	  {do_checkpoint, 60}, {do_take, 20},	{do_drop, 20},	  {do_digest, 60},
	{do_changes, 10}, {do_eras, 6},	       {do_status, 20}, {do_past_end, 2}, {do_suspend, 6},
	{do_stop, 4},	  {do_crash, 6},       {check, 15},	{do_heal, 10},	  {do_storm, 3},
};

static void call_any(struct history *h)
{
	unsigned total = 0, drawn, i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		total += calls[i].weight;
	drawn = draw(h, total);
	for (i = 0; drawn >= calls[i].weight; i++)
		drawn -= calls[i].weight;
	calls[i].call(h);
	h->calls++;
}

/* Mostly tight; more than one bitmap sometimes; else what is recommended for nr_blocks. */
static uint32_t draw_room(struct history *h, uint32_t nr_blocks)
{
	if (draw(h, 2)) {
		h->most_blocks = nr_blocks;
		return (uint32_t)era_size_recommended(nr_blocks);
	}
	return 20 + draw(h, 60) + (1 + draw(h, 4)) * (nr_blocks / 1000) +
	       (draw(h, 6) ? 0 : draw(h, 20000));
}

/* From a blank device until there is no room to go on, or some thousands of calls. */
static void run_history(struct history *h)
{
	uint64_t last = h->calls + 1 + draw(h, 4000);
	uint64_t origin_bytes;
	uint32_t room;

	h->most_blocks = 0;
	origin_bytes = draw_origin(h);
	room = draw_room(h, (uint32_t)div_up(origin_bytes, BLOCK_BYTES));
	h->held = h->ended = false;
	h->now.nr_blocks = h->now.era = 0;
	simdev_open(&h->sim, room);
	open_engine(h);
	resume(h, origin_bytes);
	while (!h->ended && h->calls < last)
		call_any(h);
	engine_close(h->engine);
	check(h);
	simdev_close(&h->sim);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_histories(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	uint64_t most = from_environment("ERA_ENGINE_CALLS", DEFAULT_CALLS);

	(void)state;
	assert_non_null(h);
	h->seed = from_environment("ERA_ENGINE_SEED", 1);
	while (h->calls < most) {
		uint64_t seed = h->seed;

		run_history(h);
		if (most > DEFAULT_CALLS && h->calls % 16 == 0)
			printf("# %" PRIu64 " calls, seed %" PRIu64 "\n", h->calls, seed);
	}
	printf("# %" PRIu64 " calls, %" PRIu64 " checks, %" PRIu64 " found no room\n", h->calls,
	       h->nr_checks, h->nr_full);
	assert_true(h->nr_full > 0 || most < DEFAULT_CALLS);
	free(h);
}

/* The kernel's digestion gives an entry the era of any writeset that names it, also an older one:
 * so when blocks come new to the array, no writeset may be left that has bits there. */
static void test_growth_leaves_no_old_bits(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct engine_request req;
	struct era_view *view;
	struct blk_dev dev;

	(void)state;
	assert_non_null(h);
	simdev_open(&h->sim, 100);
	open_engine(h);
	resume(h, 100 * BLOCK_BYTES);
	assert_int_equal(engine_checkpoint(h->engine, NULL), 0);
	assert_int_equal(engine_mark(h->engine, 80 * BLOCK_BYTES, 1, &req), 0);
	engine_done(h->engine, req);
	assert_int_equal(engine_suspend(h->engine), 0);
	resume(h, 50 * BLOCK_BYTES);
	assert_int_equal(engine_suspend(h->engine), 0);
	resume(h, 100 * BLOCK_BYTES);
	engine_close(h->engine);

	assert_int_equal(simdev_dev(&h->sim, &dev, NULL), 0);
	assert_int_equal(era_view_open_dev(&view, &dev, 0), 0);
	for (size_t i = 0; i < era_view_nr_writesets(view); i++)
		assert_true(era_view_writeset(view, i).is_current ||
			    era_view_writeset(view, i).nr_bits <= 50);
	era_view_close(view);
	simdev_close(&h->sim);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_leaves_no_old_bits),
		cmocka_unit_test(test_histories),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
