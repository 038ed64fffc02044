/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table of elements says which element may stand where and what attributes it has; expat finds
 * them.  Everything an element's numbers must satisfy is in its function.
 */
#include "xml/reader.h"

#include <expat.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "ondisk/era_disk.h"

#define CHUNK_BYTES (64 << 10)
#define TOKEN_MAX_BYTES (256 << 10) /* expat keeps a token whole */
#define MAX_ATTRIBUTES 4
#define PIECE_WORDS 64u
#define PIECE_ERAS 4096u

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
	struct source *source;
	const struct era_stream *to;
	XML_Parser parser;
	int error;
	enum place place;
	uint64_t bytes, last_event;

	struct era_header header;
	bool has_array;
	uint64_t min_era; /* of the next writeset */
	uint32_t era, nr_bits;
	enum bits_form form;

	uint64_t next; /* the next bit or block */
	uint64_t words[PIECE_WORDS];
	uint64_t first_bit; /* of words[0] */
	uint32_t eras[PIECE_ERAS];
	uint32_t nr_eras;
};

/* What an attribute may be. */
enum attribute_form {
	NUMBER, /* 0 to UINT32_MAX */
	TRUTH,  /* "true" or "false" */
	TEXT,   /* whatever; may be missing */
};

struct attribute {
	const char *name;
	enum attribute_form form;
};

struct element {
	const char *name;
	enum place parent, inside;
	struct attribute attributes[MAX_ATTRIBUTES];
	/* values in the order of the attributes; 0 for text */
	void (*begin)(struct reader *r, const uint32_t *values);
	void (*end)(struct reader *r);
};

static void invalid(struct reader *r, const char *fmt, ...) format_printf(2, 3);

static void stop(struct reader *r, int error)
{
	if (!r->error)
		r->error = error;
	XML_StopParser(r->parser, XML_FALSE);
}

static void invalid(struct reader *r, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (r->error)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report_fail(r->source->rep, ERA_DAMAGED, "%s: line %lu, column %lu: %s", r->source->name,
		    (unsigned long)XML_GetCurrentLineNumber(r->parser),
		    (unsigned long)XML_GetCurrentColumnNumber(r->parser) + 1, text);
	stop(r, ERA_DAMAGED);
}

/* Hands on what a call of the stream returned. */
static void sent(struct reader *r, int result)
{
	if (result)
		stop(r, result);
}

static void begin_superblock(struct reader *r, const uint32_t *values)
{
	r->header = (struct era_header){
		.data_block_size = values[1],
		.nr_blocks = values[2],
		.current_era = values[3],
	};
	if (!values[1] || values[1] % DATA_BLOCK_MIN_SECTORS)
		invalid(r, "block_size: found %" PRIu32 ", wanted a positive multiple of %u",
			values[1], DATA_BLOCK_MIN_SECTORS);
	else if (values[2] > ERA_MAX_BLOCKS)
		invalid(r, "nr_blocks: found %" PRIu32 ", wanted at most %" PRIu64, values[2],
			ERA_MAX_BLOCKS);
	else
		sent(r, r->to->begin(r->to->ctx, &r->header));
}

static void end_superblock(struct reader *r)
{
	if (!r->has_array)
		invalid(r, "no <era_array> in <superblock>");
	else
		sent(r, r->to->end(r->to->ctx));
}

static void begin_writeset(struct reader *r, const uint32_t *values)
{
	r->era = values[0];
	r->nr_bits = values[1];
	r->form = NOT_KNOWN_YET;
	r->next = r->first_bit = 0;
	memset(r->words, 0, sizeof(r->words));
	if (r->has_array)
		invalid(r, "<writeset> after <era_array>");
	else if (r->era > r->header.current_era)
		invalid(r, "era of a writeset: found %" PRIu32 ", wanted at most %" PRIu32, r->era,
			r->header.current_era);
	else if (r->era < r->min_era)
		invalid(r, "writesets must ascend: found era %" PRIu32 ", wanted at least %" PRIu64,
			r->era, r->min_era);
	else if (r->nr_bits > ERA_MAX_BLOCKS)
		invalid(r, "nr_bits: found %" PRIu32 ", wanted at most %" PRIu64, r->nr_bits,
			ERA_MAX_BLOCKS);
	else
		sent(r, r->to->writeset_begin(r->to->ctx, r->era, r->nr_bits));
	r->min_era = (uint64_t)r->era + 1;
}

/* Sends the words that bits before `bit` have completed. */
static void send_words(struct reader *r, uint64_t bit)
{
	while (!r->error && bit - r->first_bit >= PIECE_WORDS * BITS_PER_WORD) {
		sent(r, r->to->words(r->to->ctx, r->words, PIECE_WORDS));
		memset(r->words, 0, sizeof(r->words));
		r->first_bit += PIECE_WORDS * BITS_PER_WORD;
	}
}

static void set_form(struct reader *r, enum bits_form form)
{
	if (r->form == NOT_KNOWN_YET)
		r->form = form;
	else if (r->form != form)
		invalid(r, "<bit> and <marked> in one writeset");
}

