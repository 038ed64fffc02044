/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output/json.h"

#include <string.h>


static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void quoted(struct json *json, const char *text)
{
	sink_write(json->sink, "\"", 1);
	while (*text) {
		size_t len = 0;

		while (is_plain((unsigned char)text[len]))
			len++;
		sink_write(json->sink, text, len);
		text += len;
		if (*text)
			sink_printf(json->sink, "\\u%04x", (unsigned char)*text++);
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
	char text[DECIMAL_MAX];
	char *end;

	begin_value(json, key);
	end = decimal_put(&json->number, value, text);
	sink_write(json->sink, text, (size_t)(end - text));
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
