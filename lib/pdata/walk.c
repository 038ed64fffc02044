/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/walk.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bits.h"
#include "block/validate.h"

int walk_visit(struct walk *walk, uint64_t holder, const struct walk_pointer *pointer,
	       struct problem *p)
{
	if (!pointer->block || pointer->block >= walk->limit) {
		problem_set(p, PROBLEM_POINTER, holder, pointer->block, walk->limit - 1);
		return ERA_DAMAGED;
	}
	return walk->visit(walk->ctx, pointer, p);
}

int walk_visit_once(uint64_t *seen, const struct walk_pointer *pointer, struct problem *p)
{
	if (bits_test(seen, pointer->block)) {
		problem_set(p, PROBLEM_TWICE, pointer->block, 0, 0);
		return ERA_DAMAGED;
	}
	bits_set(seen, pointer->block);
	return WALK_READ;
}

int walk_read(struct walk *walk, uint64_t block, enum blk_role role, void *data,
	      struct problem *p)
{
	int r = blk_dev_read(walk->dev, block, 1, data);

	if (r) {
		problem_set(p, PROBLEM_READ, block, (uint64_t)r, 0);
		return ERA_DAMAGED;
	}
	return blk_validate((struct blk_ro){block, data}, role, p);
}

int walk_problem(struct walk *walk, struct problem *p, const char *where, ...)
{
	va_list args;

	va_start(args, where);
	vsnprintf(p->where, sizeof(p->where), where, args);
	va_end(args);
	return walk->problem(walk->ctx, p);
}
