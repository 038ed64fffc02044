/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A generation that is found so was whole once.  Whether it is the newest is another question.
 * Beside one that covers it, it may be left out: that one says as much, if it stays.  But no block
 * tells the era of the current writeset, so across the end of an era nothing covers anything.
 * There a generation must be proven to be old: another one has archived the bits of its current
 * writeset, under an era above all that it names.  Were it the newest, that era would be in its
 * array by now, or in a writeset still, unless the device had shrunk in between.  That is refuted
 * by an array that is the same, and by archived writesets: they are digested in order, so those
 * that are left would be younger.  That era may be in the hole.  But then it is the same one in
 * both arrays, and what it held counts as written anyway.
 *
 * What is in the blocks of a generation need not be what it wrote: it was whole, then some of them
 * were free, and taken for the same kind of thing again.  No count tells that.  What such a
 * generation says is no lie, as it says it with newer bits or eras; but it proves nothing about
 * when they were archived.
 */
#include "salvage/generation_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "ondisk/era_disk.h"
#include "pdata/node.h"

/* What the hole counts for. */
enum hole_rule {
	HOLE_IS_UNKNOWN,
	HOLE_IS_WRITTEN, /* in `other`, where all that it may have held will be said */
	HOLE_MAY_FIT,	 /* in both */
};

/* Comparing two generations: the buffers, and what is known of both. */
struct compare {
	struct scan *scan;
	const struct generation *g, *other;
	enum hole_rule rule;
	uint32_t *eras, *other_eras; /* blocks of the era arrays, once they are listed */
	uint64_t nr_eras, nr_other_eras;
	bool same_eras;
	struct scan_writesets ws, other_ws;
	void *a, *b;
	uint64_t in_b; /* the block that b holds, or 0 */
};

static int read_into(struct compare *c, uint64_t block, void *data)
{
	int error = scan_read(c->scan, block, data);

	return error ? report_fail(c->scan->dev->rep, ERA_SYS, "%s: cannot read a second time",
				   c->scan->dev->path)
		     : 0;
}

static const struct le32 *eras_of(const void *data)
{
	return (const void *)array_values(data);
}

static const struct le64 *words_of(const void *data)
{
	return (const void *)array_values(data);
}

static bool eras_covered(const struct compare *c, uint32_t nr)
{
	const struct le32 *a = eras_of(c->a), *b = eras_of(c->b);

	for (uint32_t i = 0; i < nr; i++)
		if (le32_get(a[i]) > le32_get(b[i]))
			return false;
	return true;
}

static bool bits_covered(const struct compare *c, uint32_t nr)
{
	const struct le64 *a = words_of(c->a), *b = words_of(c->b);

	for (uint32_t i = 0; i < nr; i++)
		if (le64_get(a[i]) & ~le64_get(b[i]))
			return false;
	return true;
}

/* The blocks of two arrays of one type, of which b's is at least as long as a's, nr blocks. */
struct arrays {
	const uint32_t *a, *b;
	uint64_t nr;
	enum hole_rule rule;
	bool (*covered)(const struct compare *c, uint32_t nr);
};

enum pair {
	PAIR_COVERED,
	PAIR_MISSES,
	PAIR_TO_BE_READ,
};

/* What is known of a block in `a` and that in its place in `b` without reading them. */
static enum pair know_pair(const struct compare *c, const struct arrays *arrays, uint64_t i)
{
	uint32_t a = arrays->a[i], b = arrays->b[i];
	uint64_t hole = c->scan->hole;

	if (a == b || (b == hole && arrays->rule != HOLE_IS_UNKNOWN) ||
	    (a == hole && arrays->rule == HOLE_MAY_FIT))
		return PAIR_COVERED;
	if (a == hole)
		return PAIR_MISSES;
	if (!c->scan->blocks[a].value)
		return PAIR_COVERED;
	return c->scan->blocks[a].nr > c->scan->blocks[b].nr ? PAIR_MISSES : PAIR_TO_BE_READ;
}

static int compare_pair(struct compare *c, const struct arrays *arrays, uint64_t i)
{
	uint32_t a = arrays->a[i], b = arrays->b[i];
	int r = read_into(c, a, c->a);

	if (!r)
		r = read_into(c, b, c->b);
	c->in_b = 0;
	return r ? r : arrays->covered(c, c->scan->blocks[a].nr);
}

static int arrays_covered(struct compare *c, const struct arrays *arrays)
{
	int r = 1;

	for (uint64_t i = 0; i < arrays->nr && r > 0; i++) {
		enum pair pair = know_pair(c, arrays, i);

		if (pair == PAIR_MISSES)
			r = 0;
		else if (pair == PAIR_TO_BE_READ)
			r = compare_pair(c, arrays, i);
	}
	return r;
}

