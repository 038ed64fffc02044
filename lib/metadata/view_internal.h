/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a view is made of, for the parts of this room. */
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
	bool lost;       /* nothing is known of its bits */
	bool open_end;   /* it may have had more bits than nr_bits, and what they were is not known */
};

struct era_view {
	struct blk_dev dev;
	unsigned flags;
	struct superblock live; /* block 0 */
	struct superblock sb;   /* the view's own: block 0, or the clone */
	struct walk walk;
	uint64_t *seen;             /* one bit per metadata block: reached in this view */
	uint64_t *multiply_claimed; /* with repair: any of the pointers that lead there may be wrong */
	struct writeset *writesets; /* in the order of their eras */
	size_t nr_writesets, capacity;
	size_t nr_lost, last_lost; /* writesets without bits, and where the newest is */
	uint64_t nr_bitset_blocks; /* that the others take */
	bool writesets_lost;       /* a part of the writeset tree: all blocks may be written */
	uint64_t nr_problems;      /* passed over, with repair */
};

/* More data blocks than this are not believed (limits.c). */
uint32_t view_max_blocks(const struct era_view *view);

/* How many blocks a bitset of so many bits takes, without nodes. */
uint64_t view_bitset_blocks(uint32_t nr_bits);

/* Is there enough of the device for the blocks that the superblock claims?  0, or ERA_DAMAGED, reported. */
int view_check_size(const struct era_view *view) must_check;

/* Do the arrays that are known so far claim more than the device can hold?  So the work that they make is
 * limited by the device, whatever it says.  ERA_DAMAGED sets *p but `where`. */
int view_check_claims(const struct era_view *view, uint64_t block, struct problem *p) must_check;

/* Lists the writesets (writeset_list.c). */
int view_list_writesets(struct era_view *view) must_check;

/* With repair, once they are listed: finds the blocks that are claimed by several pointers, and the
 * writesets that have an open end (survey.c). */
int view_survey(struct era_view *view) must_check;

#endif
