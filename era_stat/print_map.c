/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "era_stat/colours.h"
#include "era_stat/print.h"
#include "tools/human.h"

#define LABEL_WIDTH 11u /* an offset and a space */
#define MARGIN 1u
#define CELLS_STEP 16u
#define MAX_LINES 16u
#define NR_LEVELS 4u

/* Of a power of two of blocks each, so that lines begin at round offsets, too. */
static unsigned line_cells(const struct terminal *terminal)
{
	return (terminal->width - LABEL_WIDTH - MARGIN) / CELLS_STEP * CELLS_STEP;
}

unsigned map_max_cells(const struct terminal *terminal)
{
	return line_cells(terminal) * MAX_LINES;
}

static const char *const shades[][NR_LEVELS + 1] = {
	{".", ":", "+", "%", "#"},
	{"·", "▂", "▄", "▆", "█"},
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
	unsigned nr = (unsigned)answer->ages.nr;
	struct colour c = colour_of(rank, nr);

	if (answer->terminal.palette == PALETTE_TRUE)
		sink_printf(sink, "\033[38;2;%d;%d;%dm", c.red, c.green, c.blue);
	else if (answer->terminal.palette == PALETTE_256)
		sink_printf(sink, "\033[38;5;%um", colour_256(rank, nr));
}

/* What is unknown stands out, and what was never written does not. */
static void begin_cell(struct sink *sink, const struct answer *answer, const struct cell *cell)
{
	if (cell->age != AGE_NEVER && !cell->has_unknown)
		begin_colour(sink, answer, rank_of(answer, cell->age));
	else if (answer->terminal.palette != PALETTE_NONE)
		sink_printf(sink, "\033[%cm", cell->has_unknown ? '7' : '2');
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
			begin_cell(sink, answer, cell);
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

/* Text of items, none of which is broken. */
struct flow {
	struct sink *sink;
	unsigned column, width;
};

static struct flow flow_begin(struct sink *sink, const struct answer *answer)
{
	sink_printf(sink, "%*s", (int)LABEL_WIDTH, "");
	return (struct flow){sink, LABEL_WIDTH, answer->terminal.width};
}

static void flow_next(struct flow *flow, unsigned width, const char *space)
{
	if (flow->column == LABEL_WIDTH) {
		flow->column += width;
	} else if (flow->column + strlen(space) + width <= flow->width) {
		sink_printf(flow->sink, "%s", space);
		flow->column += (unsigned)strlen(space) + width;
	} else {
		sink_printf(flow->sink, "\n%*s", (int)LABEL_WIDTH, "");
		flow->column = LABEL_WIDTH + width;
	}
}

#define LEGEND_SPACE "  "
#define SWATCH_WIDTH 2u /* with the blank after it */

static void print_cell_alone(struct sink *sink, const struct answer *answer,
			     const struct cell *cell)
{
	begin_cell(sink, answer, cell);
	print_cell(sink, answer, cell);
	end_colour(sink, answer);
}

static void print_legend(struct sink *sink, const struct answer *answer)
{
	struct flow flow = flow_begin(sink, answer);

	for (unsigned i = 0; i < answer->ages.nr; i++) {
		char text[ROW_NAME_BYTES];
		const char *name = row_name(&answer->ages.row[i], text);

		flow_next(&flow, SWATCH_WIDTH + (unsigned)strlen(name), LEGEND_SPACE);
		print_swatch(sink, answer, i);
		sink_printf(sink, " %s", name);
	}
	flow_next(&flow, SWATCH_WIDTH + (unsigned)strlen("never"), LEGEND_SPACE);
	print_cell_alone(sink, answer, &(struct cell){.age = AGE_NEVER});
	sink_printf(sink, " never");
	if (answer->ages.nr_unknown) {
		flow_next(&flow, SWATCH_WIDTH + (unsigned)strlen("unknown"), LEGEND_SPACE);
		print_cell_alone(sink, answer, &(struct cell){.has_unknown = true});
		sink_printf(sink, " unknown");
	}
	sink_printf(sink, "\n");
}

static const char *share_words(const struct terminal *terminal)
{
	if (terminal->palette == PALETTE_NONE)
		return "capital: more than half of it";
	return terminal->utf8 ? "higher: more of it" : "denser: more of it";
}

static void print_key(struct sink *sink, const struct answer *answer)
{
	char size[HUMAN_SIZE_BYTES], cell[HUMAN_SIZE_BYTES + 16];
	const char *const items[] = {
		cell,
		"by its newest era;",
		share_words(&answer->terminal),
	};
	struct flow flow = flow_begin(sink, answer);

	snprintf(cell, sizeof(cell), "1 character: %s,",
		 human_size_rounded(bytes_of(answer->map.blocks_per_cell, &answer->facts), size));
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		flow_next(&flow, (unsigned)strlen(items[i]), " ");
		sink_printf(sink, "%s", items[i]);
	}
	sink_printf(sink, "\n");
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
