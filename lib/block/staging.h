/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * New metadata under construction, away from the device.
 *
 * Blocks 1, 2, 3, ... are appended in that order.  A small staging file stays in memory; a larger
 * one is an unlinked temporary file.  For a device that keeps its contents, blocks can have other
 * numbers: then the first block of the staging file goes to the first of a list of places, and so
 * on.  Only a complete staging file is copied to a device, so an error before that leaves the
 * device as it was.
 */
#ifndef ERA_BLOCK_STAGING_H
#define ERA_BLOCK_STAGING_H

#include <stdint.h>

#include "base/block_type.h"
#include "base/compiler.h"
#include "block/blk.h"
#include "block/dev.h"

struct blk_staging {
	const struct report *rep;
	const uint64_t *places; /* of blocks 1, 2, 3, ... on the device; NULL: the same numbers */
	uint64_t next;		/* the number of the block appended next */
	uint64_t limit;		/* blocks from here on are counted, not kept */
	int fd;			/* of the temporary file, or -1 */
	void *data;		/* the blocks not yet in the file */
	uint32_t nr_data;
};

/* limit: how many blocks the device has, including block 0.  A staging file that outgrows it can't
 * be copied any more, but says how large a device it would need. */
int blk_staging_open(struct blk_staging *staging, uint64_t limit,
		     const struct report *rep) must_check;

/* For blocks that go to these nr places, which ascend and must outlive the staging file. */
int blk_staging_open_at(struct blk_staging *staging, const uint64_t *places, uint64_t nr,
			const struct report *rep) must_check;

void blk_staging_close(struct blk_staging *staging);

/* The device's block for block i of the staging file; UINT64_MAX if there is no place for it. */
uint64_t blk_staging_number(const struct blk_staging *staging, uint64_t i);

/* Seals blk->data as the next block, and sets blk->nr to its number on the device.  ERA_SYS if
 * there are more blocks than any space map can count. */
int blk_staging_append(struct blk_staging *staging, struct blk_rw *blk,
		       enum block_type type) must_check;

/* Copies all blocks, which must be within the limit, to their places on the device; block 0 is
 * left alone. */
int blk_staging_copy(struct blk_staging *staging, struct blk_dev *dev) must_check;

#endif
