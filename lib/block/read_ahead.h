/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A bulk reader: it returns blocks in the order of a list of pointers, and reads blocks that are
 * adjacent on the device together.
 */
#ifndef ERA_BLOCK_READ_AHEAD_H
#define ERA_BLOCK_READ_AHEAD_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/le.h"
#include "block/blk.h"
#include "block/dev.h"

struct read_ahead {
	struct blk_dev *dev;
	void *data; /* `capacity` blocks, allocated with the first read */
	uint32_t capacity;
	uint64_t first; /* data holds blocks first .. first + nr - 1 */
	uint32_t nr;
};

/* Allocates nothing and reads nothing yet. */
void read_ahead_init(struct read_ahead *ahead, struct blk_dev *dev, uint32_t capacity);
void read_ahead_free(struct read_ahead *ahead);

/* Gets block pointers[0], unvalidated; pointers[1 .. nr - 1] are those wanted next.  pointers[0]
 * must be below limit; the others are used only as far as they are consecutive and below limit.
 * The block is valid until the next call.  Returns 0 or a positive errno. */
int read_ahead_get(struct read_ahead *ahead, const struct le64 *pointers, uint32_t nr,
		   uint64_t limit, struct blk_ro *blk) must_check;

#endif
