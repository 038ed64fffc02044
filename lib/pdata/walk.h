/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A walk: reading one view of the metadata (the live one or a snapshot's), and what to do about
 * each pointer and each problem on the way.
 *
 * The iterators over btrees and arrays know how to find damage; the walk decides what follows from
 * it.  A strict reader stops, a repairing one goes on without the block, a check counts references
 * and goes on.
 */
#ifndef ERA_PDATA_WALK_H
#define ERA_PDATA_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/problem.h"
#include "base/block_type.h"
#include "block/dev.h"

struct walk_pointer {
	uint64_t block; /* in range */
	enum block_type type;
	uint64_t index;     /* of an array block in its array, else 0 */
	bool parent_shared; /* the pointer lies in a block that was reached through another view */
};

enum walk_visit {
	WALK_READ = 0,   /* read it */
	WALK_SHARED = 1, /* read it; its pointers were met before */
	WALK_SKIP = 2,   /* known to be sound: an array block need not be read again */
};

struct walk {
	struct blk_dev *dev;
	uint64_t limit; /* block numbers followed are 1 .. limit - 1: the space map and the device have them */
	void *ctx;
	/* Called for each pointer before it is followed.  Returns an enum walk_visit, or
	 * ERA_DAMAGED with *p set but `where` when it must not be followed. */
	int (*visit)(void *ctx, const struct walk_pointer *pointer, struct problem *p);
	/* Called for each problem.  0: go on without the block; negative: stop with that. */
	int (*problem)(void *ctx, const struct problem *p);
};

/* Checks a pointer found in block `holder` and calls visit; ERA_DAMAGED sets *p but `where`. */
int walk_visit(struct walk *walk, uint64_t holder, const struct walk_pointer *pointer,
	       struct problem *p) must_check;

/* A visit for views in which no block may be reached twice: seen has a bit a block. */
int walk_visit_once(uint64_t *seen, const struct walk_pointer *pointer, struct problem *p)
	must_check;

/* Reads and validates one block into data (from blk_alloc).  0, or ERA_DAMAGED with *p set. */
int walk_read(struct walk *walk, uint64_t block, enum block_type type, void *data,
	      struct problem *p) must_check;

/* Hands the problem, with its place, to the walk.  where is a printf format. */
int walk_problem(struct walk *walk, struct problem *p, const char *where, ...) format_printf(3, 4)
	must_check;

#endif
