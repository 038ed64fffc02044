/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "block/crc.h"

const char *__asan_default_options(void);

/* Freed memory that is kept from being used again: the usual 256 MiB are never in a cache. */
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=8";
}

void fuzz_found(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

uint64_t input_take(struct input *input, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && input->len; i++) {
		value |= (uint64_t)*input->data++ << 8 * i;
		input->len--;
	}
	return value;
}

static void add_words(struct told *told, const char *text)
{
	told->words = crc32c(told->words, text, strlen(text));
	snprintf(told->last, sizeof(told->last), "%s", text);
}

static void on_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];
	struct told *told = ctx;

	told->nr_problems++;
	problem_line(p, line, sizeof(line));
	add_words(told, line);
}

static void on_error(void *ctx, const char *text)
{
	struct told *told = ctx;

	told->nr_errors++;
	add_words(told, text);
}

static void on_note(void *ctx, const char *text)
{
	struct told *told = ctx;

	told->nr_notes++;
	add_words(told, text);
}

struct report fuzz_report(struct told *told)
{
	*told = (struct told){0};
	return (struct report){.ctx = told,
			       .problem = on_problem,
			       .error = on_error,
			       .note = on_note};
}

/* Of two errors in one piece of text expat finds the second first where the piece was not cut
 * between them, and inside a character that was cut it gives another column.  At the beginning it
 * is asked what the text is instead. */
static bool is_expats_own(const struct told *told)
{
	return strstr(told->last, "not well-formed") || strstr(told->last, "not XML, but ");
}

void must_say_the_same(const struct told *a, const struct told *b)
{
	bool same = a->words == b->words || is_expats_own(a) || is_expats_own(b);

	if (!same)
		fprintf(stderr, "one says: %s\nthe other: %s\n", a->last, b->last);
	must(same);
}

void must_be_told(int result, const struct told *told)
{
	must(result == 0 || result == ERA_DAMAGED || result == ERA_SYS || result == ERA_NO_ANSWER ||
	     result == ERA_PIPE);
	if (result && result != ERA_PIPE)
		must(told->nr_problems + told->nr_errors);
}

void memfile_open(struct memfile *file, const void *data, size_t len)
{
	file->fd = memfd_create("fuzz", 0); /* a sink takes none that an exec closes */
	must(file->fd >= 0);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
	must(!len || !io_write_at(file->fd, data, len, 0));
}

void memfile_close(struct memfile *file)
{
	must(!close(file->fd));
}

size_t memfile_size(const struct memfile *file)
{
	struct stat st;

	must(!fstat(file->fd, &st));
	return (size_t)st.st_size;
}

void *memfile_read(const struct memfile *file, size_t *len)
{
	void *data;

	*len = memfile_size(file);
	data = malloc(*len + 1);
	must(data);
	must(!io_read_at(file->fd, data, *len, 0));
	return data;
}

bool memfile_same(const struct memfile *a, const struct memfile *b)
{
	size_t len_a, len_b;
	void *data_a = memfile_read(a, &len_a), *data_b = memfile_read(b, &len_b);
	bool same = len_a == len_b && !memcmp(data_a, data_b, len_a);

	free(data_a);
	free(data_b);
	return same;
}
