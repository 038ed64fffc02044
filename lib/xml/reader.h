/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reads metadata from XML, strictly, as a stream of events.
 *
 * These are refused, with line and column: elements and attributes that are unknown, missing or
 * repeated; numbers that aren't plain decimals in range; bits, marked runs, blocks and writesets
 * that are not ascending, or not complete; an era after the current one; text; a document type.
 * So the stream is consistent as metadata/stream.h requires, in memory that doesn't depend on the
 * input.
 */
#ifndef ERA_XML_READER_H
#define ERA_XML_READER_H

#include "base/compiler.h"
#include "base/source.h"
#include "metadata/stream.h"

enum xml_read_how {
	XML_READ_FAST,
	XML_READ_PLAIN, /* everything by expat: the same result, slowly; for tests */
};

/* Errors are reported.  On failure, the stream has stopped somewhere before `end`. */
int xml_read(struct source *source, const struct era_stream *to, enum xml_read_how how) must_check;

#endif
