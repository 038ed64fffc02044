/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Writing JSON to a sink, with commas and escapes; the caller ensures correct nesting. */
#ifndef ERA_OUTPUT_JSON_H
#define ERA_OUTPUT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/sink.h"

struct json {
	struct sink *sink;
	bool need_comma;
	struct decimal number;
};

/* How a document ends: all of them have these members. */
struct json_ending {
	const char *status, *error;
	unsigned exit_status;
};

/* key is NULL inside an array and at the top. */
void json_begin_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *key);
void json_end_array(struct json *json);
void json_number(struct json *json, const char *key, uint64_t value);
/* 0 is null. */
void json_number_or_null(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
/* text NULL is null.  Control characters are escaped as \uXXXX, and a byte XX that is not part of
 * UTF-8 becomes the lone surrogate \udcXX, which UTF-8 never contains, so that the bytes can be
 * recovered. */
void json_string(struct json *json, const char *key, const char *text);
/* A number that is written already, in the digits of JSON. */
void json_digits(struct json *json, const char *key, const char *digits);
/* Starts a new line before the next value. */
void json_newline(struct json *json);
/* Ends the outermost object and its line. */
void json_end_document(struct json *json, const struct json_ending *ending);

#endif
