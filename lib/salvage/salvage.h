/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
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

/* Added to the highest era found, so that no recorded era is used twice. */
#define ERA_SALVAGE_GAP 1000000u

/* What the user knows; 0: unknown. */
struct era_salvage_hints {
	uint32_t nr_blocks;
	uint32_t data_block_size; /* sectors */
	uint32_t current_era;
};

/* Numbers of data blocks. */
struct era_salvage_result {
	uint64_t nr_kept;    /* they keep their era */
	uint64_t nr_current; /* of these: the era was the current one, and is the new one now */
	uint64_t nr_written; /* count as written, possibly in a later era than the true one */
};

struct era_salvage;

/* Is the superblock of the metadata on an open device destroyed?  Returns 1, with the problem
 * reported, 0, or an error: ERA_DAMAGED if the device can't hold metadata at all. */
int era_salvage_is_needed(struct blk_dev *dev) must_check;

/* Reads an open device, which it takes over, and finds out what it held; the device is closed on
 * failure. ERA_DAMAGED if that is not enough to create metadata, because a hint is missing or
 * contradicts what is proven.  Errors are reported, and what was deduced is noted.  The device's
 * report must outlive *s. */
int era_salvage_open(struct era_salvage **s, struct blk_dev *dev,
		     const struct era_salvage_hints *hints) must_check;

/* NULL is legal. */
void era_salvage_close(struct era_salvage *s);

/* The header of the metadata. */
const struct era_header *era_salvage_header(const struct era_salvage *s);

/* Streams the metadata, with all writesets folded into the array. */
int era_salvage_stream(struct era_salvage *s, const struct era_stream *to) must_check;

/* Summarises the last stream. */
const struct era_salvage_result *era_salvage_result(const struct era_salvage *s);

#endif
