/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "output/json.h"

#include "base/utf8.h"

#define MUST_BE_ESCAPED "\"\\"

/* A control character, a quote or a backslash, or a byte that is no part of UTF-8; how many bytes
 * it was. */
static size_t put_escape(struct json *json, const char *text)
{
	size_t len = utf8_len(text);
	unsigned char last = (unsigned char)text[len > 1 ? len - 1 : 0];

	sink_printf(json->sink, len ? "\\u%04x" : "\\udc%02x", last);
	return len ? len : 1;
}

static void quoted(struct json *json, const char *text)
{
	sink_write(json->sink, "\"", 1);
	while (*text) {
		size_t len = utf8_plain(text, MUST_BE_ESCAPED);

		sink_write(json->sink, text, len);
		text += len;
		if (*text)
			text += put_escape(json, text);
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

void json_number_or_null(struct json *json, const char *key, uint64_t value)
{
	if (value)
		json_number(json, key, value);
	else
		json_string(json, key, NULL);
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

void json_digits(struct json *json, const char *key, const char *digits)
{
	begin_value(json, key);
	sink_printf(json->sink, "%s", digits);
}

void json_newline(struct json *json)
{
	if (json->need_comma)
		sink_write(json->sink, ",", 1);
	json->need_comma = false;
	sink_write(json->sink, "\n", 1);
}

void json_end_document(struct json *json, const struct json_ending *ending)
{
	json_string(json, "status", ending->status);
	json_number(json, "exit_status", ending->exit_status);
	json_string(json, "error", ending->error);
	json_end_object(json);
	sink_write(json->sink, "\n", 1);
}
