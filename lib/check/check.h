/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Checking metadata: everything that can be reached, in both views, and the space map.
 *
 * Each problem is reported, and the check continues after it.
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
	ERA_CHECK_SNAPSHOT,   /* what the clone reaches; the device may be active */
	ERA_CHECK_REPAIR,     /* everything; if only counts are wrong, corrects them */
};

/* What was found, apart from problems. */
struct era_check_view {
	bool present;	   /* sb could be read */
	bool walked;	   /* the fields below are set */
	bool tree_damaged; /* a part of the writeset tree could not be read */
	struct superblock sb;
	uint64_t nr_writesets;			   /* archived ones */
	uint32_t oldest_writeset, newest_writeset; /* eras, if there are any */
	uint32_t most_bits;			   /* of any writeset, including the current one */
};

struct era_check_repair {
	bool tried, done;
	uint64_t nr_problems;		   /* that the repair removed */
	uint64_t nr_written;		   /* blocks of the new space map */
	uint64_t old_allocated, allocated; /* blocks in use, as the superblock says */
};

struct era_check_result {
	uint64_t device_blocks;
	struct era_check_view live, snapshot;
	uint64_t nr_reachable; /* metadata blocks in use, as counted; only for ERA_CHECK_ALL */
	uint64_t nr_fatal, nr_non_fatal, nr_notes;
	uint64_t nr_read_errors; /* of the fatal ones */
	uint64_t nr_of_counts;	 /* only wrong numbers in the space map, notes included */
	uint64_t nr_others;	 /* all but these and notes */
	uint64_t nr_refusals;	 /* problems that prevent an answer: all but notes, and what is
				* proven to have lost nothing */
	bool is_cut;		 /* what is past the end of the device is in use */
	bool is_explained;    /* there is no superblock, and an error says what is there instead */
	bool space_map_lost;  /* not all of it can be read */
	bool pointers_hidden; /* damaged blocks may have held pointers, so counts that are too high
				* prove nothing */
	struct era_check_repair repair; /* the problems counted above are from before it */
};

/* Returns 0 if the check was completed, whatever it found; ERA_SYS, or ERA_NO_ANSWER if the
 * snapshot isn't held, or was dropped or replaced meanwhile.  Errors are reported.
 *
 * A repair that isn't possible, because more is wrong, is reported as a note.  It writes to blocks
 * that nothing uses, flushes, and then writes the superblock: if it is stopped at any point, the
 * device has the old state or the new.  If there are too few such blocks it is ERA_SYS, and
 * nothing is written. */
int era_check(const char *path, enum era_check_scope scope, const struct report *rep,
	      struct era_check_result *result) must_check;

/* The same for an open device; a repair needs BLK_WRITE. */
int era_check_dev(struct blk_dev *dev, enum era_check_scope scope, const struct report *rep,
		  struct era_check_result *result) must_check;

/* Checks all of an open device as if sb were its superblock. */
int era_check_as(struct blk_dev *dev, const struct superblock *sb, const struct report *rep,
		 struct era_check_result *result) must_check;

/* The check that precedes the reading of one view: the whole check, without the blocks of the
 * view's own arrays, which the reader reads itself, so that only nodes are read twice. */
int era_check_before_reading(struct blk_dev *dev, bool snapshot, const struct report *rep,
			     struct era_check_result *result) must_check;

/* What to do after a check that has found more than notes; a repair of counts that did not repair
 * is not advised again. */
const char *era_check_next_step(const struct era_check_result *result);

/* Does a check with this superblock find nothing but notes?  Returns 1, 0, or an error.  Problems
 * are not reported. */
int era_check_is_sound(struct blk_dev *dev, const struct superblock *sb) must_check;

#endif
