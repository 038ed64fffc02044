/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/view.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/suspended.h"
#include "metadata/limits.h"
#include "metadata/view_internal.h"

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct era_view *view = ctx;

	if (view->multiply_claimed && bits_test(view->multiply_claimed, pointer->block)) {
		problem_set(p, PROBLEM_MULTIPLY_CLAIMED, pointer->block, 0, 0);
		return ERA_DAMAGED;
	}
	return walk_visit_once(view->seen, pointer, p);
}

static int on_problem(void *ctx, const struct problem *p)
{
	struct era_view *view = ctx;

	view->nr_problems++;
	if (!(view->flags & ERA_VIEW_TOLD) || p->code == PROBLEM_WRITESET_COUNT)
		report_problem(view->dev.rep, p);
	if (view->flags & ERA_VIEW_REPAIR)
		return 0;
	return problem_error(p);
}

static int prepare_walk(struct era_view *view)
{
	uint64_t limit = era_block_limit(&view->dev, &view->live);

	view->walk = (struct walk){&view->dev, limit, view, on_pointer, on_problem};
	view->seen = bits_alloc(limit);
	if (!view->seen)
		return report_nomem(view->dev.rep);
	bits_set(view->seen, 0);
	if (view->flags & ERA_VIEW_SNAPSHOT)
		bits_set(view->seen, view->live.metadata_snap);
	if (view->flags & ERA_VIEW_BORROWED)
		blk_dev_begin(&view->dev, PROGRESS_NONE, 0);
	else
		blk_dev_begin(&view->dev, PROGRESS_READ,
			      min_u64(view->live.sm.nr_allocated, limit));
	return 0;
}

int era_view_revalidate(struct era_view *view, int r)
{
	if (view->flags & ERA_VIEW_BORROWED)
		return r;
	if (!(view->flags & ERA_VIEW_SNAPSHOT)) {
		r = era_live_revalidate(&view->dev, view->csum, r);
		return !r && view->flags & ERA_VIEW_SUSPENDED ? suspended_check(&view->dev) : r;
	}
	return era_snapshot_revalidate(&view->dev, &view->live, &view->sb, r);
}

static void forget(struct era_view *view)
{
	free(view->seen);
	free(view->multiply_claimed);
	free(view->writesets);
	view->seen = NULL;
	view->multiply_claimed = NULL;
	view->writesets = NULL;
	view->nr_writesets = view->capacity = 0;
}

/* With both superblocks known. */
static int begin(struct era_view *view)
{
	int r = prepare_walk(view);

	if (!r)
		r = view_list_writesets(view);
	if (!r && view->flags & ERA_VIEW_REPAIR)
		r = view_survey(view);
	return r;
}

/* Gives out a view that was begun with r, or closes it. */
static int begun(struct era_view **out, struct era_view *view, int r)
{
	if (r)
		era_view_close(view);
	else
		*out = view;
	return r;
}

int era_view_begin(struct era_view **out, struct blk_dev *dev, const struct era_superblocks *sbs,
		   unsigned flags, uint64_t nr_problems)
{
	struct era_view *view = malloc(sizeof(*view));
	int r;

	if (!view) {
		r = report_nomem(dev->rep);
		blk_dev_close(dev);
		return r;
	}
	*view = (struct era_view){
		.dev = *dev,
		.flags = flags,
		.live = sbs->live,
		.sb = sbs->view,
		.csum = sbs->csum,
	};
	r = view_check_size(view);
	if (!r)
		r = begin(view);
	view->nr_problems += nr_problems;
	return begun(out, view, r == ERA_DAMAGED ? era_view_revalidate(view, r) : r);
}

int era_view_restart(struct era_view *view, const struct report *rep)
{
	forget(view);
	view->dev.rep = rep;
	*view = (struct era_view){
		.dev = view->dev,
		.flags = view->flags,
		.live = view->live,
		.sb = view->sb,
		.csum = view->csum,
		.nr_problems = view->nr_problems,
	};
	return begin(view);
}

int era_view_open_as(struct era_view **out, const struct blk_dev *dev, const struct superblock *sb,
		     unsigned flags)
{
	struct era_view *view = malloc(sizeof(*view));

	if (!view)
		return report_nomem(dev->rep);
	*view = (struct era_view){
		.dev = *dev,
		.flags = flags | ERA_VIEW_BORROWED,
		.live = *sb,
		.sb = *sb,
	};
	return begun(out, view, begin(view));
}

void era_view_close(struct era_view *view)
{
	if (!view)
		return;
	if (!(view->flags & ERA_VIEW_BORROWED))
		blk_dev_close(&view->dev);
	forget(view);
	free(view);
}

const struct superblock *era_view_sb(const struct era_view *view)
{
	return &view->sb;
}

const struct superblock *era_view_live_sb(const struct era_view *view)
{
	return &view->live;
}

size_t era_view_nr_writesets(const struct era_view *view)
{
	return view->nr_writesets;
}

struct era_writeset era_view_writeset(const struct era_view *view, size_t i)
{
	const struct writeset *ws = &view->writesets[i];

	return (struct era_writeset){ws->era, ws->nr_bits, ws->is_current};
}

bool era_view_is_all_lost(const struct era_view *view)
{
	return view->flags & ERA_VIEW_ALL_LOST;
}

uint64_t era_view_nr_problems(const struct era_view *view)
{
	return view->nr_problems;
}
