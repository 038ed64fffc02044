/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
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
#include "output/json.h"

/* All that is known of the metadata. */
struct answer {
	const char *path;
	bool in_bytes; /* sizes are exact */
	struct dmera_facts facts;
	struct dmera_stat stat;
	struct rows rows;
	/* For a picture alone, else empty: */
	struct terminal terminal;
	struct map map;
	struct rows ages; /* by ROWS_AGES */
};

void print_table(struct sink *sink, const struct answer *answer);
/* As the members of a document; ctx: a struct answer. */
void print_json(struct json *json, const void *ctx);

/* The cells that fit on all lines of a map in a terminal. */
unsigned map_max_cells(const struct terminal *terminal);
void print_map(struct sink *sink, const struct answer *answer);

#define SVG_MAX_CELLS 6144u
void print_svg(struct sink *sink, const struct answer *answer);

/* The number of the age among those that have a row. */
unsigned rank_of(const struct answer *answer, uint32_t age);

struct sum_answer {
	bool in_bytes;
	struct dmera_facts facts;
	uint32_t since;
	uint64_t nr_blocks, nr_unknown;
};

void print_sum(struct sink *sink, const struct sum_answer *answer);
/* ctx: a struct sum_answer. */
void print_sum_json(struct json *json, const void *ctx);

/* UINT64_MAX: more than 64 bits can count. */
uint64_t bytes_of(uint64_t nr_blocks, const struct dmera_facts *facts);

/* In percent, to one decimal: something is never shown as nothing, and only all as all.  Returns
 * text or a constant. */
const char *share_text(uint64_t part, uint64_t whole, char text[8]);

#endif