/* Are the bits of the bitset at root a also in that at root b? */
static int bitset_covered(struct compare *c, uint64_t a, uint64_t b, enum hole_rule rule)
{
	uint64_t nr_a, nr_b;
	uint32_t *list_a, *list_b;
	int r;

	if (a == b)
		return 1;
	list_a = scan_array(c->scan, a, SCAN_BITS, &nr_a);
	list_b = scan_array(c->scan, b, SCAN_BITS, &nr_b);
	if (nr_a == UINT64_MAX || nr_b == UINT64_MAX)
		r = ERA_SYS;
	else if (!list_a)
		r = scan_is_empty_array(c->scan, a);
	else if (!list_b)
		r = 0;
	else
		r = nr_a > nr_b ? 0
				: arrays_covered(c, &(struct arrays){list_a, list_b, nr_a, rule,
								     bits_covered});
	free(list_a);
	free(list_b);
	return r;
}

static int list_eras(struct compare *c)
{
	if (c->other_eras)
		return 0;
	free(c->eras);
	c->eras = scan_array(c->scan, c->g->sb.era_array_root, SCAN_ERAS, &c->nr_eras);
	c->other_eras =
		scan_array(c->scan, c->other->sb.era_array_root, SCAN_ERAS, &c->nr_other_eras);
	return c->nr_eras == UINT64_MAX || c->nr_other_eras == UINT64_MAX ? ERA_SYS : 0;
}

static bool is_listed(const struct compare *c, const uint32_t *eras, uint64_t root)
{
	return eras || scan_is_empty_array(c->scan, root);
}

/* Has the array of `other` at least this era for that data block? */
static int era_reached(struct compare *c, uint64_t data_block, uint32_t era)
{
	const uint32_t per_block = ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE);
	uint64_t block;
	int r = 0;

	if (data_block >= c->other->sb.nr_blocks)
		return 1;
	if (data_block / per_block >= c->nr_other_eras)
		return 0;
	block = c->other_eras[data_block / per_block];
	if (block == c->scan->hole)
		return 1;
	if (c->scan->blocks[block].value < era)
		return 0;
	if (c->in_b != block)
		r = read_into(c, block, c->b);
	c->in_b = r ? 0 : block;
	return r ? r : le32_get(eras_of(c->b)[data_block % per_block]) >= era;
}

static int word_digested(struct compare *c, uint64_t word, uint64_t bits, uint32_t era)
{
	int r = 1;

	for (; bits && r > 0; bits &= bits - 1)
		r = era_reached(c, word * BITS_PER_WORD + (unsigned)__builtin_ctzll(bits), era);
	return r;
}

/* Of block i of a bitset. */
static int block_digested(struct compare *c, uint32_t block, uint64_t i, uint32_t era)
{
	uint64_t word = i * ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE);
	int r;

	if (block == c->scan->hole)
		return c->rule == HOLE_MAY_FIT;
	if (!c->scan->blocks[block].value)
		return 1;
	r = read_into(c, block, c->a) ? ERA_SYS : 1;
	for (uint32_t j = 0; j < c->scan->blocks[block].nr && r > 0; j++)
		r = word_digested(c, word + j, le64_get(words_of(c->a)[j]), era);
	return r;
}

static int list_digested(struct compare *c, const uint32_t *list, uint64_t nr, uint32_t era)
{
	int r = 1;

	for (uint64_t i = 0; i < nr && r > 0; i++)
		r = block_digested(c, list[i], i, era);
	return r;
}

/* A writeset that `other` has no more: are its bits in the array? */
static int digested(struct compare *c, const struct scan_writeset *ws)
{
	uint64_t nr;
	uint32_t *list = scan_array(c->scan, ws->root, SCAN_BITS, &nr);
	int r;

	if (!list)
		return nr ? ERA_SYS : scan_is_empty_array(c->scan, ws->root);
	r = list_eras(c);
	if (!r)
		r = list_digested(c, list, nr, ws->era);
	free(list);
	return r;
}

/* Goes on from *i, since eras ascend; NULL when there is none of that era. */
static const struct scan_writeset *find_era(const struct scan_writesets *all, uint32_t era,
					    uint64_t *i)
{
	while (*i < all->nr && all->list[*i].era < era)
		(*i)++;
	return *i < all->nr && all->list[*i].era == era ? &all->list[*i] : NULL;
}

static int writesets_covered(struct compare *c)
{
	uint64_t at = 0;
	int r = 1;

	for (uint64_t i = 0; i < c->ws.nr && r > 0; i++) {
		const struct scan_writeset *ws = &c->ws.list[i];
		const struct scan_writeset *other = find_era(&c->other_ws, ws->era, &at);

		r = other ? bitset_covered(c, ws->root, other->root, c->rule) : digested(c, ws);
	}
	return r;
}

