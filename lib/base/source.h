/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where input comes from: a file or standard input, plain or compressed with gzip. */
#ifndef ERA_BASE_SOURCE_H
#define ERA_BASE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

struct source {
	const struct report *rep;
	const char *name; /* for messages */
	void *gz;
	uint64_t done; /* bytes of the file read so far, about */
	uint64_t size; /* of the file, 0 when it isn't known */
};

/* path "-" is standard input; it must outlive the source. */
int source_open(struct source *source, const char *path, const struct report *rep) must_check;
void source_close(struct source *source);

/* Reads up to size bytes: their number, 0 at the end, or an error: ERA_DAMAGED for compressed data
 * that are damaged or cut off. */
int source_read(struct source *source, void *data, unsigned size) must_check;

#endif
