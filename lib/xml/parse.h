/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Strict parsing of XML by a table of elements, on top of expat.
 *
 * The table says which element may stand in which, and what attributes it has.  Everything else is
 * refused with line and column: unknown elements; unknown, missing or repeated attributes; numbers
 * that aren't plain decimals in range; text between elements; a document type.  Memory doesn't
 * depend on the input.
 *
 * Lines that the table's owner can read faster need not go through expat.  They may be left out of
 * its input whenever it is between two tokens, since elements without content do not change its
 * state.
 */
#ifndef ERA_XML_PARSE_H
#define ERA_XML_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/source.h"

#define XML_MAX_ATTRIBUTES 6

enum xml_form {
	XML_NUMBER, /* 0 to max */
	XML_TRUTH,  /* "true" or "false": 1 or 0 */
	XML_TEXT,   /* whatever */
};

struct xml_attribute {
	const char *name;
	enum xml_form form;
	uint64_t max;
};

struct xml_value {
	uint64_t number;
	const char *text; /* as in the input, with entities resolved */
};

/* Places are numbers of the table's own; the outside of the document is 0. */
struct xml_element {
	const char *name;
	int parent, inside;
	struct xml_attribute attributes[XML_MAX_ATTRIBUTES];
	void (*begin)(void *ctx, const struct xml_value *values); /* in the attributes' order */
	void (*end)(void *ctx);					  /* or NULL */
};

struct xml_parser {
	struct source *source;
	/* May be NULL.  Called between two lines inside an element: reads as many whole lines at
	 * text as it understands, and returns how many bytes these are and, in *lines, how many
	 * lines. */
	size_t (*take_lines)(void *ctx, int place, const char *text, size_t len, uint64_t *lines);
	const struct xml_element *elements;
	size_t nr_elements;
	void *ctx;
	void *expat;
	int place, error;
	uint64_t fed;		/* bytes given to expat */
	uint64_t event_end;	/* up to where expat has made events of them */
	uint64_t lines_skipped; /* lines that expat hasn't seen */
	bool in_cdata;		/* what looks like elements is text */
};

/* Parses all of source.  The caller sets source, elements, nr_elements and ctx; the rest is zero.
 * Returns 0, or the first error; all errors are reported. */
int xml_parse(struct xml_parser *parser) must_check;

/* To be called from begin and end: reports that the input is invalid, and where. */
void xml_invalid(struct xml_parser *parser, const char *fmt, ...) format_printf(2, 3);

/* The same for an error that has been reported already; 0 is none. */
void xml_stop(struct xml_parser *parser, int error);

static inline bool xml_failed(const struct xml_parser *parser)
{
	return parser->error != 0;
}

#endif
