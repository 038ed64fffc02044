/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * With a hole, a generation may be the newest of which no bitmap is left, if its index, too, leads
 * elsewhere than to the hole: then no space map tells of it.  But its trees are there, in blocks
 * that the answer does not use, and say more than it does:
 *
 * - an era in a block of an array that the answer does not have
 * - bits of an archived writeset that it does not have in that era or a later one
 * - the current writeset: all bits that a found generation has in its own, since bits are only
 *   ever added to it until it is archived, and others.  So it is with each leaf of its array.
 *
 * Of these, older generations leave the last one, if they had the same blocks written, above all
 * where the current writeset has few; then nothing is proven.
 */
#include "salvage/salvage_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "ondisk/era_disk.h"
#include "pdata/node.h"

struct leftover {
	struct scan *scan;
	const struct salvage_answer *answer;
	void *data, *before;
	/* The blocks of the current writeset of the generation that is looked at. */
	uint32_t *current;
	uint64_t nr_current;
};

static bool read_child(struct leftover *l, uint64_t child, enum scan_type type)
{
	return l->scan->blocks[child].type == type && !scan_read(l->scan, child, l->data);
}

static bool eras_say_more(struct leftover *l, uint64_t leaf)
{
	const struct scan *scan = l->scan;
	uint32_t first = scan_first_index(scan, leaf);

	for (uint32_t i = 0; i < scan->blocks[leaf].nr && first != UINT32_MAX; i++) {
		uint32_t child = scan_children(scan, leaf)[i];

		if (read_child(l, child, SCAN_ERAS) &&
		    !salvage_answer_has_eras(l->answer, l->data, scan->blocks[child].nr,
					     (uint64_t)first + i))
			return true;
	}
	return false;
}

/* Has the block that was read all bits of the current writeset at that place?  Of what was the hole
 * nothing is known. */
static bool may_have_grown(struct leftover *l, uint32_t nr, uint64_t place)
{
	const struct le64 *now = (const void *)array_values(l->data);
	const struct le64 *before = (const void *)array_values(l->before);
	uint32_t block = place < l->nr_current ? l->current[place] : 0;

	if (!block || l->scan->blocks[block].type != SCAN_BITS ||
	    scan_read(l->scan, block, l->before))
		return true;
	for (uint32_t i = 0; i < l->scan->blocks[block].nr; i++)
		if (le64_get(before[i]) & ~(i < nr ? le64_get(now[i]) : 0))
			return false;
	return true;
}

/* Would the current writeset have more by this leaf? */
static bool bits_say_more(struct leftover *l, uint64_t leaf)
{
	const struct scan *scan = l->scan;
	uint32_t first = scan_first_index(scan, leaf);
	bool more = false;

	if (first == UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < scan->blocks[leaf].nr; i++) {
		uint32_t child = scan_children(scan, leaf)[i], nr = scan->blocks[child].nr;
		uint64_t place = (uint64_t)first + i;

		if (!read_child(l, child, SCAN_BITS) || !may_have_grown(l, nr, place))
			return false;
		more |= !salvage_answer_has_bits(l->answer, l->data, nr, place, SALVAGE_CURRENT);
	}
	return more;
}

/* 1, 0, or ERA_SYS. */
static int writeset_says_more(struct leftover *l, const struct scan_writeset *ws)
{
	uint64_t nr;
	uint32_t *list;
	int r = 0;

	if (!ws->root)
		return 0;
	list = scan_array(l->scan, ws->root, SCAN_BITS, &nr);
	if (!list)
		return nr ? ERA_SYS : 0;
	for (uint64_t i = 0; i < nr && !r; i++)
		r = read_child(l, list[i], SCAN_BITS) &&
		    !salvage_answer_has_bits(l->answer, l->data, l->scan->blocks[list[i]].nr, i,
					     ws->era);
	free(list);
	return r;
}

static int writesets_say_more(struct leftover *l, uint64_t leaf)
{
	int r = 0;

	for (uint32_t i = 0; i < l->scan->blocks[leaf].nr && !r; i++) {
		struct scan_writeset ws = scan_writeset(l->scan, leaf, i);

		r = writeset_says_more(l, &ws);
	}
	return r;
}

/* 1, 0, or ERA_SYS. */
typedef int look_fn(struct leftover *l, uint64_t block);

static int archive_says_more(struct leftover *l, uint64_t block)
{
	if (l->scan->blocks[block].type == SCAN_WRITESETS)
		return writesets_say_more(l, block);
	return l->scan->blocks[block].type == SCAN_ARRAY_LEAF && eras_say_more(l, block);
}

static int current_says_more(struct leftover *l, uint64_t block)
{
	return l->scan->blocks[block].type == SCAN_ARRAY_LEAF && bits_say_more(l, block);
}

static int look_at_all(struct leftover *l, look_fn *look)
{
	int r = 0;

	for (uint64_t block = 1; block < l->scan->end && !r; block++)
		if (!bits_test(l->answer->own, block))
			r = scan_is_exhausted(l->scan) ? 1 : look(l, block);
	return r;
}

static int look_beside(struct leftover *l, const struct generation *g)
{
	uint64_t root = g->sb.current_root;
	int r = 0;

	l->nr_current = 0;
	l->current = root ? scan_array(l->scan, root, SCAN_BITS, &l->nr_current) : NULL;
	if (root && !l->current && l->nr_current)
		r = ERA_SYS;
	if (!r)
		r = look_at_all(l, current_says_more);
	free(l->current);
	return r;
}

static int say_more(struct leftover *l, const struct era_salvage *s)
{
	int r = look_at_all(l, archive_says_more);

	for (size_t i = 0; i < s->nr_found && !r; i++)
		r = look_beside(l, &s->found[i]);
	return r;
}

int salvage_leftovers_say_nothing(struct era_salvage *s, const struct salvage_answer *answer)
{
	struct leftover l = {
		.scan = &s->scan,
		.answer = answer,
		.data = blk_alloc(1),
		.before = blk_alloc(1),
	};
	int r = l.data && l.before ? 0 : report_nomem(s->dev.rep);

	if (!r)
		r = answer->eras ? say_more(&l, s) : 1;
	free(l.data);
	free(l.before);
	if (r > 0)
		report_note(s->dev.rep,
			    "%s: blocks that no space map tells of may be of the newest generation",
			    s->dev.path);
	return r < 0 ? r : !r;
}
