/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The origin's flushes, and what follows when one fails.
 *
 * An era is given out when the one before it is closed: its requests are done, and the origin has
 * been flushed since.  So what may not be durable was written in the current era, or in the one
 * before it when that is just being closed.
 *
 * A flush that fails is final.  A flag in the superblock remembers it, with the first era of which
 * something may be lost; a rollover leaves it standing.  The next resume marks all blocks
 * of these eras in the era that it begins, commits, and clears the flag in another commit, before
 * anything is marked by requests: wherever that is stopped, the next one does it again.
 */
#include <inttypes.h>

#include "target/engine/engine_internal.h"

/* With the turn.  A commit that finds no space forgets the flag; one that has nothing else to write
 * needs no space. */
static int remember_failed_flush(struct engine *e)
{
	int r = ERA_NO_SPACE;

	if (e->failed)
		return engine_refuse(e);
	for (int tries = 0; tries < 2 && r == ERA_NO_SPACE; tries++) {
		era_live_set_unflushed(e->live);
		r = engine_commit(e);
	}
	return r;
}

void engine_flush_failed(struct engine *e)
{
	int r;

	if (atomic_exchange(&e->is_unflushed, true))
		return;
	turns_take(&e->turns);
	r = remember_failed_flush(e);
	turns_give(&e->turns);
	report_fail(
		e->user, ERA_SYS,
		"a flush of the origin has failed: no era is given out until the target is started "
		"again%s; make a full backup then",
		r ? ", and this could not be written into the metadata" : "");
}

int engine_refuse_unflushed(struct engine *e)
{
	return report_fail(&e->rep, ERA_SYS,
			   "a flush of the origin has failed: no era can be given out "
			   "until the target is started again");
}

int engine_flush_origin(struct engine *e)
{
	uint64_t begin_us = clock_us();
	int r = e->flush_origin ? e->flush_origin(e->origin) : 0;

	if (r)
		engine_flush_failed(e);
	else if (e->flush_origin)
		engine_took(e, &e->stats.origin_flush, begin_us);
	return r || atomic_load(&e->is_unflushed) ? engine_refuse_unflushed(e) : 0;
}
