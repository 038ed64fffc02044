/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A sound superblock of which one field is wrong: a root that leads to no tree of its type, or to
 * an older one, or to none; or a current era that is below others.  The space map that it points to
 * tells what the trees are, when it is the generation's: its counts recompute, and all the rest of
 * the superblock is what it says.
 *
 * But it may also be the pointer to the space map that is wrong, and leads to an older one.  That
 * need not differ in more than the root of the current writeset.  So of two roots that both lead to
 * a tree, the one is taken that says no less than the other.
 *
 * And both may be wrong.  So what is taken must in the end say no less than the newest state that
 * is found as if the superblock were destroyed (salvage_newest.c).
 */
#include "salvage/salvage_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "block/validate.h"
#include "check/check.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/node.h"
#include "salvage/salvage.h"

static bool read_type(struct blk_dev *dev, uint64_t block, enum block_type type, void *data)
{
	struct problem p;

	return block && block < dev->nr_blocks && !blk_dev_read(dev, block, 1, data) &&
	       !blk_validate((struct blk_ro){block, data}, type, &p);
}

/* Down the left side: nodes of one type, and at the end a block of the array, if it is one. */
static bool leads_to(struct blk_dev *dev, uint64_t block, enum block_type type,
		     enum block_type array, void *data)
{
	for (unsigned depth = 0; depth < BTREE_MAX_DEPTH; depth++) {
		if (!read_type(dev, block, type, data))
			return false;
		if (!node_nr(data))
			return true;
		if (node_is_leaf(data))
			return array == BLOCK_NONE ||
			       read_type(dev, node_child(data, 0), array, data);
		block = node_child(data, 0);
	}
	return false;
}

enum verdict {
	NOT_KNOWN,
	KEEP_IT, /* it says all that the space map's does */
	TAKE_IT, /* what the space map says */
};

/* An enum verdict, or ERA_SYS. */
static int judge(struct scan *scan, const struct superblock *sb, const struct generation *g)
{
	struct generation ours = salvage_generation_of(sb);
	int r = generation_compare(scan, &ours, g);

	if (r)
		return r < 0 ? r : TAKE_IT;
	r = generation_compare(scan, g, &ours);
	if (r)
		return r < 0 ? r : KEEP_IT;
	return NOT_KNOWN;
}

struct root {
	uint64_t *found;
	uint64_t wanted;
	enum block_type type, array;
};

/* A root of 0, or that leads to nothing of its type, is the wrong one; of another it isn't known.
 */
static int decide(struct scan *scan, const struct superblock *sb, const struct root *root,
		  const struct generation *g, void *data)
{
	int verdict = TAKE_IT;

	if (leads_to(scan->dev, *root->found, root->type, root->array, data))
		verdict = judge(scan, sb, g);
	if (verdict == TAKE_IT)
		*root->found = root->wanted;
	return verdict;
}

/* All but the roots and the era. */
static bool belong_together(const struct superblock *sb, const struct generation *g)
{
	return sb->nr_blocks == g->sb.nr_blocks && sb->sm.nr_allocated == g->sb.sm.nr_allocated &&
	       sb->sm.ref_tree == g->sb.sm.ref_tree && sb->metadata_snap == g->sb.metadata_snap &&
	       g->max_era < UINT32_MAX - ERA_SALVAGE_GAP;
}

/* Where the root is wrong, the number beside it may be, too: it must not leave out any bits. */
static void take_nr_bits(struct superblock *sb, const struct generation *g)
{
	uint32_t nr_bits = g->sb.current_nr_bits;

	if (sb->current_nr_bits < nr_bits || bits_words(sb->current_nr_bits) != bits_words(nr_bits))
		sb->current_nr_bits = nr_bits;
}

