/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Metadata in a file, for tests of what changes them; and the check as their judge. */
#ifndef ERA_TESTS_METADATA_FILE_H
#define ERA_TESTS_METADATA_FILE_H

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/dev.h"
#include "check/check.h"
#include "live/live.h"
#include "metadata/changes.h"
#include "metadata/map.h"
#include "ondisk/era_disk.h"
#include "open/open.h"

static inline void print_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];

	(void)ctx;
	problem_line(p, line, sizeof(line));
	fprintf(stderr, "# %s\n", line);
}

static inline void print_text(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "# %s\n", text);
}

static const struct report loud = {.problem = print_problem, .error = print_text};

/* A zeroed file of so many metadata blocks; its path goes into path. */
static inline void metadata_create(char path[static UNIT_PATH_MAX], uint64_t nr_blocks)
{
	int fd;

	unit_temporary(path, "unit");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(nr_blocks * META_BLOCK_SIZE)), 0);
	close(fd);
}

/* Sound, to the last reference. */
static inline void metadata_are_sound(const char *path)
{
	struct era_check_result result;

	assert_int_equal(era_check(path, ERA_CHECK_ALL, &loud, &result), 0);
	assert_true(result.live.walked);
	assert_int_equal(result.nr_fatal, 0);
	assert_int_equal(result.nr_non_fatal, 0);
}

/* The era of each of nr blocks, as the live view or the snapshot's has it. */
static inline void metadata_eras(const char *path, unsigned flags, uint32_t *eras, uint32_t nr)
{
	struct era_view *view;
	struct era_map *map;
	struct era_chunk chunk;
	uint32_t done = 0;
	int r;

	assert_int_equal(era_view_open(&view, path, flags, &loud), 0);
	assert_int_equal(era_view_sb(view)->nr_blocks, nr);
	assert_int_equal(era_map_open(&map, view), 0);
	while ((r = era_map_next(map, &chunk)) > 0) {
		memcpy(eras + chunk.first, chunk.eras, chunk.nr * sizeof(*eras));
		done += chunk.nr;
	}
	assert_int_equal(r, 0);
	assert_int_equal(done, nr);
	era_map_close(map);
	era_view_close(view);
}

#endif
