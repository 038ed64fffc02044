/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What each element's numbers must satisfy, and the events that come of it. */
#include "xml/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "ondisk/era_disk.h"
#include "xml/lines.h"
#include "xml/parse.h"

#define PIECE_WORDS 64u
#define PIECE_ERAS BUFFER_SIZE(4096u, 64u)

enum place {
	OUTSIDE,
	IN_SUPERBLOCK,
	IN_WRITESET,
	IN_BIT,
	IN_MARKED,
	IN_ERA_ARRAY,
	IN_ERA,
};

enum bits_form {
	NOT_KNOWN_YET,
	ONE_A_BIT,
	MARKED_RUNS,
};

struct reader {
	struct xml_parser xml;
	const struct era_stream *to;

	struct era_header header;
	bool has_array;
	uint64_t min_era; /* of the next writeset */
	uint32_t nr_bits; /* of the writeset being read */
	enum bits_form form;

	uint64_t next; /* the next bit or block */
	uint64_t words[PIECE_WORDS];
	uint64_t first_bit; /* of words[0] */
	uint32_t eras[PIECE_ERAS];
	uint32_t nr_eras;
};

static void begin_superblock(void *ctx, const struct xml_value *values)
{
	struct reader *r = ctx;

	r->header = (struct era_header){
		.data_block_size = (uint32_t)values[1].number,
		.nr_blocks = (uint32_t)values[2].number,
		.current_era = (uint32_t)values[3].number,
	};
	if (!r->header.data_block_size || r->header.data_block_size % DATA_BLOCK_MIN_SECTORS)
		xml_invalid(&r->xml,
			    "block_size: found %" PRIu32 ", wanted a positive multiple of %u",
			    r->header.data_block_size, DATA_BLOCK_MIN_SECTORS);
	else
		xml_stop(&r->xml, r->to->begin(r->to->ctx, &r->header));
}

static void end_superblock(void *ctx)
{
	struct reader *r = ctx;

	if (!r->has_array)
		xml_invalid(&r->xml, "no <era_array> in <superblock>");
}

static void begin_writeset(void *ctx, const struct xml_value *values)
{
	struct reader *r = ctx;
	uint64_t era = values[0].number;

	if (r->has_array)
		xml_invalid(&r->xml, "<writeset> after <era_array>");
	else if (era > r->header.current_era)
		xml_invalid(&r->xml,
			    "era of a writeset: found %" PRIu64 ", wanted at most %" PRIu32, era,
			    r->header.current_era);
	else if (era < r->min_era)
		xml_invalid(&r->xml,
			    "writesets must ascend: found era %" PRIu64
			    ", wanted at least %" PRIu64,
			    era, r->min_era);
	if (xml_failed(&r->xml))
		return;
	r->min_era = era + 1;
	r->nr_bits = (uint32_t)values[1].number;
	r->form = NOT_KNOWN_YET;
	r->next = r->first_bit = 0;
	memset(r->words, 0, sizeof(r->words));
	xml_stop(&r->xml, r->to->writeset_begin(r->to->ctx, (uint32_t)era, r->nr_bits));
}

/* Sends the words that bits before `bit` have completed. */
static void send_words(struct reader *r, uint64_t bit)
{
	while (!xml_failed(&r->xml) && bit - r->first_bit >= PIECE_WORDS * BITS_PER_WORD) {
		xml_stop(&r->xml, r->to->words(r->to->ctx, r->words, PIECE_WORDS));
		memset(r->words, 0, sizeof(r->words));
		r->first_bit += PIECE_WORDS * BITS_PER_WORD;
	}
}

static void set_form(struct reader *r, enum bits_form form)
{
	if (r->form == NOT_KNOWN_YET)
		r->form = form;
	else if (r->form != form)
		xml_invalid(&r->xml, "<bit> and <marked> in one writeset");
}

