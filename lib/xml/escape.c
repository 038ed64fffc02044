/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/escape.h"

void xml_put_escaped(struct sink *sink, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			sink_printf(sink, "&amp;");
			break;
		case '<':
			sink_printf(sink, "&lt;");
			break;
		case '"':
			sink_printf(sink, "&quot;");
			break;
		case '\t':
		case '\n':
		case '\r': /* would be read as a space */
			sink_printf(sink, "&#%d;", *text);
			break;
		default:
			sink_write(sink, text, 1);
		}
	}
}
