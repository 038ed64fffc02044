/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The rows of a table of eras. */
#ifndef ERA_STAT_ROWS_H
#define ERA_STAT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "dmera/own.h"

struct row {
	uint32_t first, last; /* eras */
	uint64_t nr_blocks;   /* that were last written in them */
	/* That were written in `first` or later, and what is unknown: what --written-since
	 * lists. */
	uint64_t nr_since;
	bool is_current, is_waiting; /* one of its eras is */
};

struct rows {
	struct row *row; /* the newest first, without era 0 */
	size_t nr;
	uint64_t nr_never; /* blocks of era 0 */
	uint64_t nr_unknown;
};

/* Eras by their distance from the current one: each of the newest is a class of its own, and from
 * there on all between one power of two and the next. */
#define NR_AGES 40u
unsigned age_of(uint32_t era, uint32_t current_era);

enum row_form {
	ROWS_ALL,  /* one for each era */
	ROWS_AGES, /* one for each age */
	ROWS_FIT,  /* one for each era, unless they are many */
};

/* Returns false if there is no memory. */
bool rows_make(struct rows *rows, const struct dmera_stat *stat, uint32_t current_era,
	       enum row_form form) must_check;

/* Also a zeroed one. */
void rows_free(struct rows *rows);

/* "3", or "3-5"; returns text, which has ROW_NAME_BYTES bytes. */
#define ROW_NAME_BYTES 32u
const char *row_name(const struct row *row, char *text);

#endif
