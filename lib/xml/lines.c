/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * All but a few bytes of a line are known beforehand, its number included: it is one more than that
 * of the line before.  So a line is compared, eight bytes at a time, with what it must be, and the
 * digits of the number are incremented in place.
 */
#include "xml/lines.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"

/* No line is longer, and so many bytes may be looked at. */
#define LINE_MAX_BYTES 64

#define BEGIN_BYTES 16
#define EXPECT_BYTES 32

/* The number of the next line, and the fixed text behind it. */
struct expect {
	char text[EXPECT_BYTES];
	uint32_t digits, len;
};

static uint64_t load(const char *text)
{
	uint64_t v;

	memcpy(&v, text, sizeof(v));
	return v;
}

static void expect_set(struct expect *expect, uint64_t n, const char *behind)
{
	char text[EXPECT_BYTES * 2];
	int digits = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	int len = snprintf(text + digits, sizeof(text) - (size_t)digits, "%s", behind);

	memcpy(expect->text, text, EXPECT_BYTES);
	expect->digits = (uint32_t)digits;
	expect->len = (uint32_t)(digits + len);
}

static void expect_next(struct expect *expect, uint64_t n, const char *behind)
{
	uint32_t i = expect->digits - 1;

	while (expect->text[i] == '9' && i)
		expect->text[i--] = '0';
	if (expect->text[i] == '9')
		expect_set(expect, n, behind);
	else
		expect->text[i]++;
}

/* The text behind the begin and the number, or NULL.  Three overlapping words cover its length,
 * which is 8 to 24. */
static inline const char *match(const char *line, const char *begin, const struct expect *expect)
{
	const char *text = line + BEGIN_BYTES;
	uint32_t last = expect->len - 8, middle = last < 8 ? last : 8;

	if (load(line) != load(begin) || load(line + 8) != load(begin + 8) ||
	    load(text) != load(expect->text) ||
	    load(text + middle) != load(expect->text + middle) ||
	    load(text + last) != load(expect->text + last))
		return NULL;
	return text + expect->len;
}

void lines_take_bits(struct lines *lines, uint64_t *words, uint64_t bit)
{
	static const char begin[] = "    <bit block=\"", behind[] = "\" value=\"";
	struct expect expect;

	expect_set(&expect, lines->next, behind);
	for (; lines->max && lines->end - lines->text >= LINE_MAX_BYTES; bit++) {
		const char *value = match(lines->text, begin, &expect);

		if (!value)
			return;
		if (load(value) == load("true\"/>\n")) {
			bits_set(words, bit);
			lines->text = value + 8;
		} else if (load(value) == load("false\"/>") && value[8] == '\n') {
			lines->text = value + 9;
		} else {
			return;
		}
		lines->max--;
		expect_next(&expect, ++lines->next, behind);
	}
}

/* The end of the number, or NULL when it is none, is above max or starts with a needless 0. */
static inline const char *take_number(const char *text, uint32_t max, uint32_t *number)
{
	const char *start = text;
	uint64_t n = 0;

	while (*text >= '0' && *text <= '9' && text - start < 10)
		n = n * 10 + (uint64_t)(*text++ - '0');
	if (text == start || n > max || (*start == '0' && text - start > 1))
		return NULL;
	*number = (uint32_t)n;
	return text;
}

void lines_take_eras(struct lines *lines, uint32_t max_era, uint32_t *eras)
{
	static const char begin[] = "    <era block=\"", behind[] = "\" era=\"";
	struct expect expect;

	expect_set(&expect, lines->next, behind);
	while (lines->max && lines->end - lines->text >= LINE_MAX_BYTES) {
		const char *rest = match(lines->text, begin, &expect);

		if (rest)
			rest = take_number(rest, max_era, eras);
		if (!rest || memcmp(rest, "\"/>\n", 4))
			return;
		lines->text = rest + 4;
		lines->max--;
		eras++;
		expect_next(&expect, ++lines->next, behind);
	}
}
