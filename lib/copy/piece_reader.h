/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reads ranges of a source in pieces, several at once, and returns them in order.
 *
 * A device is fast only while it has several requests to work on, above all if they are small and
 * far apart.  So a few threads read ahead into a ring of buffers of fixed size; the one that
 * consumes them waits only for the next.
 */
#ifndef ERA_COPY_PIECE_READER_H
#define ERA_COPY_PIECE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "copy/copy_source.h"

#define PIECE_BYTES (1u << 20)
#define PIECE_PART (64u << 10) /* what `zeroes` has a bit for */

/* Sets the next range, and returns true; false at the end.  Ranges ascend and do not overlap or
 * pass the source's size, and each begins at a multiple of COPY_SOURCE_ALIGN. Called by one thread
 * at a time, but not always the same. */
struct copy_ranges {
	bool (*next)(void *ctx, uint64_t *offset, uint64_t *length);
	void *ctx;
};

struct piece {
	uint64_t offset;
	uint32_t length; /* at most PIECE_BYTES */
	uint32_t zeroes; /* bit n: its part n has nothing but zeroes */
	uint8_t *data;
};

struct piece_reader;

/* source and ranges must outlive *out, which piece_reader_stop() frees.  Errors are reported to the
 * source's report. */
int piece_reader_start(struct piece_reader **out, const struct copy_source *source,
		       const struct copy_ranges *ranges) must_check;
void piece_reader_stop(struct piece_reader *reader);

/* Returns 1 with *piece set, which is valid until the next call; 0 at the end; or an error,
 * reported. */
int piece_reader_next(struct piece_reader *reader, struct piece *piece) must_check;

#endif
