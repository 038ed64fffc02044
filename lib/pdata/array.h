/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reading an array, block by block.
 *
 * An array of nr_entries values is a btree from the index of an array block to its block number;
 * all blocks but the last are full.  The iterator yields parts that together cover exactly entries
 * 0 .. nr_entries - 1, in order.  Damaged or missing entries are yielded as an unknown part, if
 * the walk continues after them. Source in the kernel: drivers/md/persistent-data/dm-array.c.
 */
#ifndef ERA_PDATA_ARRAY_H
#define ERA_PDATA_ARRAY_H

#include "block/read_ahead.h"
#include "pdata/btree.h"

enum array_part_state {
	ARRAY_KNOWN,
	ARRAY_UNKNOWN, /* damaged or missing */
	ARRAY_SKIPPED, /* the walk said WALK_SKIP */
};

struct array_part {
	enum array_part_state state;
	uint64_t first, len;   /* entries */
	uint64_t index, block; /* of the array block; block is 0 if it is missing */
	bool miscounted;       /* unknown because a sound block has a wrong number of entries */
	bool excess;	       /* and too many */
	const uint8_t *values; /* of a known part; valid until the next call */
};

struct array_iter {
	struct btree_iter tree;
	struct read_ahead read_ahead;
	enum block_type type;
	uint64_t nr_entries, nr_blocks, next_index;
	uint32_t per_block;
	struct btree_leaf leaf;
	uint32_t leaf_pos;
	uint64_t nr_found;    /* array blocks in the tree, including those past the end */
	uint64_t damage_told; /* nodes that were left out and have been reported */
	bool overlong;	      /* the tree has blocks past the end */
};

/* type is that of the array's blocks: BLOCK_BITSET or BLOCK_ERA.  capacity is the most blocks in
 * the buffer that they are read through, which is allocated with the first read. */
void array_iter_init(struct array_iter *it, struct walk *walk, enum block_type type,
		     struct btree_root root, uint64_t nr_entries, uint32_t capacity,
		     const char *name);
void array_iter_free(struct array_iter *it);

/* Returns 1, 0 at the end, or the error that the walk stopped with. */
int array_iter_next(struct array_iter *it, struct array_part *part) must_check;

/* Passes a problem with the array block of that index to the walk; returns the walk's answer. */
int array_problem(struct array_iter *it, uint64_t index, struct problem *p) must_check;

#endif
