/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What is UTF-8, against a decoder that reads any number of bytes and then looks at what came out;
 * and what is made of the rest. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"

/* How many bytes the first one asks for; 0 when it can't be a first one. */
static unsigned model_bytes(uint8_t first)
{
	static const struct {
		uint8_t mask, bits;
	} kinds[] = {{0x80, 0x00}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((first & kinds[i].mask) == kinds[i].bits)
			return i + 1;
	return 0;
}

static bool model_accepts(uint32_t code, unsigned nr)
{
	static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};

	return code >= least[nr] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static size_t model_len(const char *text)
{
	const uint8_t *bytes = (const uint8_t *)text;
	unsigned nr = model_bytes(bytes[0]);
	uint32_t code = nr == 1 ? bytes[0] : bytes[0] & (0x7fu >> nr);

	for (unsigned i = 1; i < nr; i++) {
		if (bytes[i] >> 6 != 2)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	return nr && model_accepts(code, nr) ? nr : 0;
}

static void characters_are_those_of_the_model(void **state)
{
	char text[5] = "";

	(void)state;
	for (uint32_t n = 0; n < UINT32_C(1) << 24; n++) {
		text[0] = (char)(n >> 16);
		text[1] = (char)(n >> 8);
		text[2] = (char)n;
		text[3] = n & 1 ? '\xbf' : '\x80';
		if (utf8_len(text) != model_len(text))
			assert_int_equal(utf8_len(text), model_len(text));
	}
	assert_int_equal(utf8_len(""), 0);
	assert_int_equal(utf8_len("\xf0\x9f\xa6"), 0);
	assert_int_equal(utf8_len("\xf0\x9f\xa6("), 0);
}

static void plain_text_ends_at_what_must_be_escaped(void **state)
{
	static const struct {
		const char *text;
		size_t plain;
	} cases[] = {
		{"", 0},	 {"abc", 3},
		{"a\"b", 1},	 {"a\nb", 1},
		{"a\x7f", 1},	 {"m\xc3\xa9t\xc3\xa0 ", 7},
		{"\xc2\x9f", 0}, {"\xc2\xa0", 2},
		{"a\xff", 1},	 {"\xe2\x82\xac\xe2\x82", 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(utf8_plain(cases[i].text, "\""), cases[i].plain);
}

static void escapes_fit_or_are_left_out(void **state)
{
	static const char text[] = "m\xc3\xa9\n\\\x1b[1m\xff\xc2\x85";
	static const char wanted[] = "m\xc3\xa9\\n\\\\\\x1b[1m\\xff\\xc2\\x85";
	char to[64];

	(void)state;
	assert_int_equal(utf8_escape(text, to, sizeof(to)), strlen(wanted));
	assert_string_equal(to, wanted);
	for (size_t size = 1; size <= sizeof(wanted); size++) {
		size_t n = utf8_escape(text, to, size);

		assert_true(n < size && n + 4 >= size);
		assert_int_equal(strlen(to), n);
		assert_memory_equal(to, wanted, n);
	}
	/* Neither a character nor an escape is cut. */
	assert_int_equal(utf8_escape(text, to, 3), 1);
	assert_int_equal(utf8_escape(text, to, 5), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_are_those_of_the_model),
		cmocka_unit_test(plain_text_ends_at_what_must_be_escaped),
		cmocka_unit_test(escapes_fit_or_are_left_out),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
