/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * With repair, what must be known of all arrays of a view before any of them is read: which blocks
 * several pointers lead to, since the pointer that comes first need not be the right one; and which
 * bitsets may have had more bits than they say.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "metadata/rules.h"
#include "metadata/view_internal.h"
#include "ondisk/era_disk.h"
#include "pdata/array.h"

#define SURVEY_BLOCKS 64u

/* Looking for blocks that several pointers lead to.  Other damage is told of when it is read. */
struct survey {
	struct era_view *view;
	uint64_t *seen;
	struct walk walk;
};

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct survey *survey = ctx;
	int r = walk_visit_once(survey->seen, pointer, p);

	if (r)
		bits_set(survey->view->multiply_claimed, pointer->block);
	return r;
}

static int on_problem(void *ctx, const struct problem *p)
{
	(void)ctx;
	(void)p;
	return 0;
}

static int survey_array(struct survey *survey, uint64_t block, enum block_type node,
			enum block_type type)
{
	struct btree_root root = {.block = block};
	struct btree_iter it;
	struct btree_leaf leaf;
	struct problem p;
	int r;

	btree_iter_init(&it, &survey->walk, node, root, "");
	while ((r = btree_iter_next(&it, &leaf)) > 0) {
		const struct le64 *pointers = (const void *)leaf.values;

		for (uint32_t i = 0; i < leaf.nr_entries; i++) {
			struct walk_pointer pointer = {.block = le64_get(pointers[i]),
						       .type = type};

			(void)!walk_visit(&survey->walk, leaf.block, &pointer, &p);
		}
	}
	btree_iter_free(&it);
	return r;
}

static int survey_arrays(struct survey *survey)
{
	struct era_view *view = survey->view;
	int r = survey_array(survey, view->sb.era_array_root, BLOCK_ERA_NODE, BLOCK_ERA);

	for (size_t i = 0; i < view->nr_writesets && !r; i++)
		if (!view->writesets[i].lost)
			r = survey_array(survey, view->writesets[i].root.block, BLOCK_BITSET_NODE,
					 BLOCK_BITSET);
	return r;
}

static int find_multiply_claimed(struct era_view *view)
{
	struct survey survey = {.view = view, .seen = bits_copy(view->seen, view->walk.limit)};
	int r;

	view->multiply_claimed = bits_alloc(view->walk.limit);
	if (!survey.seen || !view->multiply_claimed) {
		free(survey.seen);
		return report_nomem(view->dev.rep);
	}
	survey.walk = (struct walk){&view->dev, view->walk.limit, &survey, on_pointer, on_problem};
	r = survey_arrays(&survey);
	free(survey.seen);
	return r;
}

/* Bitsets that contradict their number of bits may have had more: for a block with another number
 * of words, blocks too many, or a bit past the end either of the two is wrong.  Where the last
 * block can't be read nothing but that number says where they end. */
static bool is_open_ended(const struct writeset *ws, const struct array_iter *it,
			  const struct array_part *part)
{
	struct problem p;

	if (part->state == ARRAY_KNOWN)
		return writeset_check_part(it, part, ws->nr_bits, &p);
	return part->miscounted || part->first + part->len == it->nr_entries;
}

static int find_open_end(struct walk *walk, struct writeset *ws)
{
	struct array_part part;
	struct array_iter it;
	int r;

	array_iter_init(&it, walk, BLOCK_BITSET, ws->root, bits_words(ws->nr_bits), SURVEY_BLOCKS,
			"");
	while ((r = array_iter_next(&it, &part)) > 0)
		ws->open_end |= is_open_ended(ws, &it, &part);
	ws->open_end |= it.overlong;
	array_iter_free(&it);
	return r;
}

static int on_pointer_again(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	const struct era_view *view = ctx;

	if (!bits_test(view->multiply_claimed, pointer->block))
		return WALK_READ;
	problem_set(p, PROBLEM_MULTIPLY_CLAIMED, pointer->block, 0, 0);
	return ERA_DAMAGED;
}

static int find_open_ends(struct era_view *view)
{
	struct walk walk = {&view->dev, view->walk.limit, view, on_pointer_again, on_problem};
	int r = 0;

	for (size_t i = 0; i < view->nr_writesets && !r; i++)
		if (!view->writesets[i].lost)
			r = find_open_end(&walk, &view->writesets[i]);
	return r;
}

int view_survey(struct era_view *view)
{
	int r = find_multiply_claimed(view);

	return r ? r : find_open_ends(view);
}
