/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Whatever field is wrong in a block, what type it has is right, and so is all the rest.  So each
 * block in turn is left out, with its pointers: then no other one may have more pointers than
 * references, and those that have fewer must be the roots, but for the one that it may have been,
 * and what it may have pointed to.
 *
 * Or its count alone is wrong: what is in use is not, or what is free is in use.
 *
 * The hole, if it is in use, may be any root, and may have led to all that nothing leads to.
 */
#include "salvage/near_miss_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/validate.h"
#include "metadata/superblock.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/space_map.h"

int near_miss_open(struct near_miss *near, struct scan *scan)
{
	*near = (struct near_miss){
		.scan = scan,
		.balance = malloc((size_t)scan->limit * sizeof(*near->balance)),
	};
	return near->balance ? 0 : report_nomem(scan->dev->rep);
}

void near_miss_close(struct near_miss *near)
{
	free(near->balance);
	near->balance = NULL;
}

static enum near_kind kind_of_leaf(const struct scan *scan, uint64_t leaf)
{
	const struct scan_block *b = &scan->blocks[leaf];

	switch ((enum scan_type)b->type) {
	case SCAN_INDEX:
		return NEAR_INDEX;
	case SCAN_REF_LEAF:
		return NEAR_REFS;
	case SCAN_WRITESETS:
		return NEAR_WRITESETS;
	case SCAN_SUPERBLOCK:
		return NEAR_CLONE;
	case SCAN_ARRAY_LEAF:
		return b->nr && scan->blocks[scan_children(scan, leaf)[0]].type == SCAN_ERAS
			       ? NEAR_ERAS
			       : NEAR_BITS;
	case SCAN_ERAS:
		return NEAR_ERAS_BLOCK;
	case SCAN_BITS:
		return NEAR_BITS_BLOCK;
	case SCAN_DAMAGED:
	case SCAN_ZERO:
	case SCAN_BITMAP:
	case SCAN_NODE:
		break;
	}
	return NEAR_OTHER;
}

static enum near_kind kind_of(const struct scan *scan, uint64_t block)
{
	for (unsigned depth = 0; depth < BTREE_MAX_DEPTH && scan->blocks[block].type == SCAN_NODE &&
				 scan->blocks[block].nr;
	     depth++)
		block = scan_children(scan, block)[0];
	return kind_of_leaf(scan, block);
}

static void add(struct near_miss *near, uint64_t block, int32_t n)
{
	int32_t was = near->balance[block], is = was + n;

	near->balance[block] = is;
	near->nr_short = near->nr_short + (is < 0) - (was < 0);
	if ((is > 0) != (was > 0)) {
		uint64_t *nr = &near->nr_open[kind_of(near->scan, block)];

		*nr = is > 0 ? *nr + 1 : *nr - 1;
	}
}

static void add_to(uint64_t *nr, int32_t n)
{
	*nr = n > 0 ? *nr + 1 : *nr - 1;
}

static void add_wrong(struct near_miss *near, int32_t n)
{
	add_to(&near->nr_wrong, n);
}

/* n: 1 for a pointer that is left out, -1 for one that is there. */
static void add_pointer(struct near_miss *near, uint64_t block, int32_t n)
{
	near->scan->nr_looked_at++;
	if (block && block < near->scan->limit)
		add(near, block, n);
	else
		add_wrong(near, -n);
}

static void add_clone(struct near_miss *near, uint64_t block, int32_t n)
{
	struct superblock clone;
	struct problem p;

	if (superblock_read(near->scan->dev, block, BLOCK_SNAPSHOT, &clone, &p)) {
		add_wrong(near, -n);
		return;
	}
	add_pointer(near, clone.writeset_tree_root, n);
	add_pointer(near, clone.era_array_root, n);
}

/* All that a block says. */
static void add_pointers(struct near_miss *near, uint64_t block, int32_t n)
{
	const struct scan *scan = near->scan;
	const struct scan_block *b = &scan->blocks[block];

	switch ((enum scan_type)b->type) {
	case SCAN_DAMAGED:
	case SCAN_ZERO:
		add_to(block == scan->hole ? &near->nr_holes : &near->nr_wrong, -n);
		break;
	case SCAN_SUPERBLOCK:
		add_clone(near, block, n);
		break;
	case SCAN_NODE:
	case SCAN_ARRAY_LEAF:
		for (uint32_t i = 0; i < b->nr; i++)
			add_pointer(near, scan_children(scan, block)[i], n);
		break;
	case SCAN_WRITESETS:
		for (uint32_t i = 0; i < b->nr; i++)
			add_pointer(near, scan_writeset(scan, block, i).root, n);
		break;
	case SCAN_REF_LEAF:
		if (b->nr)
			add_wrong(near, -n);
		break;
	case SCAN_INDEX:
	case SCAN_BITMAP:
	case SCAN_ERAS:
	case SCAN_BITS:
		break;
	}
}

