/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_stat/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* So many rows fit on a page. */
#define MAX_ROWS 24u
/* The distance of an era from the current one, below which it keeps a row of its own. */
#define OWN_ROWS 8u

unsigned age_of(uint32_t era, uint32_t current_era)
{
	uint32_t distance = current_era > era ? current_era - era : 0;
	unsigned age = OWN_ROWS;

	if (distance < OWN_ROWS)
		return distance;
	for (distance /= OWN_ROWS; distance > 1; distance /= 2)
		age++;
	return age;
}

static bool belongs_to(const struct row *row, const struct era_count *count, uint32_t current_era)
{
	return age_of(row->last, current_era) == age_of(count->last, current_era);
}

static void add_to(struct row *row, const struct era_count *count)
{
	row->first = count->first;
	row->nr_blocks += count->nr_blocks;
	row->nr_since += count->nr_blocks;
}

static void begin(struct rows *rows, const struct era_count *count)
{
	uint64_t newer = rows->nr ? rows->row[rows->nr - 1].nr_since : rows->nr_unknown;

	rows->row[rows->nr++] = (struct row){
		.first = count->first,
		.last = count->last,
		.nr_blocks = count->nr_blocks,
		.nr_since = newer + count->nr_blocks,
	};
}

static void fill(struct rows *rows, const struct era_counts *counts, uint32_t current_era,
		 enum row_form form)
{
	for (size_t i = counts->nr_rows; i-- > 0;) {
		const struct era_count *count = &counts->rows[i];

		if (!count->last)
			rows->nr_never = count->nr_blocks;
		else if (form == ROWS_AGES && rows->nr &&
			 belongs_to(&rows->row[rows->nr - 1], count, current_era))
			add_to(&rows->row[rows->nr - 1], count);
		else
			begin(rows, count);
	}
}

/* Both are in the order of eras, the rows from their end. */
static void mark_waiting(struct rows *rows, const struct dmera_stat *stat)
{
	size_t i = 0;

	for (size_t row = rows->nr; row-- > 0;) {
		while (i < stat->nr_waiting && stat->waiting[i] < rows->row[row].first)
			i++;
		rows->row[row].is_waiting =
			i < stat->nr_waiting && stat->waiting[i] <= rows->row[row].last;
	}
}

bool rows_make(struct rows *rows, const struct dmera_stat *stat, uint32_t current_era,
	       enum row_form form)
{
	const struct era_counts *counts = &stat->counts;

	*rows = (struct rows){
		.row = calloc(counts->nr_rows + 1, sizeof(*rows->row)),
		.nr_unknown = counts->nr_unknown,
	};
	if (!rows->row)
		return false;
	if (form == ROWS_FIT)
		form = counts->nr_rows > MAX_ROWS ? ROWS_AGES : ROWS_ALL;
	fill(rows, counts, current_era, form);
	for (size_t i = 0; i < rows->nr; i++)
		rows->row[i].is_current =
			rows->row[i].first <= current_era && current_era <= rows->row[i].last;
	mark_waiting(rows, stat);
	return true;
}

void rows_free(struct rows *rows)
{
	free(rows->row);
}

const char *row_name(const struct row *row, char *text)
{
	if (row->first == row->last)
		snprintf(text, ROW_NAME_BYTES, "%" PRIu32, row->first);
	else
		snprintf(text, ROW_NAME_BYTES, "%" PRIu32 "-%" PRIu32, row->first, row->last);
	return text;
}
