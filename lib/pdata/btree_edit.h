/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Looking up and changing entries of a btree in a transaction.
 *
 * The calls that change a tree set *root to its new root.  A value has the type's value size.
 * None of these calls trims, so blocks of the transaction keep their addresses.
 *
 * A full node on the way down is split in halves before it is entered, so no split propagates
 * upwards. A node that has lost its last entry is removed, and so is a root with a single child;
 * otherwise nodes are not merged.  The kernel accepts under-full nodes, since its own removals
 * leave some.
 */
#ifndef ERA_PDATA_BTREE_EDIT_H
#define ERA_PDATA_BTREE_EDIT_H

#include <stdint.h>

#include "base/compiler.h"
#include "pdata/txn.h"

/* Sets *root to a new, empty tree. */
int btree_create(struct txn *txn, enum block_type type, uint64_t *root) must_check;

/* Returns 1 with *value set, or 0 if the key isn't there. */
int btree_lookup(struct txn *txn, enum block_type type, uint64_t root, uint64_t key,
		 void *value) must_check;

/* Finds the first entry from *key on.  Returns 1 with *key and *value set, or 0 if there is none.
 */
int btree_next(struct txn *txn, enum block_type type, uint64_t root, uint64_t *key,
	       void *value) must_check;

/* Adds an entry, or changes its value. */
int btree_insert(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key,
		 const void *value) must_check;

/* Returns 1, or 0 if the key wasn't there.  The caller drops what the value points to. */
int btree_remove(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key) must_check;

/* Shadows the path to the key, which must exist (otherwise ERA_DAMAGED), and points *value to its
 * value, to be changed in place. */
int btree_edit(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key,
	       void **value) must_check;

#endif
