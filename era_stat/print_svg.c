/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The map as a picture, and under it a table with one bar for each age, which is its legend. */
#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"
#include "era_stat/colours.h"
#include "era_stat/print.h"
#include "tools/human.h"
#include "xml/escape.h"

#define CELL 7u
#define PER_LINE 128u
#define LEFT 92u
#define TOP 64u
#define RIGHT (LEFT + PER_LINE * CELL)
#define WIDTH (RIGHT + 12u)
#define BAR_LEFT 232u
#define BAR_WIDTH 460u
#define BAR_STEP 20u
#define SHARE_RIGHT (RIGHT - 92u)
#define NR_LEVELS 8u
#define FAINTEST 0.35

/* Light, unless whoever looks at it prefers dark; what knows no styles takes the attributes. */
static const char style[] =
	"<style>\n"
	"@media (prefers-color-scheme: dark) {\n"
	".page { fill: #16181d } .never { fill: #2c3038 } text { fill: #dddddd }\n"
	"}\n"
	"</style>\n";

static uint32_t nr_lines(const struct map *map)
{
	return (map->nr_cells + PER_LINE - 1) / PER_LINE;
}

static void put_text(struct sink *sink, const char *text)
{
	char line[1024];

	utf8_escape(text, line, sizeof(line));
	xml_put_escaped(sink, line);
}

static void put_fill(struct sink *sink, const struct answer *answer, unsigned rank)
{
	struct colour c = colour_of(rank, (unsigned)answer->ages.nr);

	sink_printf(sink, " fill=\"#%02x%02x%02x\"", c.red, c.green, c.blue);
}

static bool looks_like(const struct cell *a, const struct cell *b)
{
	return a->age == b->age && a->has_unknown == b->has_unknown &&
	       cell_level(a, NR_LEVELS) == cell_level(b, NR_LEVELS);
}

/* What is side by side and looks the same is one rectangle. */
static void put_cells(struct sink *sink, const struct answer *answer, uint32_t first, uint32_t nr)
{
	const struct cell *cell = &answer->map.cells[first];

	if (cell->age == AGE_NEVER && !cell->has_unknown)
		return;
	sink_printf(sink, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"",
		    LEFT + first % PER_LINE * CELL, TOP + first / PER_LINE * CELL, nr * CELL,
		    CELL - 1);
	if (cell->has_unknown)
		sink_printf(sink, " fill=\"#d00000\"");
	else
		put_fill(sink, answer, rank_of(answer, cell->age));
	sink_printf(sink, " fill-opacity=\"%.2f\"/>\n",
		    FAINTEST + (1 - FAINTEST) * cell_level(cell, NR_LEVELS) / NR_LEVELS);
}

static void put_map(struct sink *sink, const struct answer *answer)
{
	const struct map *map = &answer->map;

	sink_printf(sink,
		    "<rect class=\"never\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" "
		    "fill=\"#e9e9e9\"/>\n",
		    LEFT, TOP, PER_LINE * CELL, nr_lines(map) * CELL);
	for (uint32_t i = 0; i < map->nr_cells && !sink_failed(sink);) {
		uint32_t nr = 1;

		while ((i + nr) % PER_LINE && i + nr < map->nr_cells &&
		       looks_like(&map->cells[i], &map->cells[i + nr]))
			nr++;
		put_cells(sink, answer, i, nr);
		i += nr;
	}
}

/* Texts that end at x. */
static void put_right(struct sink *sink, unsigned x, unsigned y, const char *text)
{
	sink_printf(sink, "<text x=\"%u\" y=\"%u\" text-anchor=\"end\">", x, y);
	put_text(sink, text);
	sink_printf(sink, "</text>\n");
}

/* The offset of every fourth line. */
static void put_offsets(struct sink *sink, const struct answer *answer)
{
	const struct map *map = &answer->map;
	char offset[HUMAN_SIZE_BYTES];

	for (uint32_t line = 0; line < nr_lines(map); line += 4) {
		uint64_t first = (uint64_t)line * PER_LINE * map->blocks_per_cell;

		put_right(sink, LEFT - 8, TOP + line * CELL + CELL,
			  human_size_rounded(bytes_of(first, &answer->facts), offset));
	}
}

/* What is said of an age, or of what is unknown or was never written. */
struct bar {
	const char *name;
	uint64_t nr_blocks, nr_since;
	unsigned y;
};

static uint64_t longest_bar(const struct rows *ages)
{
	uint64_t most = ages->nr_never > ages->nr_unknown ? ages->nr_never : ages->nr_unknown;

	for (size_t i = 0; i < ages->nr; i++)
		if (ages->row[i].nr_blocks > most)
			most = ages->row[i].nr_blocks;
	return most ? most : 1;
}