/* Changes in sb what g contradicts, if it is one field.  An enum verdict, or ERA_SYS. */
static int take_field(struct scan *scan, struct superblock *sb, const struct generation *g,
		      void *data)
{
	const struct root roots[] = {
		{&sb->writeset_tree_root, g->sb.writeset_tree_root, BLOCK_WRITESET_NODE,
		 BLOCK_NONE},
		{&sb->era_array_root, g->sb.era_array_root, BLOCK_ERA_NODE, BLOCK_ERA},
		{&sb->current_root, g->sb.current_root, BLOCK_BITSET_NODE, BLOCK_BITSET},
	};
	const struct root *wrong = NULL;
	uint64_t lowest_era = generation_lowest_era(g);
	bool era_is_low = sb->current_era < lowest_era;
	unsigned nr = era_is_low;

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		if (*roots[i].found == roots[i].wanted)
			continue;
		wrong = &roots[i];
		nr++;
	}
	if (nr != 1 || !belong_together(sb, g) || (wrong && !wrong->wanted))
		return NOT_KNOWN;
	if (era_is_low)
		sb->current_era = (uint32_t)lowest_era + ERA_SALVAGE_GAP;
	else if (wrong == &roots[2])
		take_nr_bits(sb, g);
	return era_is_low ? TAKE_IT : decide(scan, sb, wrong, g, data);
}

/* An enum verdict, with *sb to be used instead, or ERA_SYS. */
static int look_at_space_map(struct scan *scan, struct superblock *sb, void *data)
{
	struct generations all;
	struct generation g = {.max_era = 0};
	int r = generations_open(&all, scan);

	if (!r)
		r = generation_find(&all, sb->sm.index, &g);
	generations_close(&all);
	return r > 0 ? take_field(scan, sb, &g, data) : r;
}

/* What other metadata left has eras further away, as a rule. */
#define NEAR_ERAS 1000u

static bool is_followed(const struct scan *scan, uint32_t current_era)
{
	for (uint64_t block = 1; block < scan->end; block++) {
		uint32_t era = scan_newest_era(scan, block);

		if (era > current_era && era - current_era <= NEAR_ERAS)
			return true;
	}
	return false;
}

static int find_better(struct blk_dev *dev, struct superblock *sb, struct salvage_traces *traces)
{
	uint32_t current_era = sb->current_era;
	void *data = blk_alloc(1);
	struct scan scan;
	int r = data ? scan_open(&scan, dev) : report_nomem(dev->rep);

	if (!r) {
		r = look_at_space_map(&scan, sb, data);
		*traces = (struct salvage_traces){scan.max_era, scan.longest,
						  is_followed(&scan, current_era)};
		scan_close(&scan);
	}
	free(data);
	return r;
}

/* 1, 0, or ERA_SYS. */
static int is_proven(struct blk_dev *dev, const struct superblock *sb, enum verdict verdict)
{
	int r = verdict == TAKE_IT ? era_check_is_sound(dev, sb) : 1;

	return r > 0 ? salvage_vouches(dev, sb, 0) : r;
}

static void report_field(const struct blk_dev *dev, const char *name, uint64_t found,
			 uint64_t taken)
{
	if (found != taken)
		report_note(dev->rep,
			    "%s: block 0: superblock: %s: found %" PRIu64 ", taken %" PRIu64
			    " as the space map proves",
			    dev->path, name, found, taken);
}

static void report_fields(const struct blk_dev *dev, const struct superblock *old,
			  const struct superblock *sb)
{
	report_field(dev, "root of the writeset tree", old->writeset_tree_root,
		     sb->writeset_tree_root);
	report_field(dev, "root of the era array", old->era_array_root, sb->era_array_root);
	report_field(dev, "root of the current writeset", old->current_root, sb->current_root);
	report_field(dev, "bits of the current writeset", old->current_nr_bits,
		     sb->current_nr_bits);
	if (sb->current_era != old->current_era)
		report_note(dev->rep,
			    "%s: block 0: superblock: current era: found %" PRIu32
			    ", which is below others, taken %" PRIu32,
			    dev->path, old->current_era, sb->current_era);
}

int salvage_roots(struct blk_dev *dev, struct superblock *sb, struct salvage_traces *traces)
{
	struct superblock better = *sb;
	int verdict = find_better(dev, &better, traces), r;

	if (verdict <= NOT_KNOWN)
		return verdict;
	r = is_proven(dev, &better, (enum verdict)verdict);
	if (r <= 0)
		return r;
	report_fields(dev, sb, &better);
	*sb = better;
	return 1;
}
