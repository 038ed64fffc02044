/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Linux lists only the first block of a discard.  The others may read as zeroes, and a revert would
 * leave them so.  era setup switches discards off, and remembers whether they ever passed.
 */
#include "era_revert/discarded.h"

#include <stdlib.h>

#include "era_setup/discards.h"
#include "era_setup/state.h"
#include "metadata/superblocks.h"

#define LISTED "what was discarded is not listed"

static int refuse_passed(const struct online *o)
{
	return report_fail(o->b->rep, ERA_NO_ANSWER,
			   "%s: discards have passed, and " LISTED ": copy all of %s to the disk",
			   o->target.path, o->b->options->target);
}

/* What passed since the last activation the state does not know yet. */
static int look_now(const struct online *o)
{
	struct mapper_info info;
	int r = mapper_info(o->target.mapper, o->target.name, &info);

	if (r)
		return r;
	if (discards_look(&info) == DISCARDS_OFF)
		return discards_were_done(&info) ? refuse_passed(o) : 0;
	return report_fail(o->b->rep, ERA_NO_ANSWER,
			   "%s: discards pass, and " LISTED
			   ": copy all of %s to the disk, and let " ERA_PROGRAM
			   " setup activate the disk, which switches them off",
			   o->target.path, o->b->options->target);
}

static int judge(const struct online *o, const struct state *state, int found, bool trusted)
{
	if (found < 0)
		return found;
	if (found && state->discards_passed)
		return refuse_passed(o);
	if (found || trusted)
		return 0;
	return report_fail(o->b->rep, ERA_NO_ANSWER,
			   "%s: " ERA_PROGRAM " setup has no state of it, so it is not known "
			   "whether discards ever passed, and " LISTED ": if they did not, say so "
			   "(--never-discarded)",
			   o->target.path);
}

/* The state is written while the target is stopped, so now it stands still. */
static int look_back(const struct online *o, bool trusted)
{
	struct state *state = calloc(1, sizeof(*state));
	struct superblock sb;
	struct problem p;
	struct blk_dev dev;
	int r = state ? blk_dev_open(&dev, o->metadata, BLK_READ_SHARED, o->b->rep)
		      : report_nomem(o->b->rep);

	if (r) {
		free(state);
		return r;
	}
	r = era_read_live_superblock(&dev, true, &sb, &p);
	if (r == ERA_DAMAGED)
		report_problem(o->b->rep, &p);
	if (!r) {
		struct state_place place = state_find(&dev, &sb, o->target.name);

		r = judge(o, state, state_read(&place, state), trusted);
	}
	blk_dev_close(&dev);
	free(state);
	return r;
}

int discarded_refuse(const struct online *o, bool trusted)
{
	int r = look_now(o);

	return r ? r : look_back(o, trusted);
}
