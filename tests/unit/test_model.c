/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Random metadata in three forms: arrays in memory, built on a file, and read again.  What the era
 * map, the streams and the check say of the file must be what the arrays hold.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/validate.h"
#include "build/build.h"
#include "check/check.h"
#include "metadata/changes.h"
#include "metadata/map.h"
#include "metadata/stream.h"
#include "ondisk/era_disk.h"
#include "open/open.h"

#define MAX_WRITESETS 1200u
#define MAX_WORDS 1200u

struct model_writeset {
	uint32_t era, nr_bits;
	uint64_t words[MAX_WORDS];
};

struct model {
	struct era_header header;
	uint32_t nr_writesets;
	struct model_writeset writesets[MAX_WRITESETS];
	uint32_t *eras;
};

static char path[UNIT_PATH_MAX];

static void fill_writeset(struct model_writeset *ws, uint64_t *seed)
{
	unsigned kind = unit_random(seed) % 4;

	memset(ws->words, 0, sizeof(ws->words));
	for (uint32_t i = 0; i < ws->nr_bits; i++)
		if (kind == 0 || (kind == 1 && unit_random(seed) % 10 == 0) ||
		    (kind == 2 && i / 100 % 7 == 0))
			bits_set(ws->words, i);
}

static void make_model(struct model *model, uint32_t nr_blocks, uint32_t nr_writesets,
		       uint64_t *seed)
{
	uint32_t era = 1 + unit_random(seed) % 5;

	model->nr_writesets = nr_writesets;
	for (uint32_t i = 0; i < nr_writesets; i++) {
		uint32_t other = unit_random(seed) % (MAX_WORDS * 64);
		bool resized = nr_blocks > MAX_WORDS * 64 || unit_random(seed) % 4 == 0;

		model->writesets[i].era = era;
		model->writesets[i].nr_bits = resized ? other : nr_blocks;
		fill_writeset(&model->writesets[i], seed);
		era += 1 + unit_random(seed) % 3;
	}
	model->header = (struct era_header){8 * (1 + unit_random(seed) % 5), nr_blocks, era};
	model->eras = calloc(nr_blocks + 1u, sizeof(*model->eras));
	assert_non_null(model->eras);
	for (uint32_t i = 0; i < nr_blocks; i++)
		model->eras[i] = unit_random(seed) % (era + 1);
}

static uint32_t model_era(const struct model *model, uint32_t block)
{
	uint32_t era = model->eras[block];

	for (uint32_t i = 0; i < model->nr_writesets; i++) {
		const struct model_writeset *ws = &model->writesets[i];

		if (block < ws->nr_bits && bits_test(ws->words, block) && ws->era > era)
			era = ws->era;
	}
	return era;
}

static void feed(const struct model *model, const struct era_stream *to)
{
	assert_int_equal(to->begin(to->ctx, &model->header), 0);
	for (uint32_t i = 0; i < model->nr_writesets; i++) {
		const struct model_writeset *ws = &model->writesets[i];

		assert_int_equal(to->writeset_begin(to->ctx, ws->era, ws->nr_bits), 0);
		assert_int_equal(to->words(to->ctx, ws->words, (uint32_t)bits_words(ws->nr_bits)),
				 0);
		assert_int_equal(to->writeset_end(to->ctx), 0);
	}
	assert_int_equal(to->array_begin(to->ctx), 0);
	assert_int_equal(to->eras(to->ctx, model->eras, model->header.nr_blocks), 0);
	assert_int_equal(to->array_end(to->ctx), 0);
	assert_int_equal(to->end(to->ctx), 0);
}

static void build_file(const struct model *model)
{
	struct era_build *build;
	struct era_stream stream;

	unlink(path);
	assert_int_equal(era_build_open(&build, path, false, NULL), 0);
	stream = era_build_stream(build);
	feed(model, &stream);
	assert_int_equal(era_build_commit(build), 0);
	era_build_close(build);
}

/* A stream that compares what it is given with the model. */
struct compare {
	const struct model *model;
	uint32_t writeset;
	uint64_t next;
	bool ended;
};

static int on_begin(void *ctx, const struct era_header *header)
{
	struct compare *c = ctx;

	assert_memory_equal(header, &c->model->header, sizeof(*header));
	return 0;
}

static int on_writeset_begin(void *ctx, uint32_t era, uint32_t nr_bits)
{
	struct compare *c = ctx;

	assert_int_equal(era, c->model->writesets[c->writeset].era);
	assert_int_equal(nr_bits, c->model->writesets[c->writeset].nr_bits);
	c->next = 0;
	return 0;
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	struct compare *c = ctx;

	assert_memory_equal(words, c->model->writesets[c->writeset].words + c->next,
			    nr * sizeof(*words));
	c->next += nr;
	return 0;
}

static int on_writeset_end(void *ctx)
{
	struct compare *c = ctx;

	assert_int_equal(c->next, bits_words(c->model->writesets[c->writeset].nr_bits));
	c->writeset++;
	return 0;
}

static int on_array_begin(void *ctx)
{
	((struct compare *)ctx)->next = 0;
	return 0;
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct compare *c = ctx;

	assert_memory_equal(eras, c->model->eras + c->next, nr * sizeof(*eras));
	c->next += nr;
	return 0;
}

static int on_array_end(void *ctx)
{
	struct compare *c = ctx;

	assert_int_equal(c->next, c->model->header.nr_blocks);
	return 0;
}

static int on_end(void *ctx)
{
	((struct compare *)ctx)->ended = true;
	return 0;
}

