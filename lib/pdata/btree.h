/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reading a btree, leaf by leaf in the order of its keys.
 *
 * Every node is validated; its keys must ascend and be in the range that its parent gives it.
 * Since the ranges of siblings don't overlap, and a node has a key in its own range, a cycle or a
 * node with several parents fails that check.  The depth is limited, too.
 *
 * A damaged node is passed to the walk; if the walk continues, everything below the node is left
 * out. Source in the kernel: drivers/md/persistent-data/dm-btree.c.
 */
#ifndef ERA_PDATA_BTREE_H
#define ERA_PDATA_BTREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/le.h"
#include "block/blk.h"
#include "pdata/walk.h"

#define BTREE_MAX_DEPTH 16
#define BTREE_NAME_MAX 64

struct btree_leaf {
	uint64_t block;
	uint32_t nr_entries;
	const struct le64 *keys;
	const uint8_t *values; /* nr_entries values of the type's value size */
	bool shared;	       /* reached through another view before */
};

struct btree_level {
	void *node;
	uint64_t block, end_key; /* keys in it are below end_key */
	uint32_t next, nr_entries;
	bool is_leaf, shared;
};

struct btree_iter {
	struct walk *walk;
	enum block_type type;
	char name[BTREE_NAME_MAX];
	uint64_t root, holder;
	bool root_shared, started;
	unsigned depth;
	uint64_t nr_damaged; /* nodes left out so far */
	struct btree_level level[BTREE_MAX_DEPTH];
};

struct btree_root {
	uint64_t block;
	uint64_t holder;    /* the block that holds the pointer to it */
	bool holder_shared; /* was that reached through another view before? */
};

/* Allocates nothing and reads nothing yet.  name is used in problems: "era array". */
void btree_iter_init(struct btree_iter *it, struct walk *walk, enum block_type type,
		     struct btree_root root, const char *name);
void btree_iter_free(struct btree_iter *it);

/* Gets the next leaf, valid until the next call.  Returns 1, 0 at the end, or the error that the
 * walk stopped with.  The leaf of an empty tree has no entries. */
int btree_iter_next(struct btree_iter *it, struct btree_leaf *leaf) must_check;

/* Checks what blk_validate() can't know: whether a node fits its place in the tree.  Its keys must
 * be within first_key .. end_key - 1, and only a root may be empty.  ERA_DAMAGED sets all of *p
 * but `where`. */
int btree_check_place(struct blk_ro node, uint64_t first_key, uint64_t end_key, bool is_root,
		      struct problem *p) must_check;

#endif
