/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/txn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "pdata/btree.h"
#include "pdata/node.h"
#include "pdata/txn_internal.h"

/* The writeset tree, the tree of a bitset, and the array block at its end. */
#define DROP_MAX_DEPTH (2 * BTREE_MAX_DEPTH + 1)

int txn_open(struct txn *txn, struct blk_dev *dev, const struct space_map_root *sm,
	     uint32_t capacity)
{
	int r;

	*txn = (struct txn){.dev = dev, .sm = *sm};
	r = blk_cache_open(&txn->cache, dev, capacity);
	if (!r)
		r = txn_load_space_map(txn);
	if (!r)
		r = txn_trim(txn);
	if (r)
		txn_close(txn);
	return r;
}

void txn_close(struct txn *txn)
{
	blk_cache_close(&txn->cache);
	counts_close(&txn->counts);
}

int txn_result(struct txn *txn, int r)
{
	if (r < 0 && !txn->aborted)
		txn->aborted = r;
	return r;
}

int txn_problem(struct txn *txn, struct problem *p, const char *where)
{
	snprintf(p->where, sizeof(p->where), "%s", where);
	report_problem(txn->dev->rep, p);
	return problem_error(p);
}

/* ERA_DAMAGED sets *p. */
static int check_pointer(const struct txn *txn, uint64_t nr, struct problem *p)
{
	uint64_t limit = min_u64(txn->sm.nr_blocks, txn->dev->nr_blocks);

	if (!nr || nr >= limit)
		problem_set(p, PROBLEM_POINTER, PROBLEM_NO_BLOCK, nr, limit - 1);
	else if (!counts_get(&txn->counts, nr))
		problem_set(p, PROBLEM_REF_FREE, nr, 0, 1);
	else
		return 0;
	return ERA_DAMAGED;
}

int txn_read(struct txn *txn, uint64_t nr, enum block_type type, struct blk_ro *blk)
{
	struct problem p;
	int r = check_pointer(txn, nr, &p);

	if (!r)
		r = blk_cache_read(&txn->cache, nr, type, blk, &p);
	return r == ERA_DAMAGED ? txn_problem(txn, &p, block_type_name(type)) : r;
}

static int edit(struct txn *txn, uint64_t nr, enum block_type type, struct blk_rw *blk)
{
	struct problem p;
	int r = blk_cache_edit(&txn->cache, nr, type, blk, &p);

	return r == ERA_DAMAGED ? txn_problem(txn, &p, block_type_name(type)) : r;
}

uint64_t txn_free_blocks(const struct txn *txn)
{
	uint64_t kept = txn_kept_back(txn);

	return txn->counts.nr_free > kept ? txn->counts.nr_free - kept : 0;
}

uint64_t txn_blocks_to_come(const struct txn *txn)
{
	return txn->counts.nr_blocks - txn->counts.nr_allocated - txn->counts.nr_free;
}

static int full(struct txn *txn)
{
	return report_fail(txn->dev->rep, ERA_NO_SPACE,
			   "%s: the metadata are full: none of %" PRIu64 " blocks may be had",
			   txn->dev->path, txn->counts.nr_blocks);
}

static int new_block(struct txn *txn, enum block_type type, struct blk_rw *blk)
{
	uint64_t nr_free = txn->committing ? txn->counts.nr_free : txn_free_blocks(txn);

	if (txn->aborted)
		return txn->aborted;
	if (!nr_free)
		return full(txn);
	return blk_cache_new(&txn->cache, counts_allocate(&txn->counts), type, blk);
}

int txn_new(struct txn *txn, enum block_type type, struct blk_rw *blk)
{
	return txn_result(txn, new_block(txn, type, blk));
}

int txn_inc(struct txn *txn, uint64_t nr)
{
	struct problem p;

	if (txn->aborted)
		return txn->aborted;
	if (!check_pointer(txn, nr, &p) && counts_inc(&txn->counts, nr))
		return 0;
	problem_set(&p, PROBLEM_REF_HIGH, nr, COUNTS_MAX, 1);
	return txn_result(txn, txn_problem(txn, &p, "space map"));
}

int txn_release(struct txn *txn, uint64_t nr)
{
	struct problem p;
	int r = txn->aborted ? txn->aborted : check_pointer(txn, nr, &p);

	if (txn->aborted)
		return r;
	if (r)
		return txn_result(txn, txn_problem(txn, &p, "space map"));
	if (counts_dec(&txn->counts, nr) && !counts_get(&txn->counts, nr))
		blk_cache_forget(&txn->cache, nr);
	return 0;
}

/* A copy of the block has come to be: what it points to has one parent more. */
static int inc_children(struct txn *txn, const void *data, enum block_type type)
{
	struct blk_pointers pointers = blk_pointers(data, type);
	int r = 0;

	for (uint32_t i = 0; i < pointers.nr && !r; i++)
		r = txn_inc(txn, blk_pointer(&pointers, i));
	return r;
}

