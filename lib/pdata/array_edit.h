/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reading and changing arrays in a transaction, one block at a time.
 *
 * type is that of the array's blocks: BLOCK_BITSET or BLOCK_ERA.  The calls that change an array
 * set *root to its new root.  txn_drop() drops a whole array.
 */
#ifndef ERA_PDATA_ARRAY_EDIT_H
#define ERA_PDATA_ARRAY_EDIT_H

#include <stdint.h>

#include "base/compiler.h"
#include "pdata/txn.h"

/* The type of the nodes above an array's blocks. */
static inline enum block_type array_node_type(enum block_type type)
{
	return type == BLOCK_ERA ? BLOCK_ERA_NODE : BLOCK_BITSET_NODE;
}

/* Values in a full block. */
uint32_t array_per_block(enum block_type type);

/* The values of array block `index` of an array of nr_entries, valid until the next trim.
 * ERA_DAMAGED if the block is missing, or does not have array_nr() entries. */
int array_read_block(struct txn *txn, enum block_type type, uint64_t root, uint64_t nr_entries,
		     uint64_t index, const uint8_t **values) must_check;

/* The same, to be changed. */
int array_edit_block(struct txn *txn, enum block_type type, uint64_t *root, uint64_t nr_entries,
		     uint64_t index, uint8_t **values) must_check;

/* How many entries of an array of nr_entries are in block `index`. */
uint32_t array_nr(enum block_type type, uint64_t nr_entries, uint64_t index);

/* Sets *root to a new array.  fill is the value of all entries, as stored on disk.  Trims. */
int array_create(struct txn *txn, enum block_type type, uint64_t nr_entries, const void *fill,
		 uint64_t *root) must_check;

/* Resizes an array from old_nr to new_nr entries; fill is the value of new ones.  Trims. */
int array_resize(struct txn *txn, enum block_type type, uint64_t *root, uint64_t old_nr,
		 uint64_t new_nr, const void *fill) must_check;

/* The most blocks that a new array of nr_entries takes. */
uint64_t array_max_blocks(enum block_type type, uint64_t nr_entries);

/* The most new blocks that shadowing nr array blocks takes, in an array of nr_entries. */
uint64_t array_max_shadows(enum block_type type, uint64_t nr_entries, uint64_t nr);

#endif
