/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The space map: a count of references for each metadata block.
 * Source in the kernel: drivers/md/persistent-data/dm-space-map-common.c. */
#ifndef ERA_PDATA_SPACE_MAP_H
#define ERA_PDATA_SPACE_MAP_H

#include <stdint.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"

struct space_map_root {
	uint64_t nr_blocks, nr_allocated;
	uint64_t index;    /* block of the index */
	uint64_t ref_tree; /* root of the ref-count tree */
};

/* How many blocks a space map for nr_blocks takes: bitmaps, index, an empty ref-count tree. */
static inline uint64_t space_map_blocks(uint64_t nr_blocks)
{
	return div_up(nr_blocks, BITMAP_ENTRIES) + 2;
}

#endif
