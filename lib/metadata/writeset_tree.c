/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/writeset_tree.h"

#include "ondisk/era_disk.h"

static int read_leaf(const struct btree_iter *it, const struct btree_leaf *leaf,
		     int (*each)(void *ctx, const struct writeset_entry *entry), void *ctx)
{
	const struct writeset_disk *disk = (const void *)leaf->values;
	int r = 0;

	for (uint32_t i = 0; i < leaf->nr_entries && !r; i++) {
		struct writeset_entry entry = {
			.era = le64_get(leaf->keys[i]),
			.nr_bits = le32_get(disk[i].nr_bits),
			.root = {le64_get(disk[i].root), leaf->block, leaf->shared},
			.after_damage = it->nr_damaged,
		};

		r = each(ctx, &entry);
	}
	return r;
}

int writeset_tree_read(struct walk *walk, struct btree_root root, const char *name,
		       int (*each)(void *ctx, const struct writeset_entry *entry), void *ctx,
		       bool *damaged)
{
	struct btree_iter it;
	struct btree_leaf leaf;
	int r;

	btree_iter_init(&it, walk, BLOCK_WRITESET_NODE, root, name);
	while ((r = btree_iter_next(&it, &leaf)) > 0) {
		r = read_leaf(&it, &leaf, each, ctx);
		if (r)
			break;
	}
	*damaged = it.nr_damaged;
	btree_iter_free(&it);
	return r < 0 ? r : 0;
}