static void begin_bit(void *ctx, const struct xml_value *values)
{
	struct reader *r = ctx;
	uint64_t block = values[0].number;

	set_form(r, ONE_A_BIT);
	if (block != r->next)
		xml_invalid(&r->xml,
			    "bits must follow one another: found block %" PRIu64
			    ", wanted %" PRIu64,
			    block, r->next);
	else if (block >= r->nr_bits)
		xml_invalid(&r->xml,
			    "bit past the end of the writeset: found block %" PRIu64
			    ", wanted below %" PRIu32,
			    block, r->nr_bits);
	send_words(r, block);
	if (xml_failed(&r->xml))
		return;
	if (values[1].number)
		bits_set(r->words, block - r->first_bit);
	r->next = block + 1;
}

/* The run may reach over many pieces. */
static void mark_run(struct reader *r, uint64_t begin, uint64_t end)
{
	while (begin < end && !xml_failed(&r->xml)) {
		uint64_t piece_end;

		send_words(r, begin);
		piece_end = min_u64(end, r->first_bit + PIECE_WORDS * BITS_PER_WORD);
		bits_set_range(r->words, begin - r->first_bit, piece_end - begin);
		begin = piece_end;
	}
}

static void begin_marked(void *ctx, const struct xml_value *values)
{
	struct reader *r = ctx;
	uint64_t begin = values[0].number, end = begin + values[1].number;

	set_form(r, MARKED_RUNS);
	if (begin == end)
		xml_invalid(&r->xml, "len: found 0, wanted at least 1");
	else if (begin < r->next)
		xml_invalid(&r->xml,
			    "runs must ascend: found block_begin %" PRIu64
			    ", wanted at least %" PRIu64,
			    begin, r->next);
	else if (end > r->nr_bits)
		xml_invalid(&r->xml,
			    "run past the end of the writeset: found its end at %" PRIu64
			    ", wanted at most %" PRIu32,
			    end, r->nr_bits);
	mark_run(r, begin, end);
	r->next = end;
}

static void end_writeset(void *ctx)
{
	struct reader *r = ctx;
	uint64_t left;

	if (r->form == ONE_A_BIT && r->next != r->nr_bits)
		xml_invalid(&r->xml, "bits missing: found %" PRIu64 ", wanted %" PRIu32, r->next,
			    r->nr_bits);
	send_words(r, r->nr_bits);
	left = bits_words(r->nr_bits - r->first_bit);
	if (!xml_failed(&r->xml) && left)
		xml_stop(&r->xml, r->to->words(r->to->ctx, r->words, (uint32_t)left));
	if (!xml_failed(&r->xml))
		xml_stop(&r->xml, r->to->writeset_end(r->to->ctx));
}

static void begin_era_array(void *ctx, const struct xml_value *values)
{
	struct reader *r = ctx;

	(void)values;
	if (r->has_array) {
		xml_invalid(&r->xml, "second <era_array>");
		return;
	}
	r->has_array = true;
	r->next = r->nr_eras = 0;
	xml_stop(&r->xml, r->to->array_begin(r->to->ctx));
}

static void send_eras(struct reader *r)
{
	if (!xml_failed(&r->xml) && r->nr_eras)
		xml_stop(&r->xml, r->to->eras(r->to->ctx, r->eras, r->nr_eras));
	r->nr_eras = 0;
}

static void begin_era(void *ctx, const struct xml_value *values)
{
	struct reader *r = ctx;
	uint64_t block = values[0].number, era = values[1].number;

	if (block != r->next)
		xml_invalid(&r->xml,
			    "blocks must follow one another: found block %" PRIu64
			    ", wanted %" PRIu64,
			    block, r->next);
	else if (block >= r->header.nr_blocks)
		xml_invalid(&r->xml,
			    "block past the end: found block %" PRIu64 ", wanted below %" PRIu32,
			    block, r->header.nr_blocks);
	else if (era > r->header.current_era)
		xml_invalid(&r->xml,
			    "era of block %" PRIu64 ": found %" PRIu64 ", wanted at most %" PRIu32,
			    block, era, r->header.current_era);
	if (r->nr_eras == PIECE_ERAS)
		send_eras(r);
	if (xml_failed(&r->xml))
		return;
	r->eras[r->nr_eras++] = (uint32_t)era;
	r->next++;
}

