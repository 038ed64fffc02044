/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_mark/ranges.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/decimal.h"
#include "base/source.h"
#include "base/utf8.h"

#define PIECE_BYTES 65536u
#define LINE_MAX_BYTES 64u

struct reader {
	struct ranges *to;
	struct source source;
	uint64_t nr_lines;
	size_t len; /* of the line so far */
	char line[LINE_MAX_BYTES];
};

static int refuse_line(const struct reader *reader)
{
	char shown[4 * LINE_MAX_BYTES + 1], text[LINE_MAX_BYTES + 1];

	memcpy(text, reader->line, reader->len);
	text[reader->len] = '\0';
	utf8_escape(text, shown, sizeof(shown));
	return report_fail(reader->source.rep, ERA_DAMAGED,
			   "%s: line %" PRIu64
			   ": found '%s', wanted an offset and a length above 0, with a space "
			   "between",
			   reader->source.name, reader->nr_lines, shown);
}

static int refuse_place(const struct reader *reader)
{
	return report_fail(reader->source.rep, ERA_DAMAGED,
			   "%s: line %" PRIu64
			   ": found '%.*s', which is not on the device: it ends "
			   "at %" PRIu64,
			   reader->source.name, reader->nr_lines, (int)reader->len, reader->line,
			   reader->to->nr_blocks * reader->to->block_units);
}

static int add_range(const struct reader *reader, uint64_t at, uint64_t len)
{
	const struct ranges *to = reader->to;
	uint64_t end = to->nr_blocks * to->block_units, first, last;

	if (at > end || len > end - at)
		return refuse_place(reader);
	first = at / to->block_units;
	last = (at + len - 1) / to->block_units;
	bits_set_range(to->bits, first, last - first + 1);
	return 0;
}

static int end_line(struct reader *reader)
{
	const char *space = memchr(reader->line, ' ', reader->len);
	size_t head = space ? (size_t)(space - reader->line) : 0;
	uint64_t at, len;

	reader->nr_lines++;
	if (!space || !decimal_parse(reader->line, head, UINT64_MAX, &at) ||
	    !decimal_parse(space + 1, reader->len - head - 1, UINT64_MAX, &len) || !len)
		return refuse_line(reader);
	return add_range(reader, at, len);
}

static int take(struct reader *reader, const char *text, size_t nr)
{
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++) {
		if (text[i] == '\n') {
			r = end_line(reader);
			reader->len = 0;
		} else if (reader->len < LINE_MAX_BYTES) {
			reader->line[reader->len++] = text[i];
		} else {
			reader->nr_lines++;
			r = refuse_line(reader);
		}
	}
	return r;
}

static int refuse_half_line(const struct reader *reader)
{
	return report_fail(reader->source.rep, ERA_DAMAGED,
			   "%s: line %" PRIu64
			   ": has no newline at its end, so the list was cut off: make it again",
			   reader->source.name, reader->nr_lines + 1);
}

static int read_all(struct reader *reader)
{
	char piece[PIECE_BYTES];
	int n, r = 0;

	do {
		n = source_read(&reader->source, piece, sizeof(piece));
		r = n < 0 ? n : take(reader, piece, (size_t)n);
	} while (n > 0 && !r);
	return !r && reader->len ? refuse_half_line(reader) : r;
}

/* So ends a command that has refused to make a list. */
static int refuse_empty(const struct reader *reader)
{
	return report_fail(reader->source.rep, ERA_DAMAGED,
			   "%s: lists nothing, so there is nothing to mark; did the command fail "
			   "that made it?",
			   reader->source.name);
}

int ranges_read(struct ranges *ranges, const char *path, const struct report *rep)
{
	struct reader reader = {.to = ranges};
	int r = source_open(&reader.source, path, rep);

	if (r)
		return r;
	r = read_all(&reader);
	if (!r && !reader.nr_lines)
		r = refuse_empty(&reader);
	source_close(&reader.source);
	return r;
}
