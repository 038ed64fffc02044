/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/array_edit.h"

#include <string.h>

#include "base/checked.h"
#include "block/validate.h"
#include "pdata/btree_edit.h"
#include "pdata/node.h"

uint32_t array_per_block(enum block_type type)
{
	return ARRAY_MAX_ENTRIES(blk_value_size(type));
}

static uint8_t *values_of(void *block)
{
	return (uint8_t *)((struct array_block_disk *)block + 1);
}

static uint32_t block_nr(const void *block)
{
	return le32_get(((const struct array_block_disk *)block)->nr_entries);
}

/* Gives an array block nr entries; those that are new get the value of fill. */
static void set_entries(void *block, enum block_type type, uint32_t nr, const void *fill)
{
	uint32_t value_size = blk_value_size(type);

	for (uint32_t i = block_nr(block); i < nr; i++)
		memcpy(values_of(block) + (size_t)i * value_size, fill, value_size);
	((struct array_block_disk *)block)->nr_entries = le32_make(nr);
}

static int lost(struct txn *txn, uint64_t root, uint64_t index, enum block_type type)
{
	struct problem p;

	problem_set(&p, PROBLEM_ARRAY_MISSING, root, index + 1, index);
	return txn_problem(txn, &p, block_type_name(type));
}

uint32_t array_nr(enum block_type type, uint64_t nr_entries, uint64_t index)
{
	uint32_t per_block = array_per_block(type);

	return (uint32_t)min_u64(per_block, nr_entries - index * per_block);
}

/* An entry too few would be one that nobody sees. */
static int check_nr(struct txn *txn, enum block_type type, struct blk_ro blk, uint64_t nr_entries,
		    uint64_t index)
{
	uint32_t wanted = array_nr(type, nr_entries, index);
	struct problem p;

	if (block_nr(blk.data) == wanted)
		return 0;
	problem_set(&p, PROBLEM_ARRAY_ENTRIES, blk.nr, block_nr(blk.data), wanted);
	return txn_problem(txn, &p, block_type_name(type));
}

int array_read_block(struct txn *txn, enum block_type type, uint64_t root, uint64_t nr_entries,
		     uint64_t index, const uint8_t **values)
{
	struct le64 pointer;
	struct blk_ro blk = {0, NULL};
	int r = btree_lookup(txn, array_node_type(type), root, index, &pointer);

	if (!r)
		return lost(txn, root, index, type);
	if (r > 0)
		r = txn_read(txn, le64_get(pointer), type, &blk);
	if (!r)
		r = check_nr(txn, type, blk, nr_entries, index);
	if (!r)
		*values = array_values(blk.data);
	return r;
}

static int edit(struct txn *txn, enum block_type type, uint64_t *root, uint64_t nr_entries,
		uint64_t index, struct blk_rw *blk)
{
	struct le64 pointer;
	void *value;
	int r = btree_edit(txn, array_node_type(type), root, index, &value);

	if (r)
		return r;
	memcpy(&pointer, value, sizeof(pointer));
	r = txn_shadow(txn, le64_get(pointer), type, blk);
	if (r)
		return r;
	pointer = le64_make(blk->nr);
	memcpy(value, &pointer, sizeof(pointer));
	return check_nr(txn, type, (struct blk_ro){blk->nr, blk->data}, nr_entries, index);
}

int array_edit_block(struct txn *txn, enum block_type type, uint64_t *root, uint64_t nr_entries,
		     uint64_t index, uint8_t **values)
{
	struct blk_rw blk;
	int r = edit(txn, type, root, nr_entries, index, &blk);

	if (!r)
		*values = values_of(blk.data);
	return txn_result(txn, r);
}

static int add_block(struct txn *txn, enum block_type type, uint64_t *root, uint64_t index,
		     uint32_t nr, const void *fill)
{
	struct array_block_disk *block;
	struct blk_rw blk;
	struct le64 pointer;
	int r = txn_new(txn, type, &blk);

	if (r)
		return r;
	block = blk.data;
	block->max_entries = le32_make(array_per_block(type));
	block->value_size = le32_make(blk_value_size(type));
	set_entries(block, type, nr, fill);
	pointer = le64_make(blk.nr);
	return btree_insert(txn, array_node_type(type), root, index, &pointer);
}

static int remove_block(struct txn *txn, enum block_type type, uint64_t *root, uint64_t index)
{
	struct le64 pointer;
	int r = btree_lookup(txn, array_node_type(type), *root, index, &pointer);

	if (!r)
		return lost(txn, *root, index, type);
	if (r > 0)
		r = btree_remove(txn, array_node_type(type), root, index);
	return r < 0 ? r : txn_drop(txn, le64_get(pointer), type);
}

/* The last block that stays: the one that may be partial, before or after. */
static int resize_block(struct txn *txn, enum block_type type, uint64_t *root, uint64_t index,
			uint64_t old_nr, uint64_t new_nr, const void *fill)
{
	struct blk_rw blk;
	int r;

	if (array_nr(type, old_nr, index) == array_nr(type, new_nr, index))
		return 0;
	r = edit(txn, type, root, old_nr, index, &blk);
	if (!r)
		set_entries(blk.data, type, array_nr(type, new_nr, index), fill);
	return r;
}

static int resize(struct txn *txn, enum block_type type, uint64_t *root, uint64_t old_nr,
		  uint64_t new_nr, const void *fill)
{
	uint64_t old_blocks = div_up(old_nr, array_per_block(type));
	uint64_t new_blocks = div_up(new_nr, array_per_block(type));
	uint64_t last = min_u64(old_blocks, new_blocks);
	int r = 0;

	for (uint64_t i = old_blocks; i > new_blocks && !r; i--)
		r = remove_block(txn, type, root, i - 1);
	if (!r && last)
		r = resize_block(txn, type, root, last - 1, old_nr, new_nr, fill);
	for (uint64_t i = old_blocks; i < new_blocks && !r; i++) {
		r = add_block(txn, type, root, i, array_nr(type, new_nr, i), fill);
		if (!r)
			r = txn_trim(txn);
	}
	return r;
}

int array_resize(struct txn *txn, enum block_type type, uint64_t *root, uint64_t old_nr,
		 uint64_t new_nr, const void *fill)
{
	return txn_result(txn, resize(txn, type, root, old_nr, new_nr, fill));
}

int array_create(struct txn *txn, enum block_type type, uint64_t nr_entries, const void *fill,
		 uint64_t *root)
{
	uint64_t created;
	int r = btree_create(txn, array_node_type(type), &created);

	if (!r)
		r = array_resize(txn, type, &created, 0, nr_entries, fill);
	if (!r)
		*root = created;
	return r;
}

uint64_t array_max_blocks(enum block_type type, uint64_t nr_entries)
{
	return node_tree_blocks(div_up(nr_entries, array_per_block(type)));
}

uint64_t array_max_shadows(enum block_type type, uint64_t nr_entries, uint64_t nr)
{
	uint64_t level = div_up(nr_entries, array_per_block(type)), total = min_u64(nr, level);

	do {
		level = div_up(level, NODE_HALF);
		total += min_u64(nr, level ? level : 1);
	} while (level > 1);
	return total;
}
