/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What era stat prints, for people and as JSON. */
#ifndef ERA_STAT_PRINT_H
#define ERA_STAT_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sink.h"
#include "dmera/own.h"
#include "era_stat/map.h"
#include "era_stat/rows.h"
#include "era_stat/terminal.h"

struct stat_answer {
	const char *path;
	const struct dmera_facts *facts;
	const struct dmera_stat *stat;
	const struct rows *rows;
	bool in_bytes; /* sizes are exact */
};

void print_table(struct sink *sink, const struct stat_answer *answer);
void print_json(struct sink *sink, const struct stat_answer *answer);

struct sum_answer {
	const char *path;
	const struct dmera_facts *facts;
	uint32_t since;
	uint64_t nr_blocks, nr_unknown;
	bool in_bytes;
};

void print_sum(struct sink *sink, const struct sum_answer *answer);
void print_sum_json(struct sink *sink, const struct sum_answer *answer);

struct map_answer {
	const char *path;
	const struct dmera_facts *facts;
	const struct map *map;
	const struct rows *ages; /* by ROWS_AGES */
	const struct terminal *terminal;
};

/* The cells that fit on a line, and on all lines of a map in a terminal. */
unsigned map_line_cells(const struct terminal *terminal);
unsigned map_max_cells(const struct terminal *terminal);

void print_map(struct sink *sink, const struct map_answer *answer);

#define SVG_MAX_CELLS 5600u
void print_svg(struct sink *sink, const struct map_answer *answer);

/* The number of the age among those that have a row. */
unsigned rank_of(const struct map_answer *answer, uint32_t age);

/* UINT64_MAX: more than 64 bits can count. */
uint64_t bytes_of(uint64_t nr_blocks, const struct dmera_facts *facts);

#endif
