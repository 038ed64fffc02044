/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sound superblock of which one field is wrong: a root that leads to no tree of its kind, or to an
 * older one, or to none; or a current era that is below others.  The space map that it points to
 * tells what the trees are, when it is the generation's: its counts recompute, and all the rest of the
 * superblock is what it says.
 *
 * But it may also be the pointer to the space map that is wrong, and leads to an older one.  That need
 * not differ in more than the root of the current writeset.  So of two roots that both lead to a tree,
 * the one is taken that says no less than the other; and when neither does, what that tree held
 * counts as lost.
 */
#include "era/salvage_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "block/validate.h"
#include "era/check.h"
#include "era/salvage.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/node.h"

static bool read_role(struct blk_dev *dev, uint64_t block, enum blk_role role, void *data)
{
	struct problem p;

	return block && block < era_block_limit(dev) && !blk_dev_read(dev, block, 1, data) &&
	       !blk_validate((struct blk_ro){block, data}, role, &p);
}

/* Down the left side: nodes of one role, and at the end a block of the array, if it is one. */
static bool leads_to(struct blk_dev *dev, uint64_t block, enum blk_role role, enum blk_role array,
		     void *data)
{
	for (unsigned depth = 0; depth < BTREE_MAX_DEPTH; depth++) {
		if (!read_role(dev, block, role, data))
			return false;
		if (!node_nr(data))
			return true;
		if (node_is_leaf(data))
			return array == ROLE_NONE || read_role(dev, node_child(data, 0), array, data);
		block = node_child(data, 0);
	}
	return false;
}

enum verdict {
	NOT_KNOWN,
	KEEP_IT,   /* it says all that the space map's does */
	TAKE_IT,   /* what the space map says */
	COUNT_ALL, /* neither says all that the other does */
};

/* What the superblock says, as a generation that no other can supersede. */
static struct generation as_generation(const struct superblock *sb)
{
	return (struct generation){
		.sb = *sb, .max_era = UINT32_MAX, .nr_set = sb->current_root != 0};
}

/* An enum verdict, or ERA_SYS. */
static int judge(struct scan *scan, const struct superblock *sb, const struct generation *g)
{
	struct generation ours = as_generation(sb);
	int r = generation_compare(scan, &ours, g);

	if (r)
		return r < 0 ? r : TAKE_IT;
	r = generation_compare(scan, g, &ours);
	if (r)
		return r < 0 ? r : KEEP_IT;
	return COUNT_ALL;
}

struct root {
	uint64_t *found;
	uint64_t wanted;
	enum blk_role role, array;
};

/* A root of 0, or that leads to nothing of its kind, is the wrong one; of another it isn't known. */
static int decide(struct scan *scan, const struct superblock *sb, const struct root *root,
		  const struct generation *g, void *data)
{
	int verdict = TAKE_IT;

	if (leads_to(scan->dev, *root->found, root->role, root->array, data))
		verdict = judge(scan, sb, g);
	if (verdict == TAKE_IT)
		*root->found = root->wanted;
	else if (verdict == COUNT_ALL)
		*root->found = UINT64_MAX;
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
		{&sb->writeset_tree_root, g->sb.writeset_tree_root, ROLE_WRITESET_NODE, ROLE_NONE},
		{&sb->era_array_root, g->sb.era_array_root, ROLE_ERA_NODE, ROLE_ERA},
		{&sb->current_root, g->sb.current_root, ROLE_BITSET_NODE, ROLE_BITSET},
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

static int look_at_space_map(struct scan *scan, struct superblock *sb, void *data)
{
	struct generations all;
	struct generation g;
	int r = generations_open(&all, scan);

	if (!r)
		r = generation_find(&all, sb->sm.index, &g);
	generations_close(&all);
	return r > 0 ? take_field(scan, sb, &g, data) : r;
}

/* An enum verdict, with *sb to be used instead, or ERA_SYS. */
static int find_better(struct blk_dev *dev, struct superblock *sb, uint32_t *newest)
{
	void *data = blk_alloc(1);
	struct scan scan;
	int r = data ? scan_open(&scan, dev) : report_nomem(dev->rep);

	if (!r) {
		r = look_at_space_map(&scan, sb, data);
		*newest = scan.max_era;
		scan_close(&scan);
	}
	free(data);
	if (r != TAKE_IT)
		return r;
	r = era_check_is_sound(dev, sb);
	return r > 0 ? TAKE_IT : r;
}

static bool has_trees_of(const struct superblock *sb, const struct generation *g)
{
	return sb->writeset_tree_root == g->sb.writeset_tree_root &&
	       sb->era_array_root == g->sb.era_array_root && sb->current_root == g->sb.current_root &&
	       sb->current_nr_bits == g->sb.current_nr_bits && sb->nr_blocks == g->sb.nr_blocks &&
	       sb->current_era >= generation_lowest_era(g);
}

static int any_has_trees_of(struct scan *scan, const struct superblock *sb)
{
	struct generations all;
	struct generation g;
	int r = generations_open(&all, scan);
	bool found = false;

	for (uint64_t block = 1; block < scan->end && !found && r >= 0; block++) {
		if (scan->blocks[block].kind != SCAN_INDEX || scan_is_exhausted(scan))
			continue;
		r = generation_find(&all, block, &g);
		found = r == GENERATION_FOUND && has_trees_of(sb, &g);
	}
	generations_close(&all);
	return r < 0 ? r : found;
}

int salvage_confirms(struct blk_dev *dev, const struct superblock *sb)
{
	struct scan scan;
	int r = scan_open(&scan, dev);

	if (r)
		return r;
	r = any_has_trees_of(&scan, sb);
	scan_close(&scan);
	return r;
}

static void report_field(const struct era_view *view, const char *name, uint64_t found,
			 uint64_t taken)
{
	if (taken == UINT64_MAX)
		report_note(view->dev.rep, "%s: block 0: superblock: %s: found %" PRIu64
			    ", but the space map has another one: what it led to counts as lost",
			    view->dev.path, name, found);
	else if (found != taken)
		report_note(view->dev.rep, "%s: block 0: superblock: %s: found %" PRIu64 ", taken %"
			    PRIu64 " as the space map proves", view->dev.path, name, found, taken);
}

static void report_fields(const struct era_view *view, const struct superblock *sb)
{
	const struct superblock *old = &view->sb;

	report_field(view, "root of the writeset tree", old->writeset_tree_root,
		     sb->writeset_tree_root);
	report_field(view, "root of the era array", old->era_array_root, sb->era_array_root);
	report_field(view, "root of the current writeset", old->current_root, sb->current_root);
	report_field(view, "bits of the current writeset", old->current_nr_bits, sb->current_nr_bits);
	if (sb->current_era != old->current_era)
		report_note(view->dev.rep, "%s: block 0: superblock: current era: found %" PRIu32
			    ", which is below others, taken %" PRIu32, view->dev.path, old->current_era,
			    sb->current_era);
}

int salvage_roots(struct era_view *view, uint32_t *newest)
{
	struct superblock sb = view->sb;
	int r = find_better(&view->dev, &sb, newest);
	enum verdict verdict = r < 0 ? NOT_KNOWN : (enum verdict)r;

	if (r < 0)
		era_view_close(view);
	if (r < 0 || verdict == NOT_KNOWN)
		return r;
	view->nr_problems++;
	if (verdict == KEEP_IT)
		return 1;
	report_fields(view, &sb);
	r = era_view_restart(view, &sb);
	return r ? r : 1;
}