/* After "<rect" and its colour. */
static void put_bar(struct sink *sink, const struct answer *answer, const struct bar *bar)
{
	const struct dmera_facts *facts = &answer->facts;
	double width = (double)bar->nr_blocks / (double)longest_bar(&answer->ages) * BAR_WIDTH;
	char size[HUMAN_SIZE_BYTES], since[HUMAN_SIZE_BYTES], share[8];
	unsigned base = bar->y + 11;

	sink_printf(sink, " x=\"%u\" y=\"%u\" width=\"%.1f\" height=\"%u\"/>\n", BAR_LEFT, bar->y,
		    width < 1 ? 1 : width, BAR_STEP - 6);
	put_right(sink, BAR_LEFT - 8, base, bar->name);
	sink_printf(sink, "<text x=\"%.1f\" y=\"%u\">%s</text>\n", BAR_LEFT + width + 8, base,
		    human_size_rounded(bytes_of(bar->nr_blocks, facts), size));
	put_right(sink, SHARE_RIGHT, base, share_text(bar->nr_blocks, facts->nr_blocks, share));
	put_right(sink, RIGHT, base, human_size_rounded(bytes_of(bar->nr_since, facts), since));
}

static void put_age(struct sink *sink, const struct answer *answer, unsigned rank, unsigned y)
{
	const struct row *row = &answer->ages.row[rank];
	char name[64];
	const struct bar bar = {name, row->nr_blocks, row->nr_since, y};

	if (row->first == row->last)
		snprintf(name, sizeof(name), "era %" PRIu32, row->first);
	else
		snprintf(name, sizeof(name), "eras %" PRIu32 " to %" PRIu32, row->first, row->last);
	sink_printf(sink, "<rect");
	put_fill(sink, answer, rank);
	put_bar(sink, answer, &bar);
}

static void put_headings(struct sink *sink, unsigned y)
{
	sink_printf(sink, "<g font-weight=\"bold\">\n");
	put_right(sink, BAR_LEFT - 8, y, "last written in");
	put_right(sink, SHARE_RIGHT, y, "share");
	put_right(sink, RIGHT, y, "since then");
	sink_printf(sink, "</g>\n");
}

static void put_bars(struct sink *sink, const struct answer *answer, unsigned y)
{
	const struct rows *ages = &answer->ages;
	uint64_t all = answer->facts.nr_blocks, unknown = ages->nr_unknown;

	put_headings(sink, y);
	y += BAR_STEP / 2;
	if (unknown) {
		sink_printf(sink, "<rect fill=\"#d00000\"");
		put_bar(sink, answer, &(struct bar){"unknown", unknown, unknown, y});
		y += BAR_STEP;
	}
	for (unsigned i = 0; i < ages->nr; i++, y += BAR_STEP)
		put_age(sink, answer, i, y);
	if (ages->nr_never) {
		sink_printf(sink, "<rect class=\"never\" fill=\"#dcdcdc\"");
		put_bar(sink, answer, &(struct bar){"never written", ages->nr_never, all, y});
	}
}

static unsigned nr_bars(const struct rows *ages)
{
	return (unsigned)ages->nr + !!ages->nr_unknown + !!ages->nr_never;
}

static void put_head(struct sink *sink, const struct answer *answer)
{
	const struct dmera_facts *facts = &answer->facts;
	char device[HUMAN_SIZE_BYTES], cell[HUMAN_SIZE_BYTES];

	sink_printf(sink, "<text x=\"12\" y=\"24\" font-size=\"16\">");
	put_text(sink, answer->path);
	sink_printf(sink, "</text>\n");
	sink_printf(sink,
		    "<text x=\"12\" y=\"46\">%s in era %" PRIu32
		    "; one cell is %s, in the colour of its newest era, the fainter the less of it"
		    "</text>\n",
		    human_size_rounded(bytes_of(facts->nr_blocks, facts), device), facts->era,
		    human_size_rounded(bytes_of(answer->map.blocks_per_cell, facts), cell));
}

void print_svg(struct sink *sink, const struct answer *answer)
{
	unsigned bars = TOP + nr_lines(&answer->map) * CELL + 32;
	unsigned height = bars + BAR_STEP / 2 + nr_bars(&answer->ages) * BAR_STEP + 12;

	sink_printf(sink,
		    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		    "viewBox=\"0 0 %u %u\" font-family=\"sans-serif\" font-size=\"12\" "
		    "fill=\"#202020\">\n"
		    "<title>",
		    WIDTH, height, WIDTH, height);
	put_text(sink, answer->path);
	sink_printf(sink,
		    "</title>\n%s<rect class=\"page\" width=\"%u\" height=\"%u\" "
		    "fill=\"#ffffff\"/>\n",
		    style, WIDTH, height);
	put_head(sink, answer);
	put_map(sink, answer);
	put_offsets(sink, answer);
	put_bars(sink, answer, bars);
	sink_printf(sink, "</svg>\n");
}
