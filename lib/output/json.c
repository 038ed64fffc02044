/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output/json.h"

#include <inttypes.h>
#include <string.h>

static void quoted(struct json *json, const char *text)
{
	sink_write(json->sink, "\"", 1);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			sink_printf(json->sink, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			sink_printf(json->sink, "\\u%04x", c);
		else
			sink_write(json->sink, text, 1);
	}
	sink_write(json->sink, "\"", 1);
}

static void begin_value(struct json *json, const char *key)
{
	if (json->need_comma)
		sink_write(json->sink, ",", 1);
	json->need_comma = true;
	if (!key)
		return;
	quoted(json, key);
	sink_write(json->sink, ":", 1);
}

static void open_bracket(struct json *json, const char *key, const char *bracket)
{
	begin_value(json, key);
	sink_write(json->sink, bracket, 1);
	json->need_comma = false;
}

static void close_bracket(struct json *json, const char *bracket)
{
	sink_write(json->sink, bracket, 1);
	json->need_comma = true;
}

void json_begin_object(struct json *json, const char *key)
{
	open_bracket(json, key, "{");
}

void json_end_object(struct json *json)
{
	close_bracket(json, "}");
}

void json_begin_array(struct json *json, const char *key)
{
	open_bracket(json, key, "[");
}

void json_end_array(struct json *json)
{
	close_bracket(json, "]");
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	sink_printf(json->sink, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	sink_printf(json->sink, "%s", value ? "true" : "false");
}

void json_string(struct json *json, const char *key, const char *text)
{
	begin_value(json, key);
	if (text)
		quoted(json, text);
	else
		sink_write(json->sink, "null", 4);
}

void json_newline(struct json *json)
{
	if (json->need_comma)
		sink_write(json->sink, ",", 1);
	json->need_comma = false;
	sink_write(json->sink, "\n", 1);
}
