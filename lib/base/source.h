/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Where input comes from: a file or standard input, plain or compressed by gzip. */
#ifndef ERA_BASE_SOURCE_H
#define ERA_BASE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

struct source_input;

struct source {
	const struct report *rep;
	const char *name; /* for messages */
	struct source_input *input;
	uint64_t done; /* approximately how many bytes of the file have been read; of a pipe, how
			* many there were without compression */
	uint64_t size; /* of the file, 0 if unknown */
};

/* path "-" is standard input; the string must outlive the source. */
int source_open(struct source *source, const char *path, const struct report *rep) must_check;
void source_close(struct source *source);

/* Reads up to size bytes.  Returns their number, 0 at the end, or an error: ERA_DAMAGED if
 * compressed data are damaged or truncated, or followed by anything but more of them or zeroes. */
int source_read(struct source *source, void *data, unsigned size) must_check;

#endif
