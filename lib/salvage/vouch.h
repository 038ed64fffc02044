/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What all blocks of a device prove about a superblock that is not entirely right. */
#ifndef ERA_SALVAGE_VOUCH_H
#define ERA_SALVAGE_VOUCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/superblock.h"

/* What the blocks of a device show, older copies included. */
struct salvage_traces {
	uint32_t newest;  /* the highest era */
	uint64_t longest; /* approximately the most entries of any era array */
	bool is_followed; /* by eras just after the current one, as if the superblock were old */
};

/* For metadata that are not sound, with superblock *sb: which of its fields is wrong, as its space
 * map proves?  Returns 1 if that is known: *sb is then corrected (noted), or unchanged if it says
 * enough.  0 if nothing is proven, or ERA_SYS. */
int salvage_roots(struct blk_dev *dev, struct superblock *sb,
		  struct salvage_traces *traces) must_check;

/* Searches for the states that may be the newest, as if the superblock and the block `destroyed`
 * (0: none) were destroyed, but nothing else.  Does the superblock say no less than each of them?
 * Returns 1, 0, or ERA_SYS. */
int salvage_vouches(struct blk_dev *dev, const struct superblock *sb,
		    uint64_t destroyed) must_check;

#endif
