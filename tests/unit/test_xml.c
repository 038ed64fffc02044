/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The quick way of reading XML against the plain one: for every input, canonical or not, both must
 * give the same events and the same message.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "block/crc.h"
#include "xml/reader.h"

#define MESSAGE_BYTES 512
#define TEXT_BYTES (1u << 20)

static char path[UNIT_PATH_MAX];
static char *text;
static size_t len;

/* What came of a reading. */
struct outcome {
	int result;
	uint32_t events; /* a checksum of them all */
	char message[MESSAGE_BYTES];
};

static int hash(void *ctx, const void *data, size_t n, char kind)
{
	struct outcome *o = ctx;

	o->events = crc32c(crc32c(o->events, &kind, 1), data, n);
	return 0;
}

static int on_begin(void *ctx, const struct era_header *header)
{
	return hash(ctx, header, sizeof(*header), 'b');
}

static int on_writeset(void *ctx, uint32_t era, uint32_t nr_bits)
{
	const uint32_t values[] = {era, nr_bits};

	return hash(ctx, values, sizeof(values), 'w');
}

/* Pieces may be of any size: only what they hold counts. */
static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		hash(ctx, &words[i], sizeof(*words), 'o');
	return 0;
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		hash(ctx, &eras[i], sizeof(*eras), 'e');
	return 0;
}

static int on_mark(void *ctx)
{
	return hash(ctx, "", 0, 'm');
}

static void on_error(void *ctx, const char *message)
{
	struct outcome *o = ctx;

	snprintf(o->message, sizeof(o->message), "%s", message);
}

static void write_text(void)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static struct outcome read_text(enum xml_read_how how)
{
	struct outcome o = {.message = ""};
	const struct report rep = {.ctx = &o, .error = on_error};
	const struct era_stream stream = {&o,	   on_begin, on_writeset, on_words, on_mark,
					  on_mark, on_eras,  on_mark,	  on_mark};
	struct source source;

	assert_int_equal(source_open(&source, path, &rep), 0);
	o.result = xml_read(&source, &stream, how);
	source_close(&source);
	return o;
}

/* Pieces that were sent before an error was found may differ, the rest may not. */
static int both_ways(void)
{
	struct outcome fast, plain;

	write_text();
	fast = read_text(XML_READ_FAST);
	plain = read_text(XML_READ_PLAIN);
	assert_int_equal(fast.result, plain.result);
	assert_string_equal(fast.message, plain.message);
	if (!fast.result)
		assert_int_equal(fast.events, plain.events);
	return fast.result;
}

static void add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void add(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	len += (size_t)vsnprintf(text + len, TEXT_BYTES - len, fmt, args);
	va_end(args);
	assert_true(len < TEXT_BYTES);
}

/* Metadata as they are dumped; pad bytes of a comment move them along the reader's buffer. */
static void make_text(unsigned nr_blocks, unsigned pad, uint64_t *seed)
{
	len = 0;
	if (pad)
		add("<!--%*s-->", (int)pad, "");
	add("<superblock uuid=\"\" block_size=\"8\" nr_blocks=\"%u\" current_era=\"120\">\n",
	    nr_blocks);
	for (unsigned era = 3; era < 5; era++) {
		add("  <writeset era=\"%u\" nr_bits=\"%u\">\n", era, nr_blocks);
		for (unsigned i = 0; i < nr_blocks; i++)
			add("    <bit block=\"%u\" value=\"%s\"/>\n", i,
			    unit_random(seed) % 4 ? "false" : "true");
		add("  </writeset>\n");
	}
	add("  <era_array>\n");
	for (unsigned i = 0; i < nr_blocks; i++)
		add("    <era block=\"%u\" era=\"%u\"/>\n", i, unit_random(seed) % 121);
	add("  </era_array>\n</superblock>\n");
}

static void canonical_text_is_read_the_same(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned nr = 0; nr < 140; nr++) {
		make_text(nr, 0, &seed);
		assert_int_equal(both_ways(), 0);
	}
}

static void lines_across_a_buffers_end(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (unsigned pad = 1; pad < 50; pad++) {
		make_text(4500, pad, &seed);
		assert_int_equal(both_ways(), 0);
	}
}

