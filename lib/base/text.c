/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char gap[] = "[...]";

/* A byte of UTF-8 that is not the first of its character. */
static bool is_inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Of at most three bytes, lest text that isn't UTF-8 shrinks to nothing. */
static size_t whole_head(const char *text, size_t len)
{
	for (size_t back = 0; back <= 3 && back < len; back++)
		if (!is_inside_character(text[len - back]))
			return len - back;
	return len;
}

static const char *whole_tail(const char *tail)
{
	for (size_t on = 0; on <= 3; on++)
		if (!is_inside_character(tail[on]))
			return tail + on;
	return tail;
}

void text_copy(char *to, size_t size, const char *text)
{
	size_t len = strlen(text), head, room = size - sizeof(gap);
	const char *tail;

	if (len < size) {
		memcpy(to, text, len + 1);
		return;
	}
	head = whole_head(text, room / 2);
	tail = whole_tail(text + len - (room - room / 2));
	memcpy(to, text, head);
	memcpy(to + head, gap, sizeof(gap) - 1);
	memcpy(to + head + sizeof(gap) - 1, tail, (size_t)(text + len - tail) + 1);
}

void text_vformat(char *text, size_t size, const char *fmt, va_list args)
{
	va_list again;
	char *all;
	int len;

	va_copy(again, args);
	len = vsnprintf(text, size, fmt, args);
	if (len >= 0 && (size_t)len >= size && vasprintf(&all, fmt, again) >= 0) {
		text_copy(text, size, all);
		free(all);
	}
	va_end(again);
}

void text_format(char *text, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vformat(text, size, fmt, args);
	va_end(args);
}
