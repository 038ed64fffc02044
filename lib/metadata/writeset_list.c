/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The writesets of a view, in the order of their eras. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/grow.h"
#include "metadata/rules.h"
#include "metadata/view_internal.h"
#include "metadata/writeset_tree.h"

/* How many writesets of which nothing is known are told apart. */
#define MAX_LOST 16u

static int add_writeset(struct era_view *view, const struct writeset *ws)
{
	struct writeset *grown = grow_array(view->writesets, view->nr_writesets + 1,
					    &view->capacity, sizeof(*grown));

	if (!grown)
		return report_nomem(view->dev.rep);
	view->writesets = grown;
	view->writesets[view->nr_writesets++] = *ws;
	return 0;
}

/* Of writesets without bits only the newest decides anything; they come in the order of their
 * eras. */
static int add_lost(struct era_view *view, const struct writeset *ws)
{
	if (view->nr_lost == MAX_LOST) {
		view->writesets[view->last_lost] = *ws;
		return 0;
	}
	view->nr_lost++;
	view->last_lost = view->nr_writesets;
	return add_writeset(view, ws);
}

/* With repair, a writeset whose era makes no sense may mean that the tree is another view's. */
static int check_writeset(struct era_view *view, struct writeset *ws, uint64_t era)
{
	bool has_current = !(view->flags & ERA_VIEW_SNAPSHOT) && view->sb.current_root;
	uint64_t block = ws->root.holder;
	struct problem p;

	ws->lost = writeset_check_bits(block, ws->nr_bits, view_max_blocks(view), &p);
	view->nr_bitset_blocks += ws->lost ? 0 : view_bitset_blocks(ws->nr_bits);
	if (view_check_claims(view, block, &p)) {
		view->writesets_lost = true;
		return walk_problem(&view->walk, &p, "%swriteset tree",
				    era_view_prefix(view->flags & ERA_VIEW_SNAPSHOT));
	}
	if (writeset_check_era(&view->sb, has_current, block, era, &p))
		view->writesets_lost = true;
	else if (!ws->lost)
		return 0;
	return walk_problem(&view->walk, &p, "%swriteset of era %" PRIu64,
			    era_view_prefix(view->flags & ERA_VIEW_SNAPSHOT), era);
}

static int list_writeset(void *ctx, const struct writeset_entry *entry)
{
	struct era_view *view = ctx;
	struct writeset ws = {
		.era = (uint32_t)min_u64(entry->era, view->sb.current_era),
		.nr_bits = entry->nr_bits,
		.root = entry->root,
	};
	int r = check_writeset(view, &ws, entry->era);

	if (!r)
		r = ws.lost ? add_lost(view, &ws) : add_writeset(view, &ws);
	return r ? r : view->writesets_lost;
}

static int list_tree(struct era_view *view)
{
	struct btree_root root = {
		.block = view->sb.writeset_tree_root,
		.holder = view->flags & ERA_VIEW_SNAPSHOT ? view->live.metadata_snap : 0,
	};
	char name[BTREE_NAME_MAX];
	bool damaged;
	int r;

	snprintf(name, sizeof(name), "%swriteset tree",
		 era_view_prefix(view->flags & ERA_VIEW_SNAPSHOT));
	r = writeset_tree_read(&view->walk, root, name, list_writeset, view, &damaged);
	view->writesets_lost |= damaged;
	return r;
}

static int list_current(struct era_view *view)
{
	struct writeset ws = {
		.era = view->sb.current_era,
		.nr_bits = view->sb.current_nr_bits,
		.root = {.block = view->sb.current_root},
		.is_current = true,
	};
	struct problem p;
	int r = 0;

	if (view->flags & ERA_VIEW_SNAPSHOT || !view->sb.current_root)
		return 0;
	if (writeset_check_bits(0, ws.nr_bits, view_max_blocks(view), &p)) {
		ws.lost = true;
		r = walk_problem(&view->walk, &p, "current writeset");
	}
	return r ? r : add_writeset(view, &ws);
}

/* A lost part of the tree could have named any block in any era. */
static int list_lost(struct era_view *view)
{
	struct writeset ws = {
		.era = view->sb.current_era,
		.nr_bits = view->sb.nr_blocks,
		.lost = true,
	};

	return view->writesets_lost || view->flags & ERA_VIEW_ALL_LOST ? add_writeset(view, &ws)
								       : 0;
}

static int by_era(const void *a, const void *b)
{
	const struct writeset *x = a, *y = b;

	return (x->era > y->era) - (x->era < y->era);
}

int view_list_writesets(struct era_view *view)
{
	int r = list_tree(view);

	if (!r)
		r = list_current(view);
	if (!r)
		r = list_lost(view);
	if (!r && view->nr_writesets)
		qsort(view->writesets, view->nr_writesets, sizeof(*view->writesets), by_era);
	return r;
}
