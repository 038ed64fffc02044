/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A device as a picture of cells, each of which stands for the same number of blocks.
 *
 * A cell has the age of its newest block, and knows how many of its blocks are of that age: so a
 * single new block among thousands is seen, and seen to be few.
 */
#ifndef ERA_STAT_MAP_H
#define ERA_STAT_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/map.h"

#define AGE_NEVER UINT32_MAX /* no block was written */

struct cell {
	uint32_t age;
	uint32_t nr_blocks, nr_newest; /* in all, and of that age */
	bool has_unknown;
};

struct map {
	struct cell *cells;
	uint32_t nr_cells, blocks_per_cell;
	uint32_t current_era;
};

/* At most nr_cells, of a power of two of blocks, so that offsets are round.  Returns false if there
 * is no memory. */
bool map_make(struct map *map, uint64_t nr_blocks, uint32_t nr_cells,
	      uint32_t current_era) must_check;
void map_free(struct map *map);

/* Adds what it is shown to a map. */
struct era_chunk_listener map_listener(struct map *map);

/* How much of a cell is of its age: 1 .. nr_steps, or 0 for nothing. */
unsigned cell_level(const struct cell *cell, unsigned nr_steps);

#endif
