/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The words of progress: what they are at some widths, and that they fit at all. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "tools/progress.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

struct sample {
	struct progress now;
	uint64_t ms;
	unsigned width;
	const char *text;
};

static const struct progress half = {PROGRESS_CHECK, 2 * GIB, 4 * GIB};
static const struct progress piped = {PROGRESS_READ_XML, 10 * MIB + MIB / 2, 0};

static void lines_say_what_fits(void **state)
{
	const struct sample samples[] = {
		{half, 4000, 80,
		 "era check: checking metadata:  50%, 2 GiB of 4 GiB, 512 MiB/s, 0:04 left"},
		{half, 4000, 70, "checking metadata:  50%, 2 GiB of 4 GiB, 512 MiB/s, 0:04 left"},
		{half, 4000, 60, "checking metadata:  50%, 2 GiB of 4 GiB, 0:04 left"},
		{half, 4000, 40, "checking metadata:  50%, 0:04 left"},
		{half, 4000, 23, "checking metadata:  50%"},
		{half, 4000, 10, " 50%"},
		{half, 4000, 3, ""},
		{half, 100, 80, "era check: checking metadata:  50%, 2 GiB of 4 GiB"},
		{piped, 2000, 80, "era check: reading XML: 10.5 MiB, 5.2 MiB/s"},
		{piped, 2000, 34, "reading XML: 10.5 MiB, 5.2 MiB/s"},
		{piped, 2000, 31, "reading XML: 10.5 MiB"},
		{piped, 2000, 20, "10.5 MiB"},
		{piped, 2000, 7, ""},
		/* An hour and more; longer than anybody can say; and past what was expected. */
		{{PROGRESS_WRITE, GIB, 3 * GIB},
		 3600000,
		 80,
		 "era check: writing metadata:  33%, 1 GiB of 3 GiB, 291.3 KiB/s, 2:00:01 left"},
		{{PROGRESS_WRITE, 1, GIB},
		 10000,
		 80,
		 "era check: writing metadata:   0%, 1 byte of 1 GiB, 0 bytes/s"},
		{{PROGRESS_READ, 3 * GIB, GIB},
		 1000,
		 80,
		 "era check: reading metadata: 100%, 1 GiB of 1 GiB, 3 GiB/s, 0:00 left"},
	};
	char text[PROGRESS_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];

		assert_int_equal(progress_format(&s->now, s->ms, "era check", s->width, text,
						 sizeof(text)),
				 strlen(s->text));
		assert_string_equal(text, s->text);
	}
}

/* Whatever is to be said, and whatever the program is called. */
static void every_line_fits(void **state)
{
	const uint64_t sizes[] = {0, 1, 1023, MIB - 1, 1000 * GIB, UINT64_MAX};
	char text[PROGRESS_LINE_MAX], name[PROGRESS_LINE_MAX + 9];
	struct progress now;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned step = PROGRESS_NONE + 1; step < NR_PROGRESS_STEPS; step++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(sizes) * 400; i++) {
			unsigned width = (unsigned)(i % 400);
			size_t len;

			now = (struct progress){(enum progress_step)step,
						sizes[i / 400 % ARRAY_SIZE(sizes)],
						sizes[i / 400 / ARRAY_SIZE(sizes)]};
			len = progress_format(&now, i % 3 * 1000, i % 2 ? name : "era", width, text,
					      sizeof(text));
			assert_true(len <= width && len == strlen(text));
			assert_true(len || width < 20);
		}
}

static void json_has_null_for_what_is_unknown(void **state)
{
	char text[PROGRESS_LINE_MAX];

	(void)state;
	progress_format_json(&half, 4000, text, sizeof(text));
	assert_string_equal(text, "{\"step\":\"check\",\"done_bytes\":2147483648,"
				  "\"total_bytes\":4294967296,\"bytes_per_second\":536870912,"
				  "\"seconds_left\":4}\n");
	progress_format_json(&piped, 100, text, sizeof(text));
	assert_string_equal(text, "{\"step\":\"read-xml\",\"done_bytes\":11010048,"
				  "\"total_bytes\":null,\"bytes_per_second\":null,"
				  "\"seconds_left\":null}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_what_fits),
		cmocka_unit_test(every_line_fits),
		cmocka_unit_test(json_has_null_for_what_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
