/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Reading the tree of archived writesets, in the order of their eras. */
#ifndef ERA_METADATA_WRITESET_TREE_H
#define ERA_METADATA_WRITESET_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "pdata/btree.h"

struct writeset_entry {
	uint64_t era;
	uint32_t nr_bits;
	struct btree_root root; /* of its bitset; the holder is the leaf with the entry */
	bool after_damage;	/* a part of the tree before it could not be read */
};

/* Calls each for every entry.  A negative result ends the walk, and so does 1, which is not an
 * error. *damaged becomes true if a part of the tree could not be read (and the walk continued). */
int writeset_tree_read(struct walk *walk, struct btree_root root, const char *name,
		       int (*each)(void *ctx, const struct writeset_entry *entry), void *ctx,
		       bool *damaged) must_check;

#endif
