/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a repair reads may be sound block by block and still be short, because a pointer leads to an
 * older copy, or nowhere any more, or because the superblock is an older one.  Two traces are left
 * then: an era after the current one, and a space map that knows of blocks that nothing leads to.
 * Which side is right nobody can tell, so every block counts as written.
 *
 * If eras contradict the superblock, the current one is unknown, too.  The new one is far above all
 * that are found, like that of a salvage.  So high an era that this isn't possible is not believed.
 */
#include "era/doubt.h"

#include <inttypes.h>

#include "era/check.h"
#include "era/salvage.h"

/* Problems that have found an era after the current one, or the current one where it can't be. */
static const bool names_era[NR_PROBLEMS] = {
	[PROBLEM_ERA_AFTER] = true,
	[PROBLEM_WRITESET_AFTER] = true,
	[PROBLEM_WRITESET_TWICE] = true,
	[PROBLEM_SNAP_ERA] = true,
};

static void on_problem(void *ctx, const struct problem *p)
{
	uint32_t *after = ctx;

	if (names_era[p->code] && p->found >= *after && p->found <= UINT32_MAX - ERA_SALVAGE_GAP)
		*after = (uint32_t)p->found + 1;
}

int era_view_doubt(struct era_view *view)
{
	uint32_t after = view->sb.current_era; /* that and all eras that contradict it */
	const struct report eras = {.ctx = &after, .problem = on_problem};
	struct superblock sb = view->sb;
	struct era_check_result result;
	int r = era_check_as(&view->dev, &view->sb, &eras, &result);

	if (r) {
		era_view_close(view);
		return r;
	}
	if (after > sb.current_era) {
		sb.current_era = after - 1 + ERA_SALVAGE_GAP;
		report_note(view->dev.rep, "%s: era %" PRIu32 " is found, and the superblock says %"
			    PRIu32 ": every block counts as written, in era %" PRIu32,
			    view->dev.path, after - 1, view->sb.current_era, sb.current_era);
	} else if (result.pointers_doubtful) {
		report_note(view->dev.rep, "%s: the space map knows of other blocks in use than those that "
			    "are found: every block counts as written", view->dev.path);
	} else {
		return 0;
	}
	view->nr_problems++;
	view->flags |= ERA_VIEW_ALL_LOST;
	return era_view_restart(view, &sb);
}