static void begin_bit(struct reader *r, const uint32_t *values)
{
	uint32_t block = values[0];

	set_form(r, ONE_A_BIT);
	if (block != r->next)
		invalid(r, "bits must follow one another: found block %" PRIu32
			   ", wanted %" PRIu64, block, r->next);
	else if (block >= r->nr_bits)
		invalid(r, "bit past the end of the writeset: found block %" PRIu32
			   ", wanted below %" PRIu32, block, r->nr_bits);
	if (r->error)
		return;
	send_words(r, block);
	if (values[1])
		bits_set(r->words, block - r->first_bit);
	r->next = (uint64_t)block + 1;
}

/* The run may reach over many pieces. */
static void mark_run(struct reader *r, uint64_t begin, uint64_t end)
{
	while (begin < end && !r->error) {
		uint64_t piece_end;

		send_words(r, begin);
		piece_end = min_u64(end, r->first_bit + PIECE_WORDS * BITS_PER_WORD);
		bits_set_range(r->words, begin - r->first_bit, piece_end - begin);
		begin = piece_end;
	}
}

static void begin_marked(struct reader *r, const uint32_t *values)
{
	uint64_t begin = values[0], end = begin + values[1];

	set_form(r, MARKED_RUNS);
	if (!values[1])
		invalid(r, "len: found 0, wanted at least 1");
	else if (begin < r->next)
		invalid(r, "runs must ascend: found block_begin %" PRIu64
			   ", wanted at least %" PRIu64, begin, r->next);
	else if (end > r->nr_bits)
		invalid(r, "run past the end of the writeset: found its end at %" PRIu64
			   ", wanted at most %" PRIu32, end, r->nr_bits);
	mark_run(r, begin, end);
	r->next = end;
}

static void end_writeset(struct reader *r)
{
	uint64_t left;

	if (r->form == ONE_A_BIT && r->next != r->nr_bits)
		invalid(r, "bits missing: found %" PRIu64 ", wanted %" PRIu32, r->next, r->nr_bits);
	send_words(r, r->nr_bits);
	left = bits_words(r->nr_bits - r->first_bit);
	if (!r->error && left)
		sent(r, r->to->words(r->to->ctx, r->words, (uint32_t)left));
	if (!r->error)
		sent(r, r->to->writeset_end(r->to->ctx));
}

static void begin_era_array(struct reader *r, const uint32_t *values)
{
	(void)values;
	if (r->has_array)
		invalid(r, "second <era_array>");
	r->has_array = true;
	r->next = r->nr_eras = 0;
	if (!r->error)
		sent(r, r->to->array_begin(r->to->ctx));
}

static void send_eras(struct reader *r)
{
	if (!r->error && r->nr_eras)
		sent(r, r->to->eras(r->to->ctx, r->eras, r->nr_eras));
	r->nr_eras = 0;
}

static void begin_era(struct reader *r, const uint32_t *values)
{
	uint32_t block = values[0], era = values[1];

	if (block != r->next)
		invalid(r, "blocks must follow one another: found block %" PRIu32
			   ", wanted %" PRIu64, block, r->next);
	else if (block >= r->header.nr_blocks)
		invalid(r, "block past the end: found block %" PRIu32 ", wanted below %" PRIu32,
			block, r->header.nr_blocks);
	else if (era > r->header.current_era)
		invalid(r, "era of block %" PRIu32 ": found %" PRIu32 ", wanted at most %" PRIu32,
			block, era, r->header.current_era);
	if (r->error)
		return;
	if (r->nr_eras == PIECE_ERAS)
		send_eras(r);
	r->eras[r->nr_eras++] = era;
	r->next++;
}

static void end_era_array(struct reader *r)
{
	if (r->next != r->header.nr_blocks)
		invalid(r, "blocks missing in <era_array>: found %" PRIu64 ", wanted %" PRIu32,
			r->next, r->header.nr_blocks);
	send_eras(r);
	if (!r->error)
		sent(r, r->to->array_end(r->to->ctx));
}

static const struct element elements[] = {
	{"superblock", OUTSIDE, IN_SUPERBLOCK,
	 {{"uuid", TEXT}, {"block_size", NUMBER}, {"nr_blocks", NUMBER}, {"current_era", NUMBER}},
	 begin_superblock, end_superblock},
	{"writeset", IN_SUPERBLOCK, IN_WRITESET, {{"era", NUMBER}, {"nr_bits", NUMBER}},
	 begin_writeset, end_writeset},
	{"bit", IN_WRITESET, IN_BIT, {{"block", NUMBER}, {"value", TRUTH}}, begin_bit, NULL},
	{"marked", IN_WRITESET, IN_MARKED, {{"block_begin", NUMBER}, {"len", NUMBER}}, begin_marked,
	 NULL},
	{"era_array", IN_SUPERBLOCK, IN_ERA_ARRAY, {{NULL, NUMBER}}, begin_era_array, end_era_array},
	{"era", IN_ERA_ARRAY, IN_ERA, {{"block", NUMBER}, {"era", NUMBER}}, begin_era, NULL},
};

static const struct element *element_inside(enum place place)
{
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		if (elements[i].inside == place)
			return &elements[i];
	return NULL;
}

