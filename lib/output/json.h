/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

/* key is NULL inside an array and at the top. */
void json_begin_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *key);
void json_end_array(struct json *json);
void json_number(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
/* text NULL is null.  Control characters are escaped as \uXXXX, and a byte XX that is not part of
 * UTF-8 becomes the lone surrogate \udcXX, which UTF-8 never contains, so that the bytes can be
 * recovered. */
void json_string(struct json *json, const char *key, const char *text);
/* Starts a new line before the next value. */
void json_newline(struct json *json);

#endif
