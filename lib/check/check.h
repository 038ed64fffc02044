/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checking metadata: all that is reachable, both views of it, and the space map.
 *
 * Each problem goes to the report; the check goes on after it.
 */
#ifndef ERA_CHECK_CHECK_H
#define ERA_CHECK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "metadata/superblock.h"

enum era_check_scope {
	ERA_CHECK_ALL,
	ERA_CHECK_SUPERBLOCK, /* block 0 alone */
	ERA_CHECK_SNAPSHOT,   /* what the clone reaches; the device may be live */
	ERA_CHECK_REPAIR,     /* all; and if no more than counts are wrong, makes them right */
};

/* What was found besides problems. */
struct era_check_view {
	bool present; /* sb could be read */
	bool walked;  /* the figures below are set */
	bool tree_damaged; /* that of the writesets: a part of it could not be read */
	struct superblock sb;
	uint64_t nr_writesets; /* archived ones */
	uint32_t oldest_writeset, newest_writeset; /* eras; when there are any */
	uint32_t most_bits; /* that a writeset has, the current one included */
};

struct era_check_repair {
	bool done;
	uint64_t nr_problems;             /* that it did away with */
	uint64_t nr_written;              /* blocks of the new space map */
	uint64_t old_allocated, allocated; /* blocks in use, as the superblock says */
};

struct era_check_result {
	uint64_t device_blocks;
	struct era_check_view live, snapshot;
	uint64_t nr_reachable; /* metadata blocks in use, as counted; only for ERA_CHECK_ALL */
	uint64_t nr_fatal, nr_non_fatal, nr_notes;
	uint64_t nr_read_errors; /* of the fatal ones */
	uint64_t nr_of_counts; /* no more than wrong figures of the space map, notes included */
	uint64_t nr_others;    /* all but these and notes */
	uint64_t nr_refusals;  /* problems that the views can't be answered with: all but notes, and
				* those that are proven to have lost nothing */
	bool space_map_lost;   /* it can't be read as a whole */
	bool pointers_hidden;  /* something that is damaged may have held some: what the space map has
				* more than was found proves nothing */
	struct era_check_repair repair; /* the problems counted above are those from before it */
};

/* Returns 0 when the check came to its end, whatever it found; ERA_SYS, or ERA_NO_ANSWER when
 * the snapshot isn't held, or not to the end.  Errors are reported.
 *
 * A repair that isn't possible, because more is wrong, is reported as a note.  It writes to blocks
 * that nothing uses, flushes, and then writes the superblock: stopped anywhere, the device holds the
 * old state or the new.  With too few such blocks it is ERA_SYS, and nothing is written. */
int era_check(const char *path, enum era_check_scope scope, const struct report *rep,
	      struct era_check_result *result) must_check;

/* The same of a device that is open, for a repair with BLK_WRITE. */
int era_check_dev(struct blk_dev *dev, enum era_check_scope scope, const struct report *rep,
		  struct era_check_result *result) must_check;

/* Checks all of an open device as if sb were its superblock. */
int era_check_as(struct blk_dev *dev, const struct superblock *sb, const struct report *rep,
		 struct era_check_result *result) must_check;

/* What a reader of one view asks before it begins: all that the whole check finds but in the blocks of the
 * view's own arrays, which the reader looks at itself, so that nothing is read twice but nodes. */
int era_check_before_reading(struct blk_dev *dev, bool snapshot, const struct report *rep,
			     struct era_check_result *result) must_check;

/* Does it find nothing then but notes?  1, 0, or an error.  Nobody is told of problems. */
int era_check_is_sound(struct blk_dev *dev, const struct superblock *sb) must_check;

#endif
