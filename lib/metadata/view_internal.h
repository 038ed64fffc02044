/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The contents of a view, for the parts of this room. */
#ifndef ERA_METADATA_VIEW_INTERNAL_H
#define ERA_METADATA_VIEW_INTERNAL_H

#ifndef ROOM_METADATA
#error "for lib/metadata alone"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "block/dev.h"
#include "metadata/view.h"
#include "pdata/btree.h"
#include "pdata/walk.h"

struct writeset {
	uint32_t era;
	uint32_t nr_bits;
	struct btree_root root;
	bool is_current; /* not archived yet */
	bool lost;	 /* nothing is known of its bits */
	bool open_end;	 /* it may have had more bits than nr_bits, which are unknown */
};

struct era_view {
	struct blk_dev dev;
	unsigned flags;
	struct superblock live; /* block 0 */
	struct superblock sb;	/* the view's own: block 0, or the clone */
	uint32_t csum;		/* of block 0 when it was read first */
	struct walk walk;
	uint64_t *seen;		    /* one bit per metadata block: reached in this view */
	uint64_t *multiply_claimed; /* with repair: any of the pointers to it may be wrong */
	struct writeset *writesets; /* in the order of their eras */
	size_t nr_writesets, capacity;
	size_t nr_lost, last_lost; /* lost writesets, and the index of the newest */
	uint64_t nr_bitset_blocks; /* taken by the other writesets */
	bool writesets_lost;	   /* a part of their tree is lost: all blocks may be written */
	uint64_t nr_problems;	   /* passed over, with repair */
};

/* The most data blocks that are believed (limits.c). */
uint32_t view_max_blocks(const struct era_view *view);

/* How many blocks a bitset of nr_bits takes, without nodes. */
uint64_t view_bitset_blocks(uint32_t nr_bits);

/* Is the device large enough for the blocks that the superblock claims?  Returns 0, or
 * ERA_DAMAGED, reported. */
int view_check_size(const struct era_view *view) must_check;

/* Checks that the arrays known so far claim no more than the device can hold, so that the work for
 * them is limited by the device, whatever it claims.  ERA_DAMAGED sets all of *p but `where`. */
int view_check_claims(const struct era_view *view, uint64_t block, struct problem *p) must_check;

/* Lists the writesets (writeset_list.c). */
int view_list_writesets(struct era_view *view) must_check;

/* With repair, after they have been listed: finds blocks that several pointers claim, and
 * writesets with an open end (survey.c). */
int view_survey(struct era_view *view) must_check;

#endif