/* That writeset of `other` has the bits of g's current one: had it these when it was archived?  It
 * may have been empty, and digested since without a trace, and g may have taken its blocks for
 * what is current now.  Then no era that high was digested ever, and whoever came after it wrote
 * nothing that g lacks. */
static int was_archived_with_bits(struct compare *c, const struct scan_writeset *ws)
{
	int r;

	if (c->ws.nr || ws->era <= c->scan->max_digested)
		return 1;
	if (!c->other->sb.current_root)
		return 0;
	r = bitset_covered(c, c->other->sb.current_root, c->g->sb.current_root, HOLE_MAY_FIT);
	return r < 0 ? r : !r;
}

/* Has `other` archived the bits of g's current writeset under an era that is in nothing of g's? */
static int current_archived(struct compare *c)
{
	int r = 0;

	for (uint64_t i = 0; i < c->other_ws.nr && !r && (c->same_eras || c->ws.nr); i++) {
		const struct scan_writeset *ws = &c->other_ws.list[i];

		if (ws->era <= c->g->max_era || ws->era < c->g->snap_era)
			continue;
		r = bitset_covered(c, c->g->sb.current_root, ws->root, HOLE_IS_UNKNOWN);
		if (r > 0)
			r = was_archived_with_bits(c, ws);
	}
	return r;
}

static int current_covered(struct compare *c)
{
	uint64_t root = c->g->sb.current_root;
	int r;

	if (!root || !c->g->nr_set)
		return GENERATION_COVERS;
	r = current_archived(c);
	if (r)
		return r < 0 ? r : GENERATION_SUPERSEDES;
	if (!c->other->sb.current_root)
		return GENERATION_MISSES;
	r = bitset_covered(c, root, c->other->sb.current_root, c->rule);
	return r > 0 ? GENERATION_COVERS : r;
}

static int era_arrays_covered(struct compare *c)
{
	int r;

	c->same_eras = c->g->sb.era_array_root == c->other->sb.era_array_root;
	if (c->same_eras)
		return 1;
	r = list_eras(c);
	if (r)
		return r;
	if (!is_listed(c, c->eras, c->g->sb.era_array_root) || c->nr_eras > c->nr_other_eras)
		return 0;
	c->same_eras = c->nr_eras == c->nr_other_eras &&
		       (!c->nr_eras ||
			!memcmp(c->eras, c->other_eras, (size_t)c->nr_eras * sizeof(*c->eras)));
	return arrays_covered(c, &(struct arrays){c->eras, c->other_eras, c->nr_eras, c->rule,
						  eras_covered});
}

/* What a commit makes of g's current writeset: it stays, is archived, or its bits get into the
 * array. */
static int current_may_follow(struct compare *c)
{
	uint32_t era = c->g->max_era > c->g->snap_era ? c->g->max_era : c->g->snap_era;
	const struct scan_writeset current = {.era = era, .root = (uint32_t)c->g->sb.current_root};
	int r = current_covered(c);

	for (uint64_t i = 0; i < c->other_ws.nr && !r; i++)
		if (c->other_ws.list[i].era >= era)
			r = bitset_covered(c, current.root, c->other_ws.list[i].root, c->rule);
	return r ? r : digested(c, &current);
}

static int compare_all(struct compare *c, int (*compare_current)(struct compare *c))
{
	struct scan *scan = c->scan;
	int r = scan_writesets(scan, c->g->sb.writeset_tree_root, &c->ws);

	if (r > 0)
		r = scan_writesets(scan, c->other->sb.writeset_tree_root, &c->other_ws);
	if (r > 0)
		r = era_arrays_covered(c);
	if (r > 0)
		r = writesets_covered(c);
	return r > 0 ? compare_current(c) : r;
}

static int compare(struct scan *scan, const struct generation *g, const struct generation *other,
		   enum hole_rule rule, int (*compare_current)(struct compare *c))
{
	struct compare c = {
		.scan = scan,
		.g = g,
		.other = other,
		.rule = rule,
		.a = blk_alloc(1),
		.b = blk_alloc(1),
	};
	int r = 0;

	if (!c.a || !c.b)
		r = report_nomem(scan->dev->rep);
	else if (g->sb.nr_blocks <= other->sb.nr_blocks)
		r = compare_all(&c, compare_current);
	free(c.ws.list);
	free(c.other_ws.list);
	free(c.eras);
	free(c.other_eras);
	free(c.a);
	free(c.b);
	return r;
}

int generation_compare(struct scan *scan, const struct generation *g,
		       const struct generation *other)
{
	return compare(scan, g, other, HOLE_IS_WRITTEN, current_covered);
}

int generation_may_follow(struct scan *scan, const struct generation *g,
			  const struct generation *other)
{
	int r = compare(scan, g, other, HOLE_MAY_FIT, current_may_follow);

	return r > 0 ? 1 : r;
}
