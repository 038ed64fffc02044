/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

#define ESCAPE_MAX 5u /* with its NUL */

/* The second byte alone tells characters that are too long, surrogates and what is past the last
 * character from the others. */
static const struct form {
	uint8_t first, last;	    /* of the first byte */
	uint8_t second, second_end; /* of the second byte, if any */
	uint8_t len;
} forms[] = {
	{0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
	{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool is_of_form(const char *text, const struct form *form)
{
	uint8_t first = (uint8_t)text[0], second;

	if (first < form->first || first > form->last)
		return false;
	if (form->len == 1)
		return true;
	second = (uint8_t)text[1];
	if (second < form->second || second > form->second_end)
		return false;
	for (unsigned i = 2; i < form->len; i++)
		if (((uint8_t)text[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t utf8_len(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (is_of_form(text, &forms[i]))
			return forms[i].len;
	return 0;
}

static bool is_control(const char *text, size_t len)
{
	uint8_t first = (uint8_t)text[0];

	if (len == 1)
		return first < 0x20 || first == 0x7f;
	return len == 2 && first == 0xc2 && (uint8_t)text[1] < 0xa0;
}

/* Of one character, or 0. */
static size_t plain_len(const char *text, const char *except)
{
	size_t len = utf8_len(text);

	return is_control(text, len) || (len == 1 && strchr(except, *text)) ? 0 : len;
}

size_t utf8_plain(const char *text, const char *except)
{
	size_t all = 0, len;

	while ((len = plain_len(text + all, except)))
		all += len;
	return all;
}

static void escape_byte(char c, char escape[ESCAPE_MAX])
{
	if (c == '\n' || c == '\\')
		snprintf(escape, ESCAPE_MAX, "\\%c", c == '\n' ? 'n' : c);
	else
		snprintf(escape, ESCAPE_MAX, "\\x%02x", (uint8_t)c);
}

/* What comes next of text, and in *shown what stands for it. */
static size_t next_piece(const char *text, char escape[ESCAPE_MAX], const char **shown)
{
	size_t len = plain_len(text, "\\");

	*shown = len ? text : escape;
	if (len)
		return len;
	escape_byte(*text, escape);
	return 1;
}

size_t utf8_escape(const char *text, char *to, size_t size)
{
	char escape[ESCAPE_MAX];
	const char *shown;
	size_t n = 0;

	while (*text) {
		size_t len = next_piece(text, escape, &shown);
		size_t nr_shown = shown == text ? len : strlen(escape);

		if (nr_shown >= size - n)
			break;
		memcpy(to + n, shown, nr_shown);
		n += nr_shown;
		text += len;
	}
	to[n] = '\0';
	return n;
}
