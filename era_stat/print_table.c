/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "era_stat/print.h"
#include "tools/human.h"

#define META_BLOCK_BYTES 4096u
#define COLUMNS "%*s %*" PRIu64 " %*s %6s %*" PRIu64 " %*s%s\n"
#define HEADINGS "%*s %*s %*s %6s %*s %*s\n"

uint64_t bytes_of(uint64_t nr_blocks, const struct dmera_facts *facts)
{
	uint64_t bytes;

	return checked_mul(nr_blocks, facts->block_size, &bytes) ? bytes : UINT64_MAX;
}

static const char *size_text(uint64_t bytes, bool exact, char *text)
{
	if (!exact)
		return human_size_rounded(bytes, text);
	snprintf(text, HUMAN_SIZE_BYTES, "%" PRIu64, bytes);
	return text;
}

const char *share_text(uint64_t part, uint64_t whole, char text[8])
{
	uint64_t tenths = whole ? (part * 1000 + whole / 2) / whole : 0;

	if (part && !tenths)
		return "<0.1%";
	if (part < whole && tenths == 1000)
		return ">99.9%";
	snprintf(text, 8, "%" PRIu64 ".%" PRIu64 "%%", tenths / 10 % 1000, tenths % 10);
	return text;
}

/* Of columns: all fit on 80 together, but for exact numbers of bytes that are long. */
struct widths {
	int name, blocks, size;
};

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static struct widths find_widths(const struct answer *answer)
{
	const struct dmera_facts *facts = &answer->facts;
	struct widths widths = {.name = sizeof("unknown") - 1, .blocks = sizeof("blocks") - 1};
	char text[ROW_NAME_BYTES];

	if (!answer->in_bytes)
		return (struct widths){.name = 21, .blocks = 10, .size = 10};
	for (size_t i = 0; i < answer->rows.nr; i++)
		widths.name =
			max_int(widths.name, (int)strlen(row_name(&answer->rows.row[i], text)));
	widths.blocks =
		max_int(widths.blocks, snprintf(NULL, 0, "%" PRIu64, (uint64_t)facts->nr_blocks));
	widths.size = max_int(sizeof("since"),
			      snprintf(NULL, 0, "%" PRIu64, bytes_of(facts->nr_blocks, facts)));
	return widths;
}

struct line {
	const char *name, *state;
	uint64_t nr_blocks, nr_since;
};

static void print_line(struct sink *sink, const struct answer *answer, struct widths w,
		       const struct line *line)
{
	char share[8], size[HUMAN_SIZE_BYTES], since[HUMAN_SIZE_BYTES];

	sink_printf(sink, COLUMNS, w.name, line->name, w.blocks, line->nr_blocks, w.size,
		    size_text(bytes_of(line->nr_blocks, &answer->facts), answer->in_bytes, size),
		    share_text(line->nr_blocks, answer->facts.nr_blocks, share), w.blocks,
		    line->nr_since, w.size,
		    size_text(bytes_of(line->nr_since, &answer->facts), answer->in_bytes, since),
		    line->state);
}

static void print_row(struct sink *sink, const struct answer *answer, struct widths widths,
		      const struct row *row)
{
	char name[ROW_NAME_BYTES];
	const struct line line = {
		.name = row_name(row, name),
		.state = row->is_current   ? " current"
			 : row->is_waiting ? " waiting"
					   : "",
		.nr_blocks = row->nr_blocks,
		.nr_since = row->nr_since,
	};

	print_line(sink, answer, widths, &line);
}

static void print_rows(struct sink *sink, const struct answer *answer)
{
	const struct rows *rows = &answer->rows;
	uint64_t nr_blocks = answer->facts.nr_blocks;
	struct widths w = find_widths(answer);

	sink_printf(sink, HEADINGS, w.name, "", w.blocks, "", w.size, "", "", w.blocks, "since",
		    w.size, "since");
	sink_printf(sink, HEADINGS, w.name, "era", w.blocks, "blocks", w.size, "size", "share",
		    w.blocks, "blocks", w.size, "size");
	if (rows->nr_unknown)
		print_line(sink, answer, w,
			   &(struct line){"unknown", "", rows->nr_unknown, rows->nr_unknown});
	for (size_t i = 0; i < rows->nr && !sink_failed(sink); i++)
		print_row(sink, answer, w, &rows->row[i]);
	if (rows->nr_never)
		print_line(sink, answer, w, &(struct line){"never", "", rows->nr_never, nr_blocks});
}

static void print_head(struct sink *sink, const struct answer *answer)
{
	const struct dmera_facts *facts = &answer->facts;
	char device[HUMAN_SIZE_BYTES], block[HUMAN_SIZE_BYTES];

	sink_printf(sink, "tracked device:    %s, %" PRIu64 " blocks of %s\n",
		    human_size(bytes_of(facts->nr_blocks, facts), device), facts->nr_blocks,
		    size_text(facts->block_size, answer->in_bytes, block));
	if (facts->flags & DMERA_IS_SNAPSHOT)
		sink_printf(sink,
			    "metadata snapshot: era %" PRIu32 " (live metadata: era %" PRIu32 ")\n",
			    facts->era, facts->live_era);
	else
		sink_printf(sink, "current era:       %" PRIu32 "%s\n", facts->era,
			    facts->flags & DMERA_HAS_SNAPSHOT ? ", a metadata snapshot is held"
							      : "");
	if (facts->era_to_remember)
		sink_printf(sink,
			    "era to remember:   %" PRIu32
			    ", if the device is copied as it is now\n",
			    facts->era_to_remember);
	sink_printf(sink, "\n");
}

static void print_foot(struct sink *sink, const struct answer *answer)
{
	const struct dmera_stat *stat = &answer->stat;
	char share[8];

	sink_printf(sink,
		    "\nmetadata:          %" PRIu64 " of %" PRIu64
		    " blocks of %u bytes in use (%s)\n",
		    stat->nr_metadata_used, stat->nr_metadata_blocks, META_BLOCK_BYTES,
		    share_text(stat->nr_metadata_used, stat->nr_metadata_blocks, share));
	if (stat->nr_waiting)
		sink_printf(sink, "to be digested:    %zu writeset%s\n", stat->nr_waiting,
			    stat->nr_waiting == 1 ? "" : "s");
}

void print_table(struct sink *sink, const struct answer *answer)
{
	print_head(sink, answer);
	print_rows(sink, answer);
	print_foot(sink, answer);
}

void print_sum(struct sink *sink, const struct sum_answer *answer)
{
	char size[HUMAN_SIZE_BYTES];

	sink_printf(sink, "%" PRIu64 " blocks, %s, written in era %" PRIu32 " or later\n",
		    answer->nr_blocks,
		    answer->in_bytes
			    ? size_text(bytes_of(answer->nr_blocks, &answer->facts), true, size)
			    : human_size(bytes_of(answer->nr_blocks, &answer->facts), size),
		    answer->since);
}
