/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Is a space map that does not add up one wrong block away from a whole one?  Then it may be the
 * newest, and a field of it wrong under a checksum that is right.  An old one, of which blocks were
 * used again, is mostly further away.
 */
#ifndef ERA_SALVAGE_NEAR_MISS_INTERNAL_H
#define ERA_SALVAGE_NEAR_MISS_INTERNAL_H

#ifndef ROOM_SALVAGE
#error "for lib/salvage alone"
#endif

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "salvage/scan_internal.h"

/* What a block without a pointer to it may be. */
enum near_kind {
	NEAR_INDEX,
	NEAR_REFS,
	NEAR_WRITESETS, /* the root of a tree, or a part of one, and so on */
	NEAR_ERAS,
	NEAR_BITS,
	NEAR_CLONE,
	NEAR_ERAS_BLOCK,
	NEAR_BITS_BLOCK,
	NEAR_OTHER,
	NR_NEAR_KINDS,
};

struct near_miss {
	struct scan *scan;
	int32_t *balance;  /* of each block: its count, less the pointers to it */
	uint64_t nr_short; /* of a balance below 0 */
	uint64_t nr_wrong; /* pointers to nowhere, counts too high, blocks of no type */
	uint64_t in_tree;  /* the last block whose count should be there, or 0 */
	uint64_t nr_holes; /* the scan's hole, if it is in use */
	uint64_t nr_open[NR_NEAR_KINDS]; /* of a balance above 0 */
};

/* Of a scan, which must outlive it.  ERA_SYS when there is no memory (reported). */
int near_miss_open(struct near_miss *near, struct scan *scan) must_check;
/* Also a zeroed one. */
void near_miss_close(struct near_miss *near);

/* Begins with another space map. */
void near_miss_begin(struct near_miss *near);
/* One of its bitmaps. */
void near_miss_add_bitmap(struct near_miss *near, uint64_t bitmap);
/* What a bitmap counts; not block 0. */
void near_miss_add_count(struct near_miss *near, uint64_t block, uint32_t count);

/* With what was added: would it add up if one count were another, or if the pointers of one block
 * were others?  `used` has the bits of the blocks that have a count. */
bool near_miss_is_one(struct near_miss *near, const uint64_t *used);

#endif
