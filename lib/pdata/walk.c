/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/walk.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bits.h"
#include "block/validate.h"

int walk_visit(struct walk *walk, uint64_t holder, const struct walk_pointer *pointer,
	       struct problem *p)
{
	int r = ERA_DAMAGED;

	if (pointer->block && pointer->block < walk->limit)
		r = walk->visit(walk->ctx, pointer, p);
	else if (pointer->block && pointer->block < walk->dev->nr_blocks)
		problem_set(p, PROBLEM_SM_SHORT, pointer->block, pointer->block, walk->limit);
	else
		problem_set(p, PROBLEM_POINTER, holder, pointer->block, walk->limit - 1);
	if (r == ERA_DAMAGED)
		p->type = pointer->type;
	return r;
}

int walk_visit_once(uint64_t *seen, const struct walk_pointer *pointer, struct problem *p)
{
	if (bits_test(seen, pointer->block)) {
		problem_set(p, PROBLEM_MULTIPLY_CLAIMED, pointer->block, 0, 0);
		return ERA_DAMAGED;
	}
	bits_set(seen, pointer->block);
	return WALK_READ;
}

int walk_read(struct walk *walk, uint64_t block, enum block_type type, void *data,
	      struct problem *p)
{
	int error = blk_dev_read(walk->dev, block, 1, data), r = ERA_DAMAGED;

	if (error)
		problem_set(p, PROBLEM_READ, block, (uint64_t)error, 0);
	else
		r = blk_validate((struct blk_ro){block, data}, type, p);
	if (r == ERA_DAMAGED)
		p->type = type;
	return r;
}

int walk_problem(struct walk *walk, struct problem *p, const char *where, ...)
{
	va_list args;

	va_start(args, where);
	vsnprintf(p->where, sizeof(p->where), where, args);
	va_end(args);
	return walk->problem(walk->ctx, p);
}
