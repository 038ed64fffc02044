/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What the fuzz targets share.
 *
 * A target is a C file with LLVMFuzzerTestOneInput().  Linked with libFuzzer it searches; linked
 * with replay.c, by any compiler, it runs files that are given.  A crash, a sanitizer's report and
 * a failed must() are findings.
 */
#ifndef ERA_TESTS_FUZZ_H
#define ERA_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define must(condition) \
	do { \
		if (!(condition)) \
			fuzz_found(__FILE__, __LINE__, #condition); \
	} while (0)

_Noreturn void fuzz_found(const char *file, int line, const char *what);

/* The bytes of an input, taken from its start. */
struct input {
	const uint8_t *data;
	size_t len;
};

/* A little-endian number of so many bytes; those that are missing are 0. */
uint64_t input_take(struct input *input, unsigned bytes);

/* Calls of a report, counted, with a checksum of what they said. */
struct told {
	uint64_t nr_problems, nr_errors, nr_notes;
	uint32_t words;
	char last[256];
};

struct report fuzz_report(struct told *told);

void must_say_the_same(const struct told *a, const struct told *b);

/* A documented end; if it failed, a reason was given. */
void must_be_told(int result, const struct told *told);

/* A file in memory, by a path that can be opened any number of times. */
struct memfile {
	int fd;
	char path[32];
};

void memfile_open(struct memfile *file, const void *data, size_t len);
void memfile_close(struct memfile *file);
size_t memfile_size(const struct memfile *file);
/* All of it, len set; free() it. */
void *memfile_read(const struct memfile *file, size_t *len);
bool memfile_same(const struct memfile *a, const struct memfile *b);

#endif
