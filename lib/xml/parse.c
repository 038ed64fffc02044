/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "xml/parse.h"

#include <expat.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "base/io.h"
#include "ondisk/era_disk.h"

/* Older versions of expat count in long. */
#if !HAVE_DECL_XML_GETCURRENTLINENUMBER64
#define XML_GetCurrentLineNumber64 XML_GetCurrentLineNumber
#define XML_GetCurrentColumnNumber64 XML_GetCurrentColumnNumber
#define XML_GetCurrentByteIndex64 XML_GetCurrentByteIndex
#define XML_GetCurrentByteCount64 XML_GetCurrentByteCount
#endif

#define BUFFER_BYTES BUFFER_SIZE(256u << 10, 4u << 10)
#define TOKEN_MAX_BYTES (256 << 10) /* expat keeps a token whole */

void xml_stop(struct xml_parser *parser, int error)
{
	if (!error)
		return;
	if (!parser->error)
		parser->error = error;
	XML_StopParser(parser->expat, XML_FALSE);
}

/* columns: how far behind the start of what expat is at. */
static void refuse(struct xml_parser *parser, unsigned columns, const char *text)
{
	uint64_t line = XML_GetCurrentLineNumber64(parser->expat) + parser->lines_skipped;
	uint64_t column = XML_GetCurrentColumnNumber64(parser->expat) + columns + 1;

	report_fail(parser->source->rep, ERA_DAMAGED,
		    "%s: line %" PRIu64 ", column %" PRIu64 ": %s", parser->source->name, line,
		    column, text);
	xml_stop(parser, ERA_DAMAGED);
}

void xml_invalid(struct xml_parser *parser, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (parser->error)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	refuse(parser, 0, text);
}

static const struct xml_element *element_inside(const struct xml_parser *parser, int place)
{
	for (size_t i = 0; i < parser->nr_elements; i++)
		if (parser->elements[i].inside == place)
			return &parser->elements[i];
	return NULL;
}

static bool parse_value(struct xml_parser *parser, const struct xml_attribute *attribute,
			const char *text, struct xml_value *value)
{
	value->text = text;
	switch (attribute->form) {
	case XML_TEXT:
		return true;
	case XML_TRUTH:
		value->number = !strcmp(text, "true");
		if (value->number || !strcmp(text, "false"))
			return true;
		xml_invalid(parser, "%s: found '%.40s', wanted 'true' or 'false'", attribute->name,
			    text);
		return false;
	case XML_NUMBER:
		if (decimal_parse(text, strlen(text), attribute->max, &value->number))
			return true;
		xml_invalid(parser, "%s: found '%.40s', wanted a number from 0 to %" PRIu64,
			    attribute->name, text, attribute->max);
		return false;
	}
	return false;
}

static int find_attribute(const struct xml_element *element, const char *name)
{
	for (int i = 0; i < XML_MAX_ATTRIBUTES && element->attributes[i].name; i++)
		if (!strcmp(element->attributes[i].name, name))
			return i;
	return -1;
}

/* expat itself refuses an attribute given twice. */
static bool parse_attributes(struct xml_parser *parser, const struct xml_element *element,
			     const XML_Char **pairs, struct xml_value *values)
{
	for (; *pairs; pairs += 2) {
		int i = find_attribute(element, pairs[0]);

		if (i < 0) {
			xml_invalid(parser, "unknown attribute '%.40s' of <%s>", pairs[0],
				    element->name);
			return false;
		}
		if (!parse_value(parser, &element->attributes[i], pairs[1], &values[i]))
			return false;
	}
	for (int i = 0; i < XML_MAX_ATTRIBUTES && element->attributes[i].name; i++) {
		if (values[i].text)
			continue;
		xml_invalid(parser, "attribute '%s' of <%s> is missing",
			    element->attributes[i].name, element->name);
		return false;
	}
	return true;
}

static void note_event(struct xml_parser *parser)
{
	parser->event_end = (uint64_t)XML_GetCurrentByteIndex64(parser->expat) +
			    (uint64_t)XML_GetCurrentByteCount64(parser->expat);
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **pairs)
{
	struct xml_value values[XML_MAX_ATTRIBUTES] = {{0, NULL}};
	struct xml_parser *parser = ctx;

	note_event(parser);
	if (parser->error)
		return;
	for (size_t i = 0; i < parser->nr_elements; i++) {
		const struct xml_element *element = &parser->elements[i];

		if (element->parent != parser->place || strcmp(element->name, name))
			continue;
		if (parse_attributes(parser, element, pairs, values)) {
			parser->place = element->inside;
			element->begin(parser->ctx, values);
		}
		return;
	}
	if (parser->place)
		xml_invalid(parser, "unexpected <%.40s> in <%s>", name,
			    element_inside(parser, parser->place)->name);
	else
		xml_invalid(parser, "found <%.40s>, wanted <%s>", name, parser->elements[0].name);
}

static void on_end(void *ctx, const XML_Char *name)
{
	struct xml_parser *parser = ctx;
	const struct xml_element *element = element_inside(parser, parser->place);

	(void)name;
	note_event(parser);
	if (parser->error)
		return;
	parser->place = element->parent;
	if (element->end)
		element->end(parser->ctx);
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
	struct xml_parser *parser = ctx;

	note_event(parser);
	for (int i = 0; i < len && !parser->error; i++)
		if (!strchr(" \t\r\n", text[i]))
			refuse(parser, (unsigned)i, "unexpected text");
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
		       const XML_Char *pubid, int has_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_subset;
	xml_invalid(ctx, "document types are not accepted");
}

