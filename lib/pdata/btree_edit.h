/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking up and changing entries of a btree in a transaction.
 *
 * The calls that change a tree set *root to its new root.  A key's value has the type's value size.
 * None of them trims, so blocks of the transaction stay where they are in memory.
 *
 * A full node on the way down is split in halves before it is entered, so no split goes up again.  A
 * node that has lost its last entry goes away, and so does a root with a single child; nodes
 * are not merged otherwise.  The kernel takes under-full nodes, since its own removals leave some.
 */
#ifndef ERA_PDATA_BTREE_EDIT_H
#define ERA_PDATA_BTREE_EDIT_H

#include <stdint.h>

#include "base/compiler.h"
#include "pdata/txn.h"

/* Sets *root to a new, empty tree. */
int btree_create(struct txn *txn, enum block_type type, uint64_t *root) must_check;

/* 1 with *value set, or 0 when the key isn't there. */
int btree_lookup(struct txn *txn, enum block_type type, uint64_t root, uint64_t key, void *value)
	must_check;

/* The first entry from *key on: 1 with *key and *value set, or 0 when there is none. */
int btree_next(struct txn *txn, enum block_type type, uint64_t root, uint64_t *key, void *value)
	must_check;

/* Adds an entry, or gives it a new value. */
int btree_insert(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key,
		 const void *value) must_check;

/* 1, or 0 when the key wasn't there.  What the value points to is the caller's to drop. */
int btree_remove(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key) must_check;

/* Shadows the path to the key, which must be there (else ERA_DAMAGED), and sets *value to where its
 * value lies, to be changed there. */
int btree_edit(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key, void **value)
	must_check;

#endif