static void replace_at(size_t at, size_t remove, const char *with)
{
	size_t n = strlen(with);

	memmove(text + at + n, text + at + remove, len - at - remove);
	memcpy(text + at, with, n);
	len += n;
	len -= remove;
}

/* One small change at a random place. */
static void mutate(uint64_t *seed)
{
	static const char *const pieces[] = {
		"",
		" ",
		"\n",
		"\t",
		"0",
		"9",
		"\"",
		"'",
		"<",
		">",
		"/>",
		"-",
		"&",
		"&#49;",
		"<!-- x -->",
		"\r\n",
		"x",
		"<bit block=\"1\" value=\"true\"/>",
		"<?pi?>",
		"true",
		"=",
		"<![CDATA[ ]]>",
		"</writeset>",
		"<![CDATA[",
		"]]>",
		"<!--",
		"-->",
		"<?",
		"?>",
		"\n<![CDATA[\n",
		"\n]]>\n",
	};
	size_t at = unit_random(seed) % len;
	const char *piece = pieces[unit_random(seed) % (sizeof(pieces) / sizeof(*pieces))];
	size_t remove = unit_random(seed) % 3;
	char digit[2] = {(char)('0' + unit_random(seed) % 10), '\0'};

	if (at + remove > len)
		remove = 0;
	if (unit_random(seed) % 4 == 0)
		replace_at(at, 1, digit);
	else
		replace_at(at, remove, piece);
}

/* A line twice, left out, or exchanged with its neighbour. */
static void move_line(uint64_t *seed)
{
	char *line = memchr(text + unit_random(seed) % (len - 200), '\n', 200);
	char *end = line ? memchr(line + 1, '\n', 200) : NULL;
	char copy[256];
	size_t n;

	if (!end)
		return;
	n = (size_t)(end - line);
	memcpy(copy, line, n);
	copy[n] = '\0';
	if (unit_random(seed) % 2)
		replace_at((size_t)(line - text), n, "");
	if (unit_random(seed) % 2)
		replace_at((size_t)(line - text), 0, copy);
}

/* Whole lines in what begins and ends on lines of its own. */
static void lines_that_are_no_elements(void **state)
{
	static const char *const around[][2] = {
		{"<![CDATA[\n", "]]>\n"},
		{"<!--\n", "-->\n"},
		{"<?pi\n", "?>\n"},
		{"<bit a='\n", "'/>\n"},
	};
	uint64_t seed = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(around) / sizeof(*around); i++) {
		for (unsigned line = 1; line < 30; line++) {
			char *at;

			make_text(8, 0, &seed);
			at = text;
			for (unsigned n = 0; n < line && at; n++)
				at = memchr(at, '\n', len - (size_t)(at - text)) + 1;
			if ((size_t)(at - text) + 60 > len)
				continue;
			replace_at((size_t)(at - text), 0, around[i][0]);
			at = memchr(at + strlen(around[i][0]), '\n', 100);
			replace_at((size_t)(at + 1 - text), 0, around[i][1]);
			assert_int_equal(both_ways(), ERA_DAMAGED);
		}
	}
}

static void changed_text_is_read_the_same(void **state)
{
	unsigned refused = 0, taken = 0;
	uint64_t seed = 3;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		make_text(10 + unit_random(&seed) % 30, 0, &seed);
		for (unsigned n = 1 + unit_random(&seed) % 2; n; n--) {
			if (unit_random(&seed) % 5)
				mutate(&seed);
			else
				move_line(&seed);
		}
		if (both_ways())
			refused++;
		else
			taken++;
	}
	assert_true(refused > 1000);
	assert_true(taken > 100);
}

static int make(void **state)
{
	int fd;

	(void)state;
	unit_temporary(path, "xml");
	fd = mkstemp(path);
	text = malloc(TEXT_BYTES);
	return fd < 0 || !text ? -1 : close(fd);
}

static int clean(void **state)
{
	(void)state;
	free(text);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_text_is_read_the_same),
		cmocka_unit_test(lines_across_a_buffers_end),
		cmocka_unit_test(lines_that_are_no_elements),
		cmocka_unit_test(changed_text_is_read_the_same),
	};

	return cmocka_run_group_tests_name("xml", tests, make, clean);
}
