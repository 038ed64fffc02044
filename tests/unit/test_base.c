/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Bits, arrays that grow, decimals, checked arithmetic, the problem table and lines of text. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/block_type.h"
#include "base/checked.h"
#include "base/compiler.h"
#include "base/decimal.h"
#include "base/grow.h"
#include "base/problem.h"
#include "base/report.h"
#include "base/text.h"

#define NR_BITS 300u

static void model_bits(const uint8_t *model, uint64_t *words)
{
	memset(words, 0, (size_t)bits_words(NR_BITS) * sizeof(*words));
	for (unsigned i = 0; i < NR_BITS; i++)
		if (model[i])
			bits_set(words, i);
}

static uint64_t model_next(const uint8_t *model, uint64_t from, uint8_t value, uint64_t nr)
{
	while (from < nr && model[from] != value)
		from++;
	return from < nr ? from : nr;
}

static void bits_find_what_a_loop_finds(void **state)
{
	uint64_t words[(NR_BITS + 63) / 64], seed = 7;
	uint8_t model[NR_BITS];

	(void)state;
	for (int round = 0; round < 200; round++) {
		uint64_t count = 0, nr = 1 + unit_random(&seed) % NR_BITS;
		unsigned density = 1 + unit_random(&seed) % 8;

		for (unsigned i = 0; i < NR_BITS; i++)
			model[i] = unit_random(&seed) % density == 0;
		model_bits(model, words);
		for (uint64_t i = 0; i < nr; i++) {
			count += model[i];
			assert_int_equal(bits_test(words, i), model[i]);
			assert_int_equal(bits_next_set(words, i, nr), model_next(model, i, 1, nr));
			assert_int_equal(bits_next_clear(words, i, nr),
					 model_next(model, i, 0, nr));
		}
		assert_int_equal(bits_count(words, nr), count);
		assert_int_equal(bits_next_set(words, nr, nr), nr);
	}
}

static void ranges_set_just_their_bits(void **state)
{
	uint64_t words[(NR_BITS + 63) / 64], seed = 9;

	(void)state;
	for (int round = 0; round < 500; round++) {
		uint64_t first = unit_random(&seed) % NR_BITS;
		uint64_t len = unit_random(&seed) % (NR_BITS - first + 1);

		memset(words, 0, sizeof(words));
		bits_set_range(words, first, len);
		for (uint64_t i = 0; i < NR_BITS; i++)
			assert_int_equal(bits_test(words, i), i >= first && i < first + len);
	}
}

static void decimals_count_as_printf_prints(void **state)
{
	static const uint64_t starts[] = {0,	 5,	  95,	       9980,
					  99990, 1999990, 4294967280u, UINT64_MAX - 260};
	char text[64], wanted[32];
	struct decimal d = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		for (uint64_t n = starts[i]; n < starts[i] + 250; n++) {
			*decimal_put(&d, n, text) = '\0';
			snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)n);
			assert_string_equal(text, wanted);
		}
	}
}

