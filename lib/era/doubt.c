/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a repair reads may be sound block by block and still be short, because a pointer leads to an
 * older copy, or nowhere any more, or because the superblock is an older one.  Two traces are left
 * then: an era after the current one, and a space map that counts other blocks than are reached.
 * Where the space map does not prove what is right, every block counts as written.
 *
 * If eras contradict the superblock, the current one is unknown, too.  The new one is far above all
 * that are found, like that of a salvage.  So high an era that this isn't possible is not believed.
 */
#include <inttypes.h>

#include "era/check.h"
#include "era/salvage.h"
#include "era/salvage_internal.h"

/* Problems that have found an era after the current one, or the current one where it can't be. */
static const bool names_era[NR_PROBLEMS] = {
	[PROBLEM_ERA_AFTER] = true,
	[PROBLEM_WRITESET_AFTER] = true,
	[PROBLEM_WRITESET_TWICE] = true,
	[PROBLEM_SNAP_ERA] = true,
};

struct findings {
	struct era_check_result result;
	uint32_t current; /* as the superblock says */
	uint32_t after;   /* that and all eras that contradict it */
};

static void on_problem(void *ctx, const struct problem *p)
{
	struct findings *f = ctx;

	if (names_era[p->code] && p->found >= f->after && p->found <= UINT32_MAX - ERA_SALVAGE_GAP)
		f->after = (uint32_t)p->found + 1;
}

static int check_all(struct era_view *view, struct findings *f)
{
	const struct report rep = {.ctx = f, .problem = on_problem};

	f->current = f->after = view->sb.current_era;
	return era_check_as(&view->dev, &view->sb, &rep, &f->result);
}

/* The view begins anew with all lost, if what was found contradicts what it says. */
static int doubt(struct era_view *view, const struct findings *f)
{
	struct superblock sb = view->sb;

	if (f->after > f->current) {
		sb.current_era = f->after - 1 + ERA_SALVAGE_GAP;
		report_note(view->dev.rep,
			    "%s: era %" PRIu32 " is found, and the superblock says %" PRIu32
			    ": every block counts as written, in era %" PRIu32, view->dev.path,
			    f->after - 1, f->current, sb.current_era);
	} else if (f->result.pointers_doubtful) {
		report_note(view->dev.rep,
			    "%s: the space map counts other blocks as in use than those that are found: "
			    "every block counts as written", view->dev.path);
	} else {
		return 0;
	}
	view->nr_problems++;
	view->flags |= ERA_VIEW_ALL_LOST;
	return era_view_restart(view, &sb);
}

static int look_closer(struct era_view *view)
{
	struct findings f;
	int r = check_all(view, &f);

	if (r)
		era_view_close(view);
	if (r || f.result.nr_fatal + f.result.nr_non_fatal == 0)
		return r;
	r = salvage_roots(view);
	if (r)
		return r < 0 ? r : 0;
	return doubt(view, &f);
}

int era_salvage_view_open(struct era_view *view, const char *path, unsigned flags,
			  const struct report *rep)
{
	int r = era_view_open(view, path, flags, rep);

	return r || flags != ERA_VIEW_REPAIR ? r : look_closer(view);
}

int era_salvage_view_open_dev(struct era_view *view, struct blk_dev *dev, unsigned flags)
{
	int r = era_view_open_dev(view, dev, flags);

	return r || flags != ERA_VIEW_REPAIR ? r : look_closer(view);
}
