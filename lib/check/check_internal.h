/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What the parts of the check share: check.c walks the views, space_map.c the space map. */
#ifndef ERA_CHECK_CHECK_INTERNAL_H
#define ERA_CHECK_CHECK_INTERNAL_H

#ifndef ROOM_CHECK
#error "for lib/check alone"
#endif

#include "check/check.h"
#include "pdata/walk.h"

enum blk_info_flags {
	SEEN_LIVE = 1,
	SEEN_SNAPSHOT = 2,
	SEEN_SPACE_MAP = 4,
	SOUND_AND_FULL = 8, /* an array block that need not be read again for another view */
	COUNT_IN_TREE =
		16, /* its bitmap entry points to the ref-count tree, which has none so far */
};

/* What is known of a metadata block. */
struct blk_info {
	uint32_t refs;	  /* pointers found */
	uint32_t counted; /* what the space map says, or COUNT_UNKNOWN */
	uint32_t index;	  /* of an array block in its array */
	uint32_t max_era; /* in a block of the era array */
	uint8_t type;
	uint8_t flags;
};

#define COUNT_UNKNOWN UINT32_MAX

/* More than the kernel leaves of a device before somebody looks. */
#define MAX_OLD_COPIES 16u

struct check {
	struct blk_dev *dev;
	const struct report *rep;
	struct era_check_result *result;
	struct walk walk;
	struct blk_info *info;	     /* walk.limit of them */
	unsigned seen;		     /* the flag of the view being walked */
	const struct superblock *sb; /* of that view */
	enum era_check_scope scope;
	unsigned left_out; /* the view whose array blocks are not read: its reader does that */
	uint64_t nr_array_blocks; /* of the array being walked */
	uint64_t nr_cut_pointers; /* of the live view, to array blocks past the end of the device */
	bool hides_pointers;	  /* something that is damaged may have held some */
	bool has_moved;		  /* the live metadata, since their superblock was read */
	bool is_silent;		  /* problems are not told */
	bool has_silent;
	struct problem first_silent; /* that kept the look from its end */
	bool any_high; /* the space map counts what nothing points to, and nothing explains it */
	uint32_t old_copies[MAX_OLD_COPIES]; /* their eras */
	unsigned nr_old_copies;
};

/* Reports a problem and counts it. */
void check_problem(struct check *check, const struct problem *p);
void check_tell(struct check *check, struct problem *p, const char *where, ...) format_printf(3, 4);

/* Is this block, which is allocated and which nothing points to, an older copy of the superblock
 * that nobody lost? */
bool check_is_old_copy(struct check *check, uint64_t block);

/* Finds what the space map remembers and nothing points to any more; when no pointers are hidden.
 */
int check_lost(struct check *check) must_check;

/* After a whole check: if no more than counts is wrong, writes a new space map and makes it the
 * superblock's.  1 when that was done, 0 when there was nothing to do or it may not be done. */
int check_repair_counts(struct check *check) must_check;

/* Walks the space map and compares it with the pointers found. */
int check_space_map(struct check *check) must_check;

/* The same for a snapshot that was walked, and the live view behind it silently, on a device that
 * may be live. */
int check_snapshot_space_map(struct check *check) must_check;

#endif
