/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_stat/map.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "era_stat/rows.h"

bool map_make(struct map *map, uint64_t nr_blocks, uint32_t nr_cells, uint32_t current_era)
{
	uint64_t per_cell = 1;

	while (div_up(nr_blocks, per_cell) > nr_cells)
		per_cell *= 2;
	*map = (struct map){
		.nr_cells = (uint32_t)div_up(nr_blocks, per_cell),
		.blocks_per_cell = (uint32_t)per_cell,
		.current_era = current_era,
	};
	map->cells = calloc(map->nr_cells + 1u, sizeof(*map->cells));
	for (uint32_t i = 0; map->cells && i < map->nr_cells; i++)
		map->cells[i].age = AGE_NEVER;
	return map->cells;
}

void map_free(struct map *map)
{
	free(map->cells);
}

static void add_block(struct cell *cell, uint32_t age)
{
	cell->nr_blocks++;
	if (age < cell->age) {
		cell->age = age;
		cell->nr_newest = 0;
	}
	cell->nr_newest += age != AGE_NEVER && age == cell->age;
}

static void on_chunk(void *ctx, const struct era_chunk *chunk)
{
	const struct map *map = ctx;

	for (uint32_t i = 0; i < chunk->nr; i++) {
		struct cell *cell = &map->cells[(chunk->first + i) / map->blocks_per_cell];
		uint32_t era = chunk->eras[i];

		cell->has_unknown |= bits_test(chunk->lost, i);
		add_block(cell, era ? age_of(era, map->current_era) : AGE_NEVER);
	}
}

struct era_chunk_listener map_listener(struct map *map)
{
	return (struct era_chunk_listener){.ctx = map, .on_chunk = on_chunk};
}

unsigned cell_level(const struct cell *cell, unsigned nr_steps)
{
	if (!cell->nr_newest)
		return 0;
	return (unsigned)div_up((uint64_t)cell->nr_newest * nr_steps, cell->nr_blocks);
}
