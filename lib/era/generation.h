/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generations: what one commit left on the device, found by its space map instead of its
 * superblock.
 */
#ifndef ERA_ERA_GENERATION_H
#define ERA_ERA_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "era/superblock.h"
#include "pdata/scan.h"

struct generation {
	/* The superblock that it must have had, but for current_era, flags, and data_block_size when no
	 * clone tells it (then 0). */
	struct superblock sb;
	uint32_t max_era;      /* the highest in its era array and writeset tree */
	uint32_t snap_era;     /* its current era was not below this, as the snapshot's clone says */
	uint64_t nr_set;       /* bits of the current writeset */
	uint64_t nr_writesets; /* archived ones */
};

/* What the space map of the index block `index` says must be in use is there, and every count is
 * what the pointers add up to: then *g is that generation.  1, 0 when it is none, or ERA_SYS. */
int generation_find(struct scan *scan, uint64_t index, struct generation *g) must_check;

/* May g be left out beside `other`, whichever of them is the newer one?  1 when every era that g
 * names is in `other`, or a higher one, and the blocks of g's current writeset are in that of
 * `other`, or in a writeset there that shows when g's was archived; else 0, or ERA_SYS. */
int generation_is_covered(struct scan *scan, const struct generation *g,
			  const struct generation *other) must_check;

#endif
