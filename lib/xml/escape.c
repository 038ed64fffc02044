/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "xml/escape.h"

#include <stddef.h>

static const char *entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>': /* may not stand behind "]]" */
		return "&gt;";
	case '"':
		return "&quot;";
	case '\t': /* these would be read as a space */
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return NULL;
	}
}

void xml_put_escaped(struct sink *sink, const char *text)
{
	for (; *text; text++) {
		const char *entity = entity_of(*text);

		if (entity)
			sink_printf(sink, "%s", entity);
		else
			sink_write(sink, text, 1);
	}
}
