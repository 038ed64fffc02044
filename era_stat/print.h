/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What era stat prints, for people and as JSON. */
#ifndef ERA_STAT_PRINT_H
#define ERA_STAT_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sink.h"
#include "dmera/own.h"
#include "era_stat/rows.h"

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

/* UINT64_MAX: more than 64 bits can count. */
uint64_t bytes_of(uint64_t nr_blocks, const struct dmera_facts *facts);

#endif
