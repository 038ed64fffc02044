/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Building new trees and arrays in one pass, from entries in ascending order.
 *
 * A level of a btree keeps up to two nodes of entries back, so that its last two nodes share the
 * rest evenly, and only the root is less than half full.
 */
#ifndef ERA_PDATA_BULK_H
#define ERA_PDATA_BULK_H

#include <stdint.h>

#include "base/block_type.h"
#include "base/compiler.h"
#include "block/staging.h"
#include "pdata/btree.h"

struct btree_build_level {
	uint64_t *keys;
	uint8_t *values;
	uint32_t nr, max, value_size;
};

struct btree_build {
	struct blk_staging *staging;
	enum block_type type;
	unsigned nr_levels;
	struct btree_build_level level[BTREE_MAX_DEPTH];
};

int btree_build_begin(struct btree_build *b, struct blk_staging *staging,
		      enum block_type type) must_check;
/* Keys ascend; value has the type's value size. */
int btree_build_add(struct btree_build *b, uint64_t key, const void *value) must_check;
/* Sets *root; an empty tree is an empty leaf. */
int btree_build_finish(struct btree_build *b, uint64_t *root) must_check;
/* To be called after success and failure; a zeroed struct is legal. */
void btree_build_free(struct btree_build *b);

struct array_build {
	struct btree_build tree;
	enum block_type type;
	uint32_t per_block, nr_entries;
	uint64_t next_index;
	void *block; /* being filled */
};

int array_build_begin(struct array_build *b, struct blk_staging *staging,
		      enum block_type type) must_check;
/* Adds nr values, as stored on disk: le32 or le64, depending on the type. */
int array_build_add(struct array_build *b, const void *values, uint32_t nr) must_check;
int array_build_finish(struct array_build *b, uint64_t *root) must_check;
void array_build_free(struct array_build *b);

#endif