static int copy(struct txn *txn, const struct blk_ro *old, enum block_type type, struct blk_rw *blk)
{
	int r = new_block(txn, type, blk);

	if (r)
		return r;
	memcpy(blk->data, old->data, META_BLOCK_SIZE);
	if (counts_get(&txn->counts, old->nr) > 1) {
		txn->nr_unshared++;
		r = inc_children(txn, old->data, type);
	}
	return r ? r : txn_release(txn, old->nr);
}

int txn_shadow(struct txn *txn, uint64_t nr, enum block_type type, struct blk_rw *blk)
{
	struct blk_ro old;
	int r = txn->aborted ? txn->aborted : txn_read(txn, nr, type, &old);

	if (r)
		return txn_result(txn, r);
	if (counts_is_new(&txn->counts, nr) && counts_get(&txn->counts, nr) == 1)
		r = edit(txn, nr, type, blk);
	else
		r = copy(txn, &old, type, blk);
	return txn_result(txn, r);
}

static bool holds_pointers(enum block_type type)
{
	return type == BLOCK_WRITESET_NODE || type == BLOCK_BITSET_NODE || type == BLOCK_ERA_NODE;
}

static int too_deep(struct txn *txn, uint64_t nr, enum block_type type)
{
	struct problem p;

	problem_set(&p, PROBLEM_DEPTH, nr, DROP_MAX_DEPTH + 1, DROP_MAX_DEPTH);
	return txn_problem(txn, &p, block_type_name(type));
}

/* May a walk go on to this block? */
static int enter(struct txn *txn, uint64_t nr, enum block_type type, unsigned depth)
{
	struct problem p;
	int r = check_pointer(txn, nr, &p);

	if (r)
		return txn_problem(txn, &p, block_type_name(type));
	return depth == DROP_MAX_DEPTH ? too_deep(txn, nr, type) : 0;
}

typedef int visit_fn(struct txn *txn, uint64_t nr, enum block_type type, unsigned depth, void *ctx);

/* Trimming may take the block out of memory, so it is asked for again for each child. */
static int visit_children(struct txn *txn, uint64_t nr, enum block_type type, unsigned depth,
			  visit_fn *visit, void *ctx)
{
	struct blk_pointers pointers;
	struct blk_ro blk;
	uint32_t i = 0;
	int r;

	do {
		r = txn_read(txn, nr, type, &blk);
		if (r)
			return r;
		pointers = blk_pointers(blk.data, type);
		if (i < pointers.nr)
			r = visit(txn, blk_pointer(&pointers, i), pointers.type, depth + 1, ctx);
	} while (!r && ++i < pointers.nr);
	return r;
}

static int drop(struct txn *txn, uint64_t nr, enum block_type type, unsigned depth, void *ctx)
{
	int r = enter(txn, nr, type, depth);

	if (r)
		return r;
	if (holds_pointers(type) && counts_get(&txn->counts, nr) == 1)
		r = visit_children(txn, nr, type, depth, drop, ctx);
	if (!r)
		r = txn_release(txn, nr);
	return r ? r : txn_trim(txn);
}

int txn_drop(struct txn *txn, uint64_t nr, enum block_type type)
{
	return txn_result(txn, txn->aborted ? txn->aborted : drop(txn, nr, type, 0, NULL));
}

struct sharing {
	uint64_t *count;
	bool is_shared; /* something above has another parent */
};

/* A bitset is another tree. */
static int count_shared(struct txn *txn, uint64_t nr, enum block_type type, unsigned depth,
			void *ctx)
{
	struct sharing here = *(const struct sharing *)ctx;
	int r;

	if (type == BLOCK_BITSET_NODE)
		return 0;
	r = enter(txn, nr, type, depth);
	if (r)
		return r;
	here.is_shared = here.is_shared || counts_get(&txn->counts, nr) > 1;
	*here.count += here.is_shared;
	if (!holds_pointers(type))
		return 0;
	r = visit_children(txn, nr, type, depth, count_shared, &here);
	return r ? r : txn_trim(txn);
}

int txn_count_shared(struct txn *txn, uint64_t root, enum block_type type, bool is_shared,
		     uint64_t *count)
{
	struct sharing sharing = {count, is_shared};

	return count_shared(txn, root, type, 0, &sharing);
}

int txn_trim(struct txn *txn)
{
	return txn_result(txn, blk_cache_trim(&txn->cache));
}

bool txn_is_changed(const struct txn *txn)
{
	for (size_t i = 0; i < ARRAY_SIZE(txn->counts.changed); i++)
		if (txn->counts.changed[i])
			return true;
	return false;
}

int txn_commit(struct txn *txn, int (*write_super)(void *ctx, const struct space_map_root *sm),
	       void *ctx)
{
	int r = txn->aborted;

	txn->committing = true;
	if (!r)
		r = txn_store_space_map(txn);
	if (!r)
		r = blk_cache_write(&txn->cache);
	if (!r)
		r = blk_dev_flush(txn->dev);
	if (!r)
		r = write_super(ctx, &txn->sm);
	if (!r)
		counts_commit(&txn->counts);
	txn->committing = false;
	if (!r)
		r = blk_cache_trim(&txn->cache);
	return txn_result(txn, r);
}