static void on_cdata_begin(void *ctx)
{
	struct xml_parser *parser = ctx;

	note_event(parser);
	parser->in_cdata = true;
}

static void on_cdata_end(void *ctx)
{
	struct xml_parser *parser = ctx;

	note_event(parser);
	parser->in_cdata = false;
}

static void on_comment(void *ctx, const XML_Char *text)
{
	struct xml_parser *parser = ctx;

	(void)text;
	note_event(parser);
}

/* What waits to be parsed: text[begin .. end - 1]. */
struct buffer {
	char *text;
	size_t begin, end;
	bool at_line_start, at_end_of_input;
};

static void feed(struct xml_parser *parser, struct buffer *buffer, size_t len)
{
	const char *text = buffer->text + buffer->begin;
	bool is_final = buffer->at_end_of_input && buffer->begin + len == buffer->end;
	enum XML_Status status;

	parser->fed += len;
	buffer->begin += len;
	buffer->at_line_start = len && text[len - 1] == '\n';
	status = XML_Parse(parser->expat, text, (int)len, is_final);
	if (parser->error)
		return;
	if (status != XML_STATUS_OK && XML_GetErrorCode(parser->expat) == XML_ERROR_NO_MEMORY)
		parser->error = report_nomem(parser->source->rep);
	else if (status != XML_STATUS_OK)
		xml_invalid(parser, "not well-formed XML: %s",
			    XML_ErrorString(XML_GetErrorCode(parser->expat)));
	else if (parser->fed - parser->event_end > TOKEN_MAX_BYTES)
		xml_invalid(parser, "a piece of XML longer than %d bytes", TOKEN_MAX_BYTES);
}

static bool take_lines(struct xml_parser *parser, struct buffer *buffer)
{
	uint64_t lines = 0;
	size_t taken;

	if (!parser->take_lines || !buffer->at_line_start || parser->in_cdata ||
	    parser->event_end != parser->fed)
		return false;
	taken = parser->take_lines(parser->ctx, parser->place, buffer->text + buffer->begin,
				   buffer->end - buffer->begin, &lines);
	buffer->begin += taken;
	parser->lines_skipped += lines;
	return taken > 0;
}

/* A line by expat while there may be lines to take behind it, else all there is.  What expat hasn't
 * made an event of it will look at again from its start: it gets at least as much more, so that all
 * its looking doesn't grow faster than the text. */
static size_t next_len(const struct xml_parser *parser, const struct buffer *buffer)
{
	const char *text = buffer->text + buffer->begin, *newline = NULL;
	size_t len = buffer->end - buffer->begin;
	uint64_t pending = parser->fed - parser->event_end;

	if (parser->take_lines && pending < len)
		newline = memchr(text + pending, '\n', len - (size_t)pending);
	return newline ? (size_t)(newline - text) + 1 : len;
}

static void parse_buffer(struct xml_parser *parser, struct buffer *buffer)
{
	do {
		if (!take_lines(parser, buffer))
			feed(parser, buffer, next_len(parser, buffer));
	} while (!parser->error && buffer->begin < buffer->end);
}

static int fill(struct xml_parser *parser, struct buffer *buffer)
{
	int n = source_read(parser->source, buffer->text, BUFFER_BYTES);

	if (n < 0)
		return n;
	buffer->begin = 0;
	buffer->end = (size_t)n;
	buffer->at_end_of_input = !n;
	report_progress(parser->source->rep, PROGRESS_READ_XML, parser->source->done,
			parser->source->size);
	return 0;
}

/* Metadata of dm-era may have been given instead of what was made of them. */
static void refuse_metadata(struct xml_parser *parser, const struct buffer *buffer)
{
	struct superblock_disk sb;

	if (buffer->end < sizeof(sb))
		return;
	memcpy(&sb, buffer->text, sizeof(sb));
	if (le64_get(sb.magic) == ERA_MAGIC)
		xml_invalid(parser, "not XML, but binary metadata of dm-era");
}

static int parse_all(struct xml_parser *parser)
{
	struct buffer buffer = {.text = io_alloc(BUFFER_BYTES)};
	int r = 0;

	if (!buffer.text)
		return report_nomem(parser->source->rep);
	r = fill(parser, &buffer);
	if (!r)
		refuse_metadata(parser, &buffer);
	while (!r && !parser->error) {
		parse_buffer(parser, &buffer);
		if (buffer.at_end_of_input)
			break;
		r = fill(parser, &buffer);
	}
	free(buffer.text);
	return r ? r : parser->error;
}

int xml_parse(struct xml_parser *parser)
{
	XML_Parser expat = XML_ParserCreate("UTF-8");
	int r;

	if (!expat)
		return report_nomem(parser->source->rep);
	parser->expat = expat;
#if HAVE_DECL_XML_SETREPARSEDEFERRALENABLED
	/* What is parsed must become events at once; next_len() bounds what that costs. */
	XML_SetReparseDeferralEnabled(expat, XML_FALSE);
#endif
	XML_SetUserData(expat, parser);
	XML_SetElementHandler(expat, on_start, on_end);
	XML_SetCharacterDataHandler(expat, on_text);
	XML_SetStartDoctypeDeclHandler(expat, on_doctype);
	XML_SetCommentHandler(expat, on_comment);
	XML_SetCdataSectionHandler(expat, on_cdata_begin, on_cdata_end);
	r = parse_all(parser);
	XML_ParserFree(expat);
	return r;
}