static void check_stream(const struct model *model)
{
	struct compare c = {.model = model};
	const struct era_stream stream = {&c,	    on_begin,	     on_writeset_begin,
					  on_words, on_writeset_end, on_array_begin,
					  on_eras,  on_array_end,    on_end};
	struct era_losses losses;
	struct era_view *view;

	assert_int_equal(era_view_open(&view, path, 0, NULL), 0);
	assert_int_equal(era_stream_view(view, &stream, &losses), 0);
	era_view_close(view);
	assert_true(c.ended);
	assert_int_equal(c.writeset, model->nr_writesets);
}

static void check_map(const struct model *model)
{
	struct era_chunk chunk;
	struct era_view *view;
	struct era_map *map;
	uint32_t next = 0;

	assert_int_equal(era_view_open(&view, path, 0, NULL), 0);
	assert_int_equal(era_map_open(&map, view), 0);
	while (era_map_next(map, &chunk) == 1) {
		assert_int_equal(chunk.first, next);
		for (uint32_t i = 0; i < chunk.nr; i++, next++)
			assert_int_equal(chunk.eras[i], model_era(model, next));
		assert_int_equal(bits_count(chunk.lost, chunk.nr), 0);
	}
	assert_int_equal(next, model->header.nr_blocks);
	era_map_close(map);
	era_view_close(view);
}

static void check_changes(const struct model *model, uint32_t since)
{
	struct era_changes changes;
	struct era_view *view;

	assert_int_equal(era_view_open(&view, path, 0, NULL), 0);
	assert_int_equal(era_changes_read(view, since, &changes), 0);
	for (uint32_t i = 0; i < model->header.nr_blocks; i++)
		assert_int_equal(bits_test(changes.bits, i), model_era(model, i) >= since);
	era_changes_free(&changes);
	era_view_close(view);
}

static void check_file(const struct model *model)
{
	struct era_check_result result;

	assert_int_equal(era_check(path, ERA_CHECK_ALL, NULL, &result), 0);
	assert_int_equal(result.nr_fatal, 0);
	assert_int_equal(result.nr_non_fatal, 0);
	assert_int_equal(result.live.nr_writesets, model->nr_writesets);
	assert_int_equal(result.nr_reachable, result.live.sb.sm.nr_allocated);
}

static void try(uint32_t nr_blocks, uint32_t nr_writesets, uint64_t *seed)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	make_model(model, nr_blocks, nr_writesets, seed);
	build_file(model);
	check_file(model);
	check_stream(model);
	check_map(model);
	check_changes(model, model->header.current_era / 2);
	free(model->eras);
	free(model);
}

static void sizes_at_the_edges(void **state)
{
	static const uint32_t sizes[] = {0,    1,    63,   64,	 65,   1017,  1018,
					 1019, 2036, 4095, 4096, 4097, 32576, 32577};
	uint64_t seed = 3;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		try(sizes[i], 3, &seed);
}

static void random_sizes(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (int i = 0; i < 12; i++)
		try(unit_random(&seed) % (MAX_WORDS * 64), unit_random(&seed) % 12, &seed);
}

/* The era array needs a second level of nodes above 252 * 1018 blocks, the writesets above 201. */
static void trees_with_levels(void **state)
{
	uint64_t seed = 5;

	(void)state;
	try(300000, 2, &seed);
	try(900, 300, &seed);
}

/* More than the map has cursors for at a time. */
static void writesets_in_passes(void **state)
{
	uint64_t seed = 6;

	(void)state;
	try(4200, 513, &seed);
	try(5000, MAX_WRITESETS, &seed);
}

static int lowest_free_descriptor(void)
{
	int fd = dup(STDIN_FILENO);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* From 1200 writesets come two passes: the file of the first is open when the second wants one. */
static void no_descriptor_is_left_by_passes_that_fail(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct rlimit before, few;
	struct era_view *view;
	struct era_map *map;
	uint64_t seed = 8;
	int lowest;

	(void)state;
	assert_non_null(model);
	make_model(model, 5000, MAX_WRITESETS, &seed);
	build_file(model);
	assert_int_equal(era_view_open(&view, path, 0, NULL), 0);
	lowest = lowest_free_descriptor();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (unsigned room = 0; room < 2; room++) {
		few = before;
		few.rlim_cur = (rlim_t)lowest + room;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		assert_int_equal(era_map_open(&map, view), ERA_SYS);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(lowest_free_descriptor(), lowest);
	}
	era_view_close(view);
	free(model->eras);
	free(model);
}

/* The superblock's first bytes are its checksum: "<s" in one of many thousand. */
static void checksum_like_xml(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	union {
		struct superblock_disk sb;
		char bytes[META_BLOCK_SIZE];
	} block;
	FILE *file;
	uint64_t seed = 7;

	(void)state;
	assert_non_null(model);
	make_model(model, 100, 2, &seed);
	build_file(model);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fread(&block, sizeof(block), 1, file), 1);
	for (uint32_t n = 0; memcmp(block.bytes, "<s", 2); n++) {
		memcpy(block.sb.uuid, &n, sizeof(n));
		blk_seal((struct blk_rw){0, &block}, BLOCK_SUPERBLOCK);
	}
	rewind(file);
	assert_int_equal(fwrite(&block, sizeof(block), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	check_file(model);
	check_map(model);
	free(model->eras);
	free(model);
}

static int make_path(void **state)
{
	int fd;

	(void)state;
	unit_temporary(path, "model");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_at_the_edges),
		cmocka_unit_test(random_sizes),
		cmocka_unit_test(trees_with_levels),
		cmocka_unit_test(writesets_in_passes),
		cmocka_unit_test(no_descriptor_is_left_by_passes_that_fail),
		cmocka_unit_test(checksum_like_xml),
	};

	return cmocka_run_group_tests_name("model", tests, make_path, remove_path);
}
