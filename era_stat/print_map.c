/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "era_stat/colours.h"
#include "era_stat/print.h"
#include "tools/human.h"

#define LABEL_WIDTH 11u /* an offset and a space */
#define MARGIN 1u
#define MAX_LINES 16u
#define NR_LEVELS 4u

static unsigned line_cells(const struct terminal *terminal)
{
	return terminal->width - LABEL_WIDTH - MARGIN;
}

unsigned map_max_cells(const struct terminal *terminal)
{
	return line_cells(terminal) * MAX_LINES;
}

static const char *const shades[][NR_LEVELS + 1] = {
	{".", ":", "+", "%", "#"},
	{"·", "░", "▒", "▓", "█"},
};

unsigned rank_of(const struct answer *answer, uint32_t age)
{
	const struct rows *ages = &answer->ages;
	uint32_t current = answer->map.current_era;
	unsigned i = 0;

	while (i + 1 < ages->nr && age_of(ages->row[i].last, current) < age)
		i++;
	return i;
}

static void begin_colour(struct sink *sink, const struct answer *answer, unsigned rank)
{
	struct colour c = colour_of(rank, (unsigned)answer->ages.nr);

	if (answer->terminal.palette == PALETTE_TRUE)
		sink_printf(sink, "\033[38;2;%d;%d;%dm", c.red, c.green, c.blue);
	else if (answer->terminal.palette == PALETTE_256)
		sink_printf(sink, "\033[38;5;%um", colour_256(c));
}

static void end_colour(struct sink *sink, const struct answer *answer)
{
	if (answer->terminal.palette != PALETTE_NONE)
		sink_printf(sink, "\033[0m");
}

/* Capital where at least half of the cell is of that age. */
static char letter_of(unsigned rank, unsigned level)
{
	unsigned letter = rank < 25 ? rank : 25;

	return (char)((level > NR_LEVELS / 2 ? 'A' : 'a') + (int)letter);
}

static void print_cell(struct sink *sink, const struct answer *answer, const struct cell *cell)
{
	const char *const *shade = shades[answer->terminal.utf8];
	unsigned level = cell_level(cell, NR_LEVELS);

	if (cell->has_unknown)
		sink_printf(sink, "?");
	else if (cell->age == AGE_NEVER)
		sink_printf(sink, "%s", shade[0]);
	else if (answer->terminal.palette == PALETTE_NONE)
		sink_printf(sink, "%c", letter_of(rank_of(answer, cell->age), level));
	else
		sink_printf(sink, "%s", shade[level]);
}

static bool same_colour(const struct cell *a, const struct cell *b)
{
	return a->age == b->age && a->has_unknown == b->has_unknown;
}

static void print_line(struct sink *sink, const struct answer *answer, uint32_t first, uint32_t end)
{
	const struct map *map = &answer->map;
	char offset[HUMAN_SIZE_BYTES];

	sink_printf(sink, "%*s ", (int)LABEL_WIDTH - 1,
		    human_size_rounded(bytes_of((uint64_t)first * map->blocks_per_cell,
						&answer->facts),
				       offset));
	for (uint32_t i = first; i < end; i++) {
		const struct cell *cell = &map->cells[i];

		if (i == first || !same_colour(cell, cell - 1)) {
			if (i != first)
				end_colour(sink, answer);
			if (cell->age != AGE_NEVER)
				begin_colour(sink, answer, rank_of(answer, cell->age));
		}
		print_cell(sink, answer, cell);
	}
	end_colour(sink, answer);
	sink_printf(sink, "\n");
}

static void print_swatch(struct sink *sink, const struct answer *answer, unsigned rank)
{
	if (answer->terminal.palette == PALETTE_NONE) {
		sink_printf(sink, "%c", letter_of(rank, NR_LEVELS));
		return;
	}
	begin_colour(sink, answer, rank);
	sink_printf(sink, "%s", shades[answer->terminal.utf8][NR_LEVELS]);
	end_colour(sink, answer);
}

static void print_legend(struct sink *sink, const struct answer *answer)
{
	unsigned column = LABEL_WIDTH;

	sink_printf(sink, "%*s", (int)LABEL_WIDTH, "");
	for (unsigned i = 0; i < answer->ages.nr; i++) {
		char text[ROW_NAME_BYTES];
		unsigned width = (unsigned)strlen(row_name(&answer->ages.row[i], text)) + 4;

		if (column + width > answer->terminal.width) {
			sink_printf(sink, "\n%*s", (int)LABEL_WIDTH, "");
			column = LABEL_WIDTH;
		}
		print_swatch(sink, answer, i);
		sink_printf(sink, " %s  ", text);
		column += width;
	}
	sink_printf(sink, "%s never%s\n", shades[answer->terminal.utf8][0],
		    answer->ages.nr_unknown ? "  ? unknown" : "");
}

static void print_key(struct sink *sink, const struct answer *answer)
{
	bool letters = answer->terminal.palette == PALETTE_NONE;
	char cell[HUMAN_SIZE_BYTES];

	sink_printf(sink, "%*s1 character is %s, %s:\n", (int)LABEL_WIDTH, "",
		    human_size_rounded(bytes_of(answer->map.blocks_per_cell, &answer->facts), cell),
		    letters ? "by its newest era; capital: more than half of it"
			    : "by its newest era; fuller: more of it");
}

void print_map(struct sink *sink, const struct answer *answer)
{
	const struct map *map = &answer->map;
	uint32_t per_line = line_cells(&answer->terminal);

	for (uint32_t i = 0; i < map->nr_cells && !sink_failed(sink); i += per_line)
		print_line(sink, answer, i,
			   map->nr_cells - i < per_line ? map->nr_cells : i + per_line);
	print_key(sink, answer);
	print_legend(sink, answer);
	sink_printf(sink, "\n");
}