static void end_era_array(void *ctx)
{
	struct reader *r = ctx;

	if (r->next != r->header.nr_blocks)
		xml_invalid(&r->xml,
			    "blocks missing in <era_array>: found %" PRIu64 ", wanted %" PRIu32,
			    r->next, r->header.nr_blocks);
	send_eras(r);
	if (!xml_failed(&r->xml))
		xml_stop(&r->xml, r->to->array_end(r->to->ctx));
}

#define U32(name) \
	{ \
		name, XML_NUMBER, UINT32_MAX \
	}
#define BLOCKS(name) \
	{ \
		name, XML_NUMBER, ERA_MAX_BLOCKS \
	}

static const struct xml_element elements[] = {
	{"superblock",
	 OUTSIDE,
	 IN_SUPERBLOCK,
	 {{"uuid", XML_TEXT, 0}, U32("block_size"), BLOCKS("nr_blocks"), U32("current_era")},
	 begin_superblock,
	 end_superblock},
	{"writeset",
	 IN_SUPERBLOCK,
	 IN_WRITESET,
	 {U32("era"), BLOCKS("nr_bits")},
	 begin_writeset,
	 end_writeset},
	{"bit", IN_WRITESET, IN_BIT, {U32("block"), {"value", XML_TRUTH, 0}}, begin_bit, NULL},
	{"marked", IN_WRITESET, IN_MARKED, {U32("block_begin"), U32("len")}, begin_marked, NULL},
	{"era_array",
	 IN_SUPERBLOCK,
	 IN_ERA_ARRAY,
	 {{NULL, XML_TEXT, 0}},
	 begin_era_array,
	 end_era_array},
	{"era", IN_ERA_ARRAY, IN_ERA, {U32("block"), U32("era")}, begin_era, NULL},
};

/* Bits are read in pieces that fill the words. */
static void take_bits(struct reader *r, struct lines *lines)
{
	uint64_t left;

	if (r->form == MARKED_RUNS)
		return;
	do {
		send_words(r, r->next);
		left = r->first_bit + PIECE_WORDS * BITS_PER_WORD - r->next;
		lines->max = (uint32_t)min_u64(left, r->nr_bits - r->next);
		left = lines->max;
		lines_take_bits(lines, r->words, r->next - r->first_bit);
		r->next = lines->next;
		if (lines->max < left)
			r->form = ONE_A_BIT;
	} while (left && !lines->max && !xml_failed(&r->xml));
}

static void take_eras(struct reader *r, struct lines *lines)
{
	uint32_t left;

	do {
		if (r->nr_eras == PIECE_ERAS)
			send_eras(r);
		left = PIECE_ERAS - r->nr_eras;
		left = (uint32_t)min_u64(left, r->header.nr_blocks - r->next);
		lines->max = left;
		lines_take_eras(lines, r->header.current_era, r->eras + r->nr_eras);
		r->nr_eras += left - lines->max;
		r->next = lines->next;
	} while (left && !lines->max && !xml_failed(&r->xml));
}

static size_t take_lines(void *ctx, int place, const char *text, size_t len, uint64_t *nr)
{
	struct reader *r = ctx;
	struct lines lines = {.text = text, .end = text + len, .next = r->next};
	uint64_t before = r->next;

	if (place == IN_WRITESET)
		take_bits(r, &lines);
	else if (place == IN_ERA_ARRAY)
		take_eras(r, &lines);
	else
		return 0;
	*nr = r->next - before;
	return (size_t)(lines.text - text);
}

int xml_read(struct source *source, const struct era_stream *to, enum xml_read_how how)
{
	struct reader *r = calloc(1, sizeof(*r));
	int result;

	if (!r)
		return report_nomem(source->rep);
	r->to = to;
	r->xml = (struct xml_parser){.source = source,
				     .take_lines = how == XML_READ_FAST ? take_lines : NULL,
				     .elements = elements,
				     .nr_elements = ARRAY_SIZE(elements),
				     .ctx = r};
	result = xml_parse(&r->xml);
	if (!result)
		result = to->end(to->ctx);
	free(r);
	return result;
}
