/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata whose superblock is destroyed: what can be proven of them, as a stream.
 */
#ifndef ERA_SALVAGE_SALVAGE_H
#define ERA_SALVAGE_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/stream.h"

struct blk_dev;

/* Above the highest era found, so that no era that anyone remembers is used twice. */
#define ERA_SALVAGE_GAP 1000000u

/* What the user knows; 0 where he doesn't. */
struct era_salvage_hints {
	uint32_t nr_blocks;
	uint32_t data_block_size; /* sectors */
	uint32_t current_era;
};

/* Numbers of data blocks. */
struct era_salvage_result {
	uint64_t nr_kept;    /* their era is what it was */
	uint64_t nr_current; /* of those: it was the current one, and is now the new current one */
	uint64_t nr_written; /* count as written, in a later era than it may have been */
};

struct era_salvage;

/* Is the superblock of the metadata on an open device destroyed?  1, with the problem reported, 0, or an
 * error: ERA_DAMAGED when it can't be metadata at all. */
int era_salvage_is_needed(struct blk_dev *dev) must_check;

/* Reads an open device, which it takes over, and finds out what it held; it is closed on failure.
 * ERA_DAMAGED when that is not enough to make metadata from, for want of a hint or because of one that
 * contradicts what is proven.  Errors are reported, and what was deduced is noted.  The device's report must
 * outlive it. */
int era_salvage_open(struct era_salvage **s, struct blk_dev *dev,
		     const struct era_salvage_hints *hints) must_check;

/* Also NULL. */
void era_salvage_close(struct era_salvage *s);

/* What it held. */
const struct era_header *era_salvage_header(const struct era_salvage *s);

/* Streams it, with all writesets folded into the array. */
int era_salvage_stream(struct era_salvage *s, const struct era_stream *to) must_check;

/* What the last stream told of each block. */
const struct era_salvage_result *era_salvage_result(const struct era_salvage *s);

#endif