void near_miss_begin(struct near_miss *near)
{
	memset(near->balance, 0, (size_t)near->scan->limit * sizeof(*near->balance));
	memset(near->nr_open, 0, sizeof(near->nr_open));
	near->nr_short = near->nr_wrong = near->nr_holes = near->in_tree = 0;
}

void near_miss_add_bitmap(struct near_miss *near, uint64_t bitmap)
{
	add_pointer(near, bitmap, -1);
}

void near_miss_add_count(struct near_miss *near, uint64_t block, uint32_t count)
{
	if (count == BITMAP_LOOK_IN_TREE) {
		near->nr_wrong++;
		near->in_tree = block;
	}
	add(near, block, (int32_t)count);
	add_pointers(near, block, -1);
}

#define KIND(kind) (1u << NEAR_##kind)

/* What a block of a type may be. */
static const struct role {
	enum scan_type type;
	unsigned may_be, may_lead_to; /* kinds */
	unsigned leads_to;	      /* one of these, unless it is 0 */
} roles[] = {
	{SCAN_SUPERBLOCK, KIND(CLONE), KIND(WRITESETS) | KIND(ERAS), 0},
	{SCAN_INDEX, KIND(INDEX), KIND(OTHER), 0},
	{SCAN_REF_LEAF, KIND(REFS), 0, 0},
	{SCAN_NODE, KIND(WRITESETS), KIND(WRITESETS), 0},
	{SCAN_NODE, KIND(ERAS), KIND(ERAS), 0},
	{SCAN_NODE, KIND(BITS), KIND(BITS), 0},
	{SCAN_WRITESETS, KIND(WRITESETS), KIND(BITS), 0},
	{SCAN_ARRAY_LEAF, KIND(ERAS), KIND(ERAS_BLOCK), KIND(ERAS_BLOCK)},
	{SCAN_ARRAY_LEAF, KIND(BITS), KIND(BITS_BLOCK), KIND(BITS_BLOCK)},
	{SCAN_BITMAP, 0, 0, 0},
	{SCAN_ERAS, 0, 0, 0},
	{SCAN_BITS, 0, 0, 0},
};

static const struct role no_role = {SCAN_DAMAGED, 0, 0, 0};

/* With a block left out that has this role? */
static bool adds_up(const struct near_miss *near, const struct role *role)
{
	static const struct {
		uint64_t least, most;
	} roots[NR_NEAR_KINDS] = {
		[NEAR_INDEX] = {1, 1}, [NEAR_REFS] = {1, 1}, [NEAR_WRITESETS] = {1, 1},
		[NEAR_ERAS] = {1, 1},  [NEAR_BITS] = {0, 1}, [NEAR_CLONE] = {0, 1},
	};
	unsigned missing = 0, more = 0, there = 0;

	for (unsigned kind = 0; kind < NR_NEAR_KINDS; kind++) {
		there |= (unsigned)(near->nr_open[kind] > 0) << kind;
		missing |= (unsigned)(near->nr_open[kind] < roots[kind].least) << kind;
		more |= (unsigned)(near->nr_open[kind] > roots[kind].most) << kind;
	}
	if (near->nr_wrong || near->nr_short)
		return false;
	return near->nr_holes || (!(missing & ~role->may_be) && !(more & ~role->may_lead_to) &&
				  (there & role->leads_to) == role->leads_to);
}

static bool may_have_role(const struct near_miss *near, uint64_t block)
{
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (roles[i].type == near->scan->blocks[block].type && adds_up(near, &roles[i]))
			return true;
	return false;
}

/* Of one that is in use: it is not, or its pointers are wrong, or its count is. */
static bool adds_up_without(struct near_miss *near, uint64_t block)
{
	int32_t balance = near->balance[block];
	uint64_t wrong_count = near->in_tree == block;
	bool r;

	near->nr_wrong -= wrong_count;
	add(near, block, -balance);
	r = adds_up(near, &no_role);
	add_pointers(near, block, 1);
	r = r || adds_up(near, &no_role) || may_have_role(near, block);
	add_pointers(near, block, -1);
	add(near, block, balance);
	near->nr_wrong += wrong_count;
	return r;
}

/* Of one that is free: one pointer leads to it, or it is a root. */
static bool adds_up_with(struct near_miss *near, uint64_t block)
{
	int32_t balance = near->balance[block], more = balance < 0 ? -balance : 1;
	bool r;

	add(near, block, more);
	add_pointers(near, block, -1);
	r = adds_up(near, &no_role);
	add_pointers(near, block, 1);
	add(near, block, -more);
	return r;
}

bool near_miss_is_one(struct near_miss *near, const uint64_t *used)
{
	if (adds_up(near, &no_role))
		return true;
	for (uint64_t b = 1; b < near->scan->end; b++)
		if (bits_test(used, b) ? adds_up_without(near, b) : adds_up_with(near, b))
			return true;
	return false;
}
