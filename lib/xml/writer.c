/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Nearly all of a dump is one line a block, so those lines are put together from fixed pieces by
 * moves of a constant size; the sink's buffer has room to spare behind each line.  Nothing that was
 * just stored is loaded again, which would cost more than all the moves: what follows from a
 * block's era is kept as a piece for each of the last few eras.
 */
#include "xml/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/decimal.h"

#define LINE_MAX_BYTES 128u
#define ERAS_AT_ONCE 64u

#define PIECE(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct xml_piece bit_begin = PIECE("    <bit block=\"");
static const struct xml_piece bit_end[2] = {PIECE("\" value=\"false\"/>\n"),
					    PIECE("\" value=\"true\"/>\n")};
static const struct xml_piece era_begin = PIECE("    <era block=\"");

static inline char *put(char *to, const struct xml_piece *piece)
{
	memcpy(to, piece->text, XML_PIECE_BYTES);
	return to + piece->len;
}

static int on_begin(void *ctx, const struct era_header *header)
{
	struct xml_writer *w = ctx;

	sink_printf(w->sink,
		    "<superblock uuid=\"\" block_size=\"%" PRIu32 "\" nr_blocks=\"%" PRIu32
		    "\" current_era=\"%" PRIu32 "\">\n",
		    header->data_block_size, header->nr_blocks, header->current_era);
	return sink_failed(w->sink);
}

static int on_writeset_begin(void *ctx, uint32_t era, uint32_t nr_bits)
{
	struct xml_writer *w = ctx;

	w->nr_bits = nr_bits;
	w->next = w->run_begin = w->run_end = 0;
	sink_printf(w->sink, "  <writeset era=\"%" PRIu32 "\" nr_bits=\"%" PRIu32 "\">\n", era,
		    nr_bits);
	return sink_failed(w->sink);
}

static void write_bits(struct xml_writer *w, uint64_t word, uint32_t nr)
{
	char *start = sink_reserve(w->sink, BITS_PER_WORD * LINE_MAX_BYTES), *to = start;
	struct decimal number = w->number;
	uint64_t end = w->next + nr;

	for (uint64_t bit = w->next; bit < end; bit++, word >>= 1) {
		to = decimal_put(&number, bit, put(to, &bit_begin));
		to = put(to, &bit_end[word & 1]);
	}
	w->number = number;
	sink_used(w->sink, (size_t)(to - start));
}

static void flush_run(struct xml_writer *w)
{
	if (w->run_begin < w->run_end)
		sink_printf(w->sink,
			    "    <marked block_begin=\"%" PRIu64 "\" len=\"%" PRIu64 "\"/>\n",
			    w->run_begin, w->run_end - w->run_begin);
}

static void write_marked(struct xml_writer *w, uint64_t word, uint32_t nr)
{
	uint64_t begin = bits_next_set(&word, 0, nr);

	while (begin < nr) {
		uint64_t end = bits_next_clear(&word, begin, nr);

		if (w->run_end != w->next + begin) {
			flush_run(w);
			w->run_begin = w->next + begin;
		}
		w->run_end = w->next + end;
		begin = bits_next_set(&word, end, nr);
	}
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr_words)
{
	struct xml_writer *w = ctx;

	for (uint32_t i = 0; i < nr_words; i++) {
		uint32_t nr = (uint32_t)min_u64(BITS_PER_WORD, w->nr_bits - w->next);

		if (w->compact)
			write_marked(w, words[i], nr);
		else
			write_bits(w, words[i], nr);
		w->next += nr;
	}
	return sink_failed(w->sink);
}

static int on_writeset_end(void *ctx)
{
	struct xml_writer *w = ctx;

	flush_run(w);
	sink_printf(w->sink, "  </writeset>\n");
	return sink_failed(w->sink);
}

static int on_array_begin(void *ctx)
{
	struct xml_writer *w = ctx;

	w->next = 0;
	sink_printf(w->sink, "  <era_array>\n");
	return sink_failed(w->sink);
}

static const struct xml_piece *era_end(struct xml_writer *w, uint32_t era)
{
	struct xml_era_end *end = &w->ends[era % XML_NR_ENDS];

	if (end->era != era || !end->piece.len) {
		end->era = era;
		end->piece.len = (uint32_t)snprintf(end->piece.text, XML_PIECE_BYTES,
						    "\" era=\"%" PRIu32 "\"/>\n", era);
	}
	return &end->piece;
}

static void write_eras(struct xml_writer *w, const uint32_t *eras, uint32_t nr)
{
	char *start = sink_reserve(w->sink, ERAS_AT_ONCE * LINE_MAX_BYTES), *to = start;

	for (uint32_t i = 0; i < nr; i++) {
		to = decimal_put(&w->number, w->next + i, put(to, &era_begin));
		to = put(to, era_end(w, eras[i]));
	}
	sink_used(w->sink, (size_t)(to - start));
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct xml_writer *w = ctx;

	for (uint32_t done = 0, n; done < nr; done += n, w->next += n) {
		n = (uint32_t)min_u64(nr - done, ERAS_AT_ONCE);
		write_eras(w, eras + done, n);
	}
	return sink_failed(w->sink);
}

static int on_array_end(void *ctx)
{
	struct xml_writer *w = ctx;

	sink_printf(w->sink, "  </era_array>\n");
	return sink_failed(w->sink);
}

/* The closing tag says that the dump is complete. */
static int on_end(void *ctx)
{
	struct xml_writer *w = ctx;

	sink_printf(w->sink, "</superblock>\n");
	return sink_failed(w->sink);
}

struct era_stream xml_writer_stream(struct xml_writer *writer, struct sink *sink, bool compact)
{
	*writer = (struct xml_writer){.sink = sink, .compact = compact};
	return (struct era_stream){writer,   on_begin,	      on_writeset_begin,
				   on_words, on_writeset_end, on_array_begin,
				   on_eras,  on_array_end,    on_end};
}
