/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Marking without a target: some blocks count as written once more, in an era that begins now.
 *
 * So an origin that has changed behind the target's back needs no other remembered eras: a question
 * about any of them lists the blocks.
 */
#ifndef ERA_LIVE_MARKING_H
#define ERA_LIVE_MARKING_H

#include <stdint.h>

#include "base/compiler.h"

struct blk_dev;

/*
 * bits: one for each data block, as many as the superblock says; those that are set are marked.
 * dev is open for writing, and its metadata have been checked.  *era is the new era: the next one,
 * or least_era if that is later.
 *
 * Metadata of a target that was stopped are again such, and those of a crash are again of a crash:
 * then what is in doubt after it (target/engine/doubt.c) is marked, too, and set in bits.
 *
 * If this fails, or is stopped, the metadata are the old ones, the new ones, or, when they had too
 * few free blocks to do it in one commit, the old ones with some of the blocks marked.  Errors are
 * reported; ERA_NO_SPACE if there are no free blocks even so.
 */
int era_mark_blocks(struct blk_dev *dev, uint64_t *bits, uint32_t least_era,
		    uint32_t *era) must_check;

/* The same for an origin that now has nr_blocks blocks, as many as there are bits: those that it
 * had not before count as written in the new era in any case, and those that are gone as never. */
int era_mark_resized(struct blk_dev *dev, uint32_t nr_blocks, uint64_t *bits, uint32_t least_era,
		     uint32_t *era) must_check;

#endif
