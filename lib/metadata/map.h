/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The era map: in which era was each data block last written?
 *
 * It streams over data blocks 0 .. nr_blocks - 1 in chunks, moving one cursor over the era array
 * and one over each writeset, including the current one.  A block's era is the highest of all that
 * contain it. (In metadata written by the kernel, a writeset's era is never below the array's
 * value; taking the highest keeps the answer safe even where it is.)
 *
 * Memory depends neither on the number of blocks nor, past some hundreds, on the number of
 * writesets.
 */
#ifndef ERA_METADATA_MAP_H
#define ERA_METADATA_MAP_H

#include <stdint.h>

#include "base/compiler.h"
#include "metadata/view.h"

/* A multiple of 64 blocks, except at the end of the device. */
struct era_chunk {
	uint64_t first;
	uint32_t nr;
	const uint32_t *eras;
	/* One bit per block: its era could not be read, and eras[] has the highest possible one. */
	const uint64_t *lost;
};

/* Who wants to see each chunk that something else reads. */
struct era_chunk_listener {
	void *ctx;
	void (*on_chunk)(void *ctx, const struct era_chunk *chunk);
};

struct era_map;

/* The view must outlive the map. */
int era_map_open(struct era_map **map, struct era_view *view) must_check;
void era_map_close(struct era_map *map);

/* Gets the next chunk, valid until the next call.  Returns 1, 0 at the end (everything has been
 * read and found sound, or passed over with repair), or an error. */
int era_map_next(struct era_map *map, struct era_chunk *chunk) must_check;

/* Reads all of a view, and shows each chunk until on_chunk() returns something else than 0, which
 * it then returns. */
int era_map_read(struct era_view *view, int (*on_chunk)(void *ctx, const struct era_chunk *chunk),
		 void *ctx) must_check;

#endif
