/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The space map of one generation after the other: what each counts, against the pointers of the
 * blocks that it says are in use.
 */
#ifndef ERA_SALVAGE_REPLAY_INTERNAL_H
#define ERA_SALVAGE_REPLAY_INTERNAL_H

#ifndef ROOM_SALVAGE
#error "for lib/salvage alone"
#endif

#include <stdint.h>

#include "base/compiler.h"
#include "metadata/superblock.h"
#include "ondisk/era_disk.h"
#include "salvage/scan_internal.h"

/* Index, ref-count tree, writeset tree, era array, current writeset, and the clone. */
#define REPLAY_MAX_ROOTS 6u

struct replay {
	struct scan *scan;
	/* What was found of the space map that was looked at last. */
	uint64_t roots[REPLAY_MAX_ROOTS]; /* what has one reference more than pointers, ascending */
	unsigned nr_roots;
	uint64_t clone; /* the metadata snapshot's, or 0 */
	uint64_t nr_bitmaps, nr_allocated;
	/* Its bitmaps, and what they add up to. */
	uint64_t numbers[INDEX_MAX_ENTRIES]; /* 0: none */
	struct bitmap_disk *bitmaps[INDEX_MAX_ENTRIES];
	struct bitmap_disk *next;
	struct index_disk *index;
	int32_t *balance;	/* of each block: its count, less the pointers to it */
	uint32_t *open, *place; /* blocks of a balance above 0, and where each of them is there */
	uint64_t nr_open, nr_short; /* of a balance above and below 0 */
	uint64_t nr_wrong;	    /* what no whole generation has */
	uint64_t nr_holes;	    /* the scan's hole, if it is in use */
	uint64_t nr_indexes, sum_of_indexes, nr_clones, sum_of_clones; /* in use */
};

/* Of a scan, which must outlive it.  ERA_SYS when there is no memory (reported). */
int replay_open(struct replay *replay, struct scan *scan) must_check;
/* Also a zeroed one. */
void replay_close(struct replay *replay);

enum replay_verdict {
	REPLAY_WRONG,
	REPLAY_ADDS_UP, /* what is in use is there, or the hole, which points to nothing */
	REPLAY_UNCLEAR, /* it would, if the hole were the right block with pointers */
};

/* Goes over to the space map of an index block.  It adds up when what it says is in use is there,
 * and each count is what the pointers add up to, but for the roots, which have one more.  0, or
 * ERA_SYS. Takes time for what differs from the one before. */
int replay_turn_to(struct replay *replay, uint64_t index, enum replay_verdict *verdict) must_check;

/* The same of a space map whose index was the hole, and had this bitmap alone. */
int replay_turn_to_bitmap(struct replay *replay, uint64_t bitmap,
			  enum replay_verdict *verdict) must_check;

#endif