static void decimals_are_digits_and_nothing_else(void **state)
{
	static const char *const wrong[] = {"",
					    "-1",
					    "+1",
					    " 1",
					    "1 ",
					    "0x1",
					    "1a",
					    "/",
					    ":",
					    "18446744073709551616",
					    "99999999999999999999"};
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(decimal_parse(wrong[i], strlen(wrong[i]), UINT64_MAX, &value));
	assert_false(decimal_parse("101", 3, 100, &value));
	assert_int_equal(value, 7);
	assert_true(decimal_parse("18446744073709551615", 20, UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_true(decimal_parse("100 ", 3, 100, &value));
	assert_int_equal(value, 100);
	assert_true(decimal_parse("007", 3, 7, &value));
	assert_int_equal(value, 7);
}

static void keep_error(void *ctx, const char *text)
{
	snprintf(ctx, 32, "%s", text);
}

static void errors_go_to_the_next_report(void **state)
{
	char text[32] = "";
	const struct report last = {.ctx = text, .error = keep_error};
	const struct report middle = {.ctx = NULL, .errors_to = &last};
	const struct report errors = report_only_errors(&middle);

	(void)state;
	assert_int_equal(report_fail(&errors, ERA_DAMAGED, "reason %d", 5), ERA_DAMAGED);
	assert_string_equal(text, "reason 5");
	report_note(&errors, "note");
	assert_string_equal(text, "reason 5");
	assert_int_equal(report_fail(&(struct report){.ctx = NULL}, ERA_SYS, "none"), ERA_SYS);
	assert_string_equal(text, "reason 5");
}

static void overflow_leaves_the_result_alone(void **state)
{
	uint64_t out = 42;

	(void)state;
	assert_false(checked_add(UINT64_MAX, 1, &out));
	assert_false(checked_mul(UINT64_MAX / 2, 3, &out));
	assert_int_equal(out, 42);
	assert_true(checked_add(UINT64_MAX - 1, 1, &out));
	assert_true(out == UINT64_MAX);
	assert_true(checked_mul(UINT64_C(1) << 32, UINT64_C(1) << 31, &out));
	assert_true(out == UINT64_C(1) << 63);
	assert_int_equal(div_up(0, 5), 0);
	assert_int_equal(div_up(10, 5), 2);
	assert_int_equal(div_up(11, 5), 3);
}

static void every_problem_has_its_words(void **state)
{
	char line[PROBLEM_LINE_MAX];
	struct problem p;

	(void)state;
	for (int code = 0; code < NR_PROBLEMS; code++) {
		problem_set(&p, (enum problem_code)code, 17, 1, 2);
		snprintf(p.where, sizeof(p.where), "here");
		assert_non_null(problem_name(&p));
		assert_non_null(problem_what(&p));
		problem_line(&p, line, sizeof(line));
		assert_int_equal(strncmp(line, "block 17: here: ", 16), 0);
		assert_null(strchr(line, '\n'));
	}
	for (int type = 0; type < NR_BLOCK_TYPES; type++)
		assert_non_null(block_type_name((enum block_type)type));
}

static void problem_line_reads_well(void **state)
{
	char line[PROBLEM_LINE_MAX];
	struct problem p;

	(void)state;
	problem_set(&p, PROBLEM_KEY_HIGH, 12, 40, 30);
	p.nr_blocks = 3;
	snprintf(p.where, sizeof(p.where), "era array, root");
	problem_line(&p, line, sizeof(line));
	assert_string_equal(line, "blocks 12 to 14: era array, root: key past its parent's range: "
				  "found 40, wanted below 30");
	p.block = PROBLEM_NO_BLOCK;
	problem_line(&p, line, sizeof(line));
	assert_string_equal(line, "era array, root: key past its parent's range: found 40, wanted "
				  "below 30");
}

static void arrays_grow_and_keep_what_they_hold(void **state)
{
	size_t capacity = 0, before;
	uint32_t *items = NULL, moves = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		before = capacity;
		items = grow_array(items, i + 1, &capacity, sizeof(*items));
		assert_non_null(items);
		assert_true(capacity > i);
		moves += capacity != before;
		items[i] = i;
	}
	assert_in_range(moves, 1, 12);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(items[i], i);
	before = capacity;
	assert_null(grow_array(items, SIZE_MAX / 2 + 1, &capacity, 4 * sizeof(*items)));
	assert_int_equal(capacity, before);
	assert_int_equal(items[9999], 9999);
	free(items);
}

/* Of every length up to the one that does not fit any more. */
static void lines_that_are_too_long_lose_their_middle(void **state)
{
	char path[200], text[64 + 1];

	(void)state;
	for (size_t len = 0; len < sizeof(path); len++) {
		memset(path, 'x', len);
		path[len] = '\0';
		memset(text, '!', sizeof(text));
		text_format(text, 64, "<%s: cannot open>", path);
		assert_int_equal(text[64], '!');
		assert_int_equal(strlen(text), len < 64 - 16 ? len + 15 : 63);
		assert_int_equal(strncmp(text, "<xxxx", len < 4 ? 1 + len : 5), 0);
		assert_string_equal(text + strlen(text) - 14, ": cannot open>");
		assert_int_equal(!strstr(text, "[...]"), len < 64 - 15);
	}
}

/* Whatever the number of bytes before them. */
static void no_character_is_cut_in_two(void **state)
{
	char all[200], text[64];

	(void)state;
	for (size_t before = 0; before < 4; before++) {
		memset(all, 'x', before);
		for (size_t at = before; at + 3 < sizeof(all); at += 3)
			memcpy(all + at, "\xe2\x82\xac", 4);
		text_copy(text, sizeof(text), all);
		assert_non_null(strstr(text, "[...]\xe2"));
		assert_true(strlen(text) > 56);
		for (size_t i = before; text[i] != '['; i += 3)
			assert_int_equal(memcmp(text + i, "\xe2\x82\xac", 3), 0);
	}
	memset(all, 0x80, sizeof(all) - 1);
	all[sizeof(all) - 1] = '\0';
	text_copy(text, sizeof(text), all);
	assert_true(strlen(text) > 56);
}

static void keep_text(void *ctx, const char *text)
{
	strcpy(ctx, text);
}

static void reports_keep_the_reason(void **state)
{
	static char path[20000], text[TEXT_LINE_MAX];
	const struct report rep = {.ctx = text, .error = keep_text, .note = keep_text};
	static const size_t lengths[] = {2400, 4095, 19999};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(path, 'x', lengths[i]);
		path[lengths[i]] = '\0';
		report_fail(&rep, ERA_SYS, "%s: why", path);
		assert_string_equal(text + strlen(text) - 5, ": why");
		assert_int_equal(!strncmp(text, path, lengths[i]), lengths[i] < 4096);
		report_note(&rep, "%s: note", path);
		assert_string_equal(text + strlen(text) - 6, ": note");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_find_what_a_loop_finds),
		cmocka_unit_test(ranges_set_just_their_bits),
		cmocka_unit_test(decimals_count_as_printf_prints),
		cmocka_unit_test(arrays_grow_and_keep_what_they_hold),
		cmocka_unit_test(decimals_are_digits_and_nothing_else),
		cmocka_unit_test(errors_go_to_the_next_report),
		cmocka_unit_test(overflow_leaves_the_result_alone),
		cmocka_unit_test(every_problem_has_its_words),
		cmocka_unit_test(problem_line_reads_well),
		cmocka_unit_test(lines_that_are_too_long_lose_their_middle),
		cmocka_unit_test(no_character_is_cut_in_two),
		cmocka_unit_test(reports_keep_the_reason),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
