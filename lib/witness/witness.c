/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "witness/witness.h"

#include <stdlib.h>

#include "base/bits.h"
#include "witness/witness_internal.h"

/* Who listens to the one pass over the era map. */
struct listeners {
	struct witness_comparison *comparison;
	struct witness_maker *maker;
};

static void on_chunk(void *ctx, const struct era_chunk *chunk)
{
	const struct listeners *to = ctx;

	if (to->comparison)
		witness_comparison_add(to->comparison, chunk);
	if (to->maker)
		witness_maker_add(to->maker, chunk);
}

static int begin(struct listeners *to, const struct era_view *view, const struct witness_task *task)
{
	if (task->old)
		to->comparison = witness_comparison_begin(task->old, view, task->listed_from);
	if (task->make)
		to->maker = witness_maker_begin(view);
	if ((task->old && !to->comparison) || (task->make && !to->maker))
		return report_nomem(view->dev.rep);
	return 0;
}

/* The kernel gives blocks that a device has grown by era 0, whatever they hold. */
static void list_grown(struct era_changes *changes, const struct era_view *view,
		       const struct witness *old)
{
	if (old && old->nr_blocks < view->sb.nr_blocks)
		bits_set_range(changes->bits, old->nr_blocks, view->sb.nr_blocks - old->nr_blocks);
}

static int end(const struct listeners *to, const struct era_view *view, struct witness_task *task,
	       const struct era_changes *changes)
{
	int r = to->comparison ? witness_comparison_end(to->comparison) : 0;

	if (r || !to->maker || changes->nr_unknown || view->nr_problems)
		return r;
	task->made = witness_maker_end(to->maker);
	return task->made ? 0 : report_nomem(view->dev.rep);
}

/* A verdict is due only on what was the view to the end. */
static int read_and_judge(struct era_view *view, uint32_t since, const struct listeners *to,
			  struct witness_task *task, struct era_changes *changes)
{
	const struct era_chunk_listener listener = {(void *)to, on_chunk};
	int r = era_view_settle(view, era_changes_read_with(view, since, &listener, changes));

	if (!r)
		r = end(to, view, task, changes);
	if (r)
		era_changes_free(changes);
	else
		list_grown(changes, view, task->old);
	return r;
}

int witness_read_changes(struct era_view *view, uint32_t since, struct witness_task *task,
			 struct era_changes *changes)
{
	struct era_changes found = {NULL, 0};
	struct listeners to = {NULL, NULL};
	int r = task->old ? witness_allowed(task->old, view, since) : 0;

	task->made = NULL;
	if (!r)
		r = era_changes_allowed(view, since);
	if (!r)
		r = begin(&to, view, task);
	if (!r)
		r = read_and_judge(view, since, &to, task, &found);
	if (!r)
		*changes = found;
	free(to.comparison);
	free(to.maker);
	return r;
}
