/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Generations: what one commit left on the device, found by its space map instead of its
 * superblock.
 */
#ifndef ERA_SALVAGE_GENERATION_INTERNAL_H
#define ERA_SALVAGE_GENERATION_INTERNAL_H

#ifndef ROOM_SALVAGE
#error "for lib/salvage alone"
#endif

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/superblock.h"
#include "salvage/replay_internal.h"
#include "salvage/scan_internal.h"

struct generation {
	/* The superblock that it must have had, but for current_era, flags, and data_block_size
	 * when no clone tells it (then 0). */
	struct superblock sb;
	uint32_t max_era; /* the highest in its era array and writeset tree */
	/* The same without writesets that have no bits, which are digested without a trace: what is
	 * newer knows no earlier one.  With a hole, which is fault enough, it is max_era. */
	uint32_t told_era;
	uint32_t snap_era; /* its current era was not below this, as the snapshot's clone says */
	uint64_t nr_set;   /* bits of the current writeset; the scan's hole has one */
	uint64_t nr_writesets; /* archived ones */
};

/* What there is to know of an array. */
struct extent {
	uint64_t length;
	uint64_t spare; /* it may be shorter by so many entries, if the last block is the hole */
	uint64_t sum;	/* bits that are set; the hole has one */
	uint32_t max;	/* the highest era, as far as they are known */
};

/* What was measured last: many generations have the same. */
struct known_array {
	uint64_t root; /* 0: nothing */
	struct extent extent;
};

struct known_writesets {
	uint64_t root; /* 0: nothing */
	uint64_t nr;
	uint32_t newest; /* era */
	uint32_t told;	 /* of those with bits */
};

/* Looks for one generation after the other. */
struct generations {
	struct scan *scan;
	uint32_t nr_blocks; /* of data, or 0: not known */
	struct replay replay;
	struct known_array eras, snap_eras;
	struct known_writesets writesets, snap_writesets;
};

enum generation_verdict {
	GENERATION_NONE,
	GENERATION_FOUND,
	GENERATION_UNCLEAR,   /* may be one, but what the hole held in it is not known */
	GENERATION_NOT_TRIED, /* to a visitor only: the scan is exhausted */
};

/* Of a scan, which must outlive it.  ERA_SYS when there is no memory (reported). */
int generations_open(struct generations *all, struct scan *scan) must_check;
/* Also a zeroed one. */
void generations_close(struct generations *all);

/* What the space map of the index block `index` says must be in use is there, and every count is
 * what the pointers add up to: then *g is that generation.  The scan's hole may be one of its array
 * blocks, or the root of the ref-count tree.  An enum generation_verdict, or ERA_SYS. */
int generation_find(struct generations *all, uint64_t index, struct generation *g) must_check;

/* The same of one whose index was the hole, and had this bitmap alone. */
int generation_find_by_bitmap(struct generations *all, uint64_t bitmap,
			      struct generation *g) must_check;

/* Tries all indexes and then, if there is a hole, all bitmaps, and calls visit for each verdict but
 * GENERATION_NONE; *g is set with GENERATION_FOUND alone.  What visit returns ends the search and
 * is returned, unless it is 0; errors are negative.  Or ERA_SYS. */
typedef int generation_visitor(void *ctx, enum generation_verdict verdict,
			       const struct generation *g);
int generations_visit(struct generations *all, generation_visitor *visit, void *ctx) must_check;

/* Its current era was not below this. */
uint64_t generation_lowest_era(const struct generation *g);

enum generation_cover {
	GENERATION_MISSES,     /* something that g says */
	GENERATION_COVERS,     /* no less than g, whichever of them is the newer one */
	GENERATION_SUPERSEDES, /* is newer than g */
};

/* What is `other` to g?  It covers g when every era that g names is there, or a higher one, and the
 * blocks of g's current writeset are in its current one.  It supersedes g when they are in a
 * writeset that was archived after g.  What the hole held is written: it covers all, and is covered
 * by itself.  An enum generation_cover, or ERA_SYS. */
int generation_compare(struct scan *scan, const struct generation *g,
		       const struct generation *other) must_check;

/* Is there all in `other` that g says, as it would be if `other` were newer, and its device not
 * shorter? 1, 0: it isn't newer, or ERA_SYS. */
int generation_may_follow(struct scan *scan, const struct generation *g,
			  const struct generation *other) must_check;

#endif
