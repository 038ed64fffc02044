/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a repair reads may be sound block by block and still be short, because a pointer leads to an
 * older copy, or nowhere any more, or because the superblock is an older one.  Where the space map does
 * not prove what is right, every block counts as written when one of these traces is found:
 *
 * - An era after the current one; anywhere on the device, if the space map is lost.  With one that is
 *   whole it is taken for what is left of other metadata.
 * - A block that is not what it should be, but sound and of another kind.  Damage doesn't make such
 *   ones: it was written when the block was in use for something else.
 * - A pointer of the superblock behind all that its space map has, if no space map on the device has its
 *   trees: then it need not be right in anything else.
 * - A space map that counts other blocks than are reached.
 *
 * But for the last, the current era is unknown, too.  The new one is far above all that are found, like
 * that of a salvage.  So high an era that this isn't possible is not believed.
 *
 * The same holds for a metadata snapshot, but the space map is not its own.  Its era can't be above
 * the live one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "block/validate.h"
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

/* Problems of a block that may be of another kind than it should be. */
static const bool is_of_kind[NR_PROBLEMS] = {
	[PROBLEM_CHECKSUM] = true,
	[PROBLEM_ROLE] = true,
	[PROBLEM_VALUE_SIZE] = true,
};

struct findings {
	struct blk_dev *dev;
	void *data; /* a buffer */
	struct era_check_result result;
	uint64_t other; /* the first block that is of another kind, or 0 */
	uint64_t sm_blocks; /* as the superblock says */
	bool is_nonsense;   /* what the superblock says of its space map or of where it points */
	uint32_t current; /* as the superblock says */
	uint32_t after;   /* that and all eras that contradict it */
};

static void note_era(struct findings *f, uint64_t era)
{
	if (era >= f->after && era <= UINT32_MAX - ERA_SALVAGE_GAP)
		f->after = (uint32_t)era + 1;
}

static bool is_of_any_kind(const struct findings *f, uint64_t block)
{
	return !blk_dev_read(f->dev, block, 1, f->data) &&
	       blk_recognise((struct blk_ro){block, f->data}) != ROLE_NONE;
}

static bool is_nonsense(const struct findings *f, const struct problem *p)
{
	return p->code == PROBLEM_SM_SIZE ||
	       (p->code == PROBLEM_POINTER && !p->block && (!p->found || p->found >= f->sm_blocks));
}

static void on_problem(void *ctx, const struct problem *p)
{
	struct findings *f = ctx;

	f->is_nonsense |= is_nonsense(f, p);
	if (names_era[p->code])
		note_era(f, p->found);
	else if (is_of_kind[p->code] && !f->other && is_of_any_kind(f, p->block))
		f->other = p->block;
}

static void on_error(void *ctx, const char *text)
{
	const struct findings *f = ctx;

	(void)report_fail(f->dev->rep, ERA_SYS, "%s", text);
}

static bool is_snapshot(const struct era_view *view)
{
	return view->flags & ERA_VIEW_SNAPSHOT;
}

static int check_view(struct era_view *view, struct findings *f)
{
	const struct report rep = {.ctx = f, .problem = on_problem, .error = on_error};

	return is_snapshot(view) ? era_check_dev(&view->dev, ERA_CHECK_SNAPSHOT, &rep, &f->result)
				 : era_check_as(&view->dev, &view->sb, &rep, &f->result);
}

static int check_all(struct era_view *view, struct findings *f)
{
	int r;

	*f = (struct findings){
		.dev = &view->dev,
		.data = blk_alloc(1),
		.current = view->sb.current_era,
		.after = view->sb.current_era,
		.sm_blocks = view->sb.sm.nr_blocks,
	};
	r = f->data ? check_view(view, f) : report_nomem(view->dev.rep);
	free(f->data);
	return r;
}

/* What contradicts what, in words; false when nothing does. */
static bool report_doubt(const struct era_view *view, const struct findings *f, uint32_t era)
{
	const char *path = view->dev.path;
	const char *name = is_snapshot(view) ? "metadata snapshot" : "superblock";
	const struct report *rep = view->dev.rep;

	if (f->other)
		report_note(rep, "%s: block %" PRIu64 ": is sound, but of another kind: the %s is an older "
			    "one, or a pointer is wrong: every block counts as written, in era %" PRIu32,
			    path, f->other, name, era);
	else if (f->is_nonsense)
		report_note(rep, "%s: block 0: superblock: where it points makes no sense, and no space map has "
			    "its trees: every block counts as written, in era %" PRIu32, path, era);
	else if (f->after > f->current)
		report_note(rep, "%s: era %" PRIu32 " is found, and the %s says %" PRIu32
			    ": every block counts as written, in era %" PRIu32, path, f->after - 1, name,
			    f->current, era);
	else if (f->result.doubtful)
		report_note(rep, "%s: block %" PRIu64 ": the space map and what leads there contradict each "
			    "other, as when a pointer was lost: every block counts as written", path,
			    f->result.doubtful);
	else
		return false;
	return true;
}

/* What the current era must be taken for.  A snapshot's is not above the live one. */
static uint32_t safe_era(const struct era_view *view, const struct findings *f)
{
	if (f->after == f->current)
		return f->current;
	if (is_snapshot(view) && f->after - 1 <= view->live.current_era)
		return view->live.current_era;
	return f->after - 1 + ERA_SALVAGE_GAP;
}

/* The view begins anew with all lost, if what was found contradicts what it says. */
static int doubt(struct era_view *view, const struct findings *f)
{
	struct superblock sb = view->sb;

	sb.current_era = safe_era(view, f);
	if (!report_doubt(view, f, sb.current_era))
		return 0;
	view->nr_problems++;
	view->flags |= ERA_VIEW_ALL_LOST;
	return era_view_restart(view, &sb);
}

/* The space map is the live metadata's, and can't prove anything. */
static int doubt_snapshot(struct era_view *view, struct findings *f)
{
	if (f->other)
		note_era(f, f->current);
	return doubt(view, f);
}

static int look_closer(struct era_view *view)
{
	struct findings f;
	uint32_t newest;
	int r = check_all(view, &f);

	if (r)
		era_view_close(view);
	if (r || f.result.nr_fatal + f.result.nr_non_fatal == 0)
		return r;
	if (is_snapshot(view))
		return doubt_snapshot(view, &f);
	r = salvage_roots(view, &newest);
	if (r)
		return r < 0 ? r : 0;
	r = f.is_nonsense ? salvage_confirms(&view->dev, &view->sb) : 0;
	if (r < 0) {
		era_view_close(view);
		return r;
	}
	f.is_nonsense &= !r;
	if (f.other || f.is_nonsense || (f.result.space_map_lost && newest > f.current))
		note_era(&f, newest > f.current ? newest : f.current);
	return doubt(view, &f);
}

int era_salvage_view_open(struct era_view *view, const char *path, unsigned flags,
			  const struct report *rep)
{
	int r = era_view_open(view, path, flags, rep);

	return r || !(flags & ERA_VIEW_REPAIR) ? r : look_closer(view);
}

int era_salvage_view_open_dev(struct era_view *view, struct blk_dev *dev, unsigned flags)
{
	int r = era_view_open_dev(view, dev, flags);

	return r || !(flags & ERA_VIEW_REPAIR) ? r : look_closer(view);
}
