/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The era map: in which era was each data block last written?
 *
 * It streams over data blocks 0 .. nr_blocks - 1 in chunks, moving one cursor over the era array
 * and one over every writeset, the current one included.  A block's era is the highest of all
 * that name it.  (In what the kernel writes, a writeset's era is never below the array's value;
 * taking the highest also keeps the answer safe where it is.)
 *
 * Memory depends on neither the number of blocks nor, past some hundreds, that of writesets.
 */
#ifndef ERA_METADATA_MAP_H
#define ERA_METADATA_MAP_H

#include <stdint.h>

#include "base/compiler.h"
#include "metadata/view.h"

/* A multiple of 64 blocks, but at the end of the device. */
struct era_chunk {
	uint64_t first;
	uint32_t nr;
	const uint32_t *eras;
	/* A bit a block: its era could not be read, and eras[] has the highest it can be. */
	const uint64_t *lost;
};

struct era_map;

/* The view must outlive the map. */
int era_map_open(struct era_map **map, struct era_view *view) must_check;
void era_map_close(struct era_map *map);

/* Gets the next chunk, good until the next call.  1, 0 at the end (all has been read and found
 * sound, or passed over with repair), or an error. */
int era_map_next(struct era_map *map, struct era_chunk *chunk) must_check;

#endif
