/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sound superblock with a root that leads to no tree of its kind.  The space map that it points
 * to tells where that root was, when it is the generation's: its counts recompute, and all the
 * rest of the superblock is what it says.  An older generation's space map would differ in more
 * than that.
 */
#include "era/salvage.h"

#include <stdlib.h>

#include "block/validate.h"
#include "era/check.h"
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

struct root {
	uint64_t *found;
	uint64_t wanted;
	enum blk_role role, array;
};

/* Sets *replaced to how many roots of sb were taken from g.  False when they don't belong
 * together. */
static bool take_roots(struct blk_dev *dev, struct superblock *sb, const struct generation *g,
		       void *data, unsigned *replaced)
{
	const struct root roots[] = {
		{&sb->writeset_tree_root, g->sb.writeset_tree_root, ROLE_WRITESET_NODE, ROLE_NONE},
		{&sb->era_array_root, g->sb.era_array_root, ROLE_ERA_NODE, ROLE_ERA},
		{&sb->current_root, g->sb.current_root, ROLE_BITSET_NODE, ROLE_BITSET},
	};

	*replaced = 0;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		const struct root *root = &roots[i];

		if (*root->found == root->wanted)
			continue;
		if (!root->wanted || leads_to(dev, *root->found, root->role, root->array, data))
			return false;
		*root->found = root->wanted;
		++*replaced;
	}
	return *replaced == 1 && sb->nr_blocks == g->sb.nr_blocks &&
	       sb->sm.nr_allocated == g->sb.sm.nr_allocated && sb->sm.ref_tree == g->sb.sm.ref_tree &&
	       sb->metadata_snap == g->sb.metadata_snap && sb->current_era >= g->max_era;
}

static bool roots_are_sound(struct era_view *view, void *data)
{
	const struct superblock *sb = &view->sb;

	return leads_to(&view->dev, sb->writeset_tree_root, ROLE_WRITESET_NODE, ROLE_NONE, data) &&
	       leads_to(&view->dev, sb->era_array_root, ROLE_ERA_NODE, ROLE_ERA, data) &&
	       (!sb->current_root ||
		leads_to(&view->dev, sb->current_root, ROLE_BITSET_NODE, ROLE_BITSET, data));
}

/* 1 with *sb right, 0, or ERA_SYS. */
static int find_roots(struct era_view *view, struct superblock *sb, void *data)
{
	const struct report silent = {.ctx = NULL};
	struct era_check_result result;
	struct generations all;
	struct generation g;
	struct scan scan;
	unsigned replaced;
	int r = scan_open(&scan, &view->dev);

	if (r)
		return r;
	r = generations_open(&all, &scan);
	if (!r)
		r = generation_find(&all, sb->sm.index, &g);
	generations_close(&all);
	scan_close(&scan);
	if (r <= 0 || !take_roots(&view->dev, sb, &g, data, &replaced))
		return r < 0 ? r : 0;
	r = era_check_as(&view->dev, sb, &silent, &result);
	return r ? r : !result.nr_fatal && !result.nr_non_fatal;
}

int era_salvage_roots(struct era_view *view)
{
	struct superblock sb = view->sb;
	void *data = blk_alloc(1);
	int r;

	if (!data) {
		r = report_nomem(view->dev.rep);
	} else {
		r = roots_are_sound(view, data) ? 0 : find_roots(view, &sb, data);
		free(data);
	}
	if (!r)
		return 0;
	if (r < 0) {
		era_view_close(view);
		return r;
	}
	report_note(view->dev.rep,
		    "%s: a root in the superblock is wrong, and was found by the space map",
		    view->dev.path);
	view->nr_problems++;
	return era_view_restart(view, &sb);
}
