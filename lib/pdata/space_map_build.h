/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Building a space map: the last blocks of a stage, in which they count themselves, too. */
#ifndef ERA_PDATA_SPACE_MAP_BUILD_H
#define ERA_PDATA_SPACE_MAP_BUILD_H

#include <stdint.h>

#include "base/compiler.h"
#include "block/stage.h"
#include "pdata/space_map.h"

/* The references to each block that does not lie in the stage; those in it have one each. */
struct space_map_counts {
	void *ctx;
	uint32_t (*get)(void *ctx, uint64_t block);
};

/* Nothing outside the stage is in use but block 0. */
extern const struct space_map_counts space_map_just_superblock;

/* Appends a space map for nr_blocks and sets *sm.  A stage that outgrows its limit is no error here:
 * stage->next tells how much it would have needed. */
int space_map_build(struct blk_stage *stage, uint64_t nr_blocks,
		    const struct space_map_counts *counts, struct space_map_root *sm) must_check;

#endif