static bool parse_number(const char *text, uint32_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*value = (uint32_t)n;
	return true;
}

static bool parse_value(struct reader *r, const struct attribute *attribute, const char *text,
			uint32_t *value)
{
	switch (attribute->form) {
	case TEXT:
		*value = 0;
		return true;
	case TRUTH:
		*value = !strcmp(text, "true");
		if (*value || !strcmp(text, "false"))
			return true;
		invalid(r, "%s: found '%.40s', wanted 'true' or 'false'", attribute->name, text);
		return false;
	case NUMBER:
		if (parse_number(text, value))
			return true;
		invalid(r, "%s: found '%.40s', wanted a number from 0 to %" PRIu32, attribute->name,
			text, UINT32_MAX);
		return false;
	}
	return false;
}

static int find_attribute(const struct element *element, const char *name)
{
	for (int i = 0; i < MAX_ATTRIBUTES && element->attributes[i].name; i++)
		if (!strcmp(element->attributes[i].name, name))
			return i;
	return -1;
}

/* expat itself refuses an attribute given twice. */
static bool parse_attributes(struct reader *r, const struct element *element,
			     const XML_Char **pairs, uint32_t *values)
{
	bool given[MAX_ATTRIBUTES] = {false};

	for (; *pairs; pairs += 2) {
		int i = find_attribute(element, pairs[0]);

		if (i < 0) {
			invalid(r, "unknown attribute '%.40s' of <%s>", pairs[0], element->name);
			return false;
		}
		if (!parse_value(r, &element->attributes[i], pairs[1], &values[i]))
			return false;
		given[i] = true;
	}
	for (int i = 0; i < MAX_ATTRIBUTES && element->attributes[i].name; i++) {
		if (given[i] || element->attributes[i].form == TEXT)
			continue;
		invalid(r, "attribute '%s' of <%s> is missing", element->attributes[i].name,
			element->name);
		return false;
	}
	return true;
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **pairs)
{
	uint32_t values[MAX_ATTRIBUTES] = {0};
	struct reader *r = ctx;

	r->last_event = r->bytes;
	if (r->error)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
		if (elements[i].parent != r->place || strcmp(elements[i].name, name))
			continue;
		if (parse_attributes(r, &elements[i], pairs, values)) {
			r->place = elements[i].inside;
			elements[i].begin(r, values);
		}
		return;
	}
	if (r->place == OUTSIDE)
		invalid(r, "found <%.40s>, wanted <superblock>", name);
	else
		invalid(r, "unexpected <%.40s> in <%s>", name, element_inside(r->place)->name);
}

static void on_end_tag(void *ctx, const XML_Char *name)
{
	struct reader *r = ctx;
	const struct element *element = element_inside(r->place);

	(void)name;
	r->last_event = r->bytes;
	if (r->error)
		return;
	r->place = element->parent;
	if (element->end)
		element->end(r);
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
	struct reader *r = ctx;

	r->last_event = r->bytes;
	for (int i = 0; i < len && !r->error; i++)
		if (!strchr(" \t\r\n", text[i]))
			invalid(r, "unexpected text");
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
		       const XML_Char *pubid, int has_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_subset;
	invalid(ctx, "document types are not accepted");
}

static void on_comment(void *ctx, const XML_Char *text)
{
	struct reader *r = ctx;

	(void)text;
	r->last_event = r->bytes;
}

static void parse_chunk(struct reader *r, const char *chunk, int len)
{
	enum XML_Status status;

	r->bytes += (uint64_t)len;
	status = XML_Parse(r->parser, chunk, len, len == 0);
	if (r->error)
		return;
	if (status != XML_STATUS_OK)
		invalid(r, "not well-formed XML: %s", XML_ErrorString(XML_GetErrorCode(r->parser)));
	else if (r->bytes - r->last_event > TOKEN_MAX_BYTES)
		invalid(r, "a piece of XML longer than %d bytes", TOKEN_MAX_BYTES);
}

static void set_handlers(struct reader *r)
{
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_start, on_end_tag);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
	XML_SetCommentHandler(r->parser, on_comment);
}

static int parse_all(struct reader *r)
{
	char *chunk = malloc(CHUNK_BYTES);
	int n = 1;

	if (!chunk)
		return report_nomem(r->source->rep);
	while (n > 0 && !r->error) {
		n = source_read(r->source, chunk, CHUNK_BYTES);
		if (n >= 0)
			parse_chunk(r, chunk, n);
		report_progress(r->source->rep, r->bytes, r->source->size);
	}
	free(chunk);
	return n < 0 ? n : r->error;
}

int xml_read(struct source *source, const struct era_stream *to)
{
	struct reader *r = calloc(1, sizeof(*r));
	int result;

	if (!r)
		return report_nomem(source->rep);
	r->source = source;
	r->to = to;
	r->parser = XML_ParserCreate("UTF-8");
	if (r->parser) {
		set_handlers(r);
		result = parse_all(r);
		XML_ParserFree(r->parser);
	} else {
		result = report_nomem(source->rep);
	}
	free(r);
	return result;
}
