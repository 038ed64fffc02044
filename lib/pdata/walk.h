/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A walk: reading one view of the metadata (live or a snapshot's), and what to do at each pointer
 * and each problem.
 *
 * The iterators over btrees and arrays find damage; the walk decides what follows from it.  A
 * strict reader stops, a repairing one continues without the block, a check counts references and
 * continues.
 */
#ifndef ERA_PDATA_WALK_H
#define ERA_PDATA_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/block_type.h"
#include "base/compiler.h"
#include "base/problem.h"
#include "block/dev.h"

struct walk_pointer {
	uint64_t block; /* in range */
	enum block_type type;
	uint64_t index;	    /* of an array block in its array, otherwise 0 */
	bool parent_shared; /* the pointer is in a block that was reached through another view */
};

enum walk_visit {
	WALK_READ = 0,	 /* read it */
	WALK_SHARED = 1, /* read it; its pointers have been seen before */
	WALK_SKIP = 2,	 /* known to be sound: an array block need not be read again */
};

struct walk {
	struct blk_dev *dev;
	uint64_t limit; /* blocks 1 .. limit - 1, which space map and device have, are followed */
	void *ctx;
	/* Called for each pointer before it is followed.  Returns an enum walk_visit, or
	 * ERA_DAMAGED with all of *p set but `where` if it must not be followed. */
	int (*visit)(void *ctx, const struct walk_pointer *pointer, struct problem *p);
	/* Called for each problem.  0: continue without the block; negative: stop with that error.
	 */
	int (*problem)(void *ctx, const struct problem *p);
};

/* Checks a pointer found in block `holder` and calls visit; ERA_DAMAGED sets all of *p but
 * `where`. */
int walk_visit(struct walk *walk, uint64_t holder, const struct walk_pointer *pointer,
	       struct problem *p) must_check;

/* A visit for views in which no block may be reached twice; seen has one bit per block. */
int walk_visit_once(uint64_t *seen, const struct walk_pointer *pointer,
		    struct problem *p) must_check;

/* Reads and validates one block into data (from blk_alloc).  Returns 0, or ERA_DAMAGED with *p
 * set. */
int walk_read(struct walk *walk, uint64_t block, enum block_type type, void *data,
	      struct problem *p) must_check;

/* Passes the problem, with its place, to the walk.  where is a printf format. */
int walk_problem(struct walk *walk, struct problem *p, const char *where, ...)
	format_printf(3, 4) must_check;

#endif
