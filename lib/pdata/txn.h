/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Changing metadata in place, one transaction after the other.
 *
 * A block that the last commit reaches is never overwritten.  A block that is to change is
 * shadowed: once per transaction it is copied to a block that was free at the last commit, and its
 * parent points to the copy.  The commit writes all copies and the space map, flushes, and then
 * lets its caller write the superblock that points to them.  If it is stopped at any point, the
 * device has the last commit or the new one.
 *
 * Blocks are shared by reference counts: shadowing a block that has other parents, too, takes a
 * reference to each of its children for the copy.
 *
 * A change that fails aborts its transaction: nothing more can be changed or committed, and all
 * such calls return what the first returned.  Reading is still possible.  All errors are reported.
 * ERA_NO_SPACE means that the device still has the last commit, so that the transaction may be
 * closed and another one opened on it; after any other error the device may have the new one.
 *
 * Blocks keep their addresses until txn_trim(), which some calls that change large structures make
 * themselves; their comments say so.  One thread at a time. Source in the kernel:
 * drivers/md/persistent-data/dm-transaction-manager.c.
 */
#ifndef ERA_PDATA_TXN_H
#define ERA_PDATA_TXN_H

#include <stdbool.h>
#include <stdint.h>

#include "block/cache.h"
#include "pdata/counts.h"
#include "pdata/space_map.h"

struct txn {
	struct blk_dev *dev;
	struct blk_cache cache;
	struct counts counts;
	struct space_map_root sm;
	uint64_t bitmaps[INDEX_MAX_ENTRIES]; /* their blocks */
	bool committing;		     /* the reserved blocks can be allocated */
	int aborted;			     /* 0, or what the first change that failed returned */
	uint64_t nr_unshared; /* blocks copied so far that still have other parents */
};

/* Reads and validates the whole space map of sm, which is on dev.  capacity: blocks in memory
 * between two calls of txn_trim(). */
int txn_open(struct txn *txn, struct blk_dev *dev, const struct space_map_root *sm,
	     uint32_t capacity) must_check;
/* Uncommitted changes are lost.  A zeroed txn is legal. */
void txn_close(struct txn *txn);

/* Gets a block that must be in use. */
int txn_read(struct txn *txn, uint64_t nr, enum block_type type, struct blk_ro *blk) must_check;

/* Gets a new block with one reference, zeroed.  Fails if there is none; see txn_free_blocks(). */
int txn_new(struct txn *txn, enum block_type type, struct blk_rw *blk) must_check;

/* Gets block nr for writing: the block itself if it is new and has no other parent, otherwise a
 * copy. The caller's reference to nr becomes one to blk->nr. */
int txn_shadow(struct txn *txn, uint64_t nr, enum block_type type, struct blk_rw *blk) must_check;

/* Adds a reference. */
int txn_inc(struct txn *txn, uint64_t nr) must_check;

/* Removes a reference to a block of that type; the last one frees it, and drops what it points to.
 * Trims. */
int txn_drop(struct txn *txn, uint64_t nr, enum block_type type) must_check;

/* The same for a block whose pointers, if it has any, now belong to other blocks. */
int txn_release(struct txn *txn, uint64_t nr) must_check;

/* Returns r, and aborts the transaction if r is an error.  For callers that change several blocks
 * and may stop half-way. */
int txn_result(struct txn *txn, int r) must_check;

/* Adds to *count how many blocks of the tree at root (for a writeset tree, without the bitsets)
 * have other parents, too: this many blocks are copied permanently if all of the tree is changed.
 * is_shared: as if the root had another parent.  Reads nodes only.  Trims. */
int txn_count_shared(struct txn *txn, uint64_t root, enum block_type type, bool is_shared,
		     uint64_t *count) must_check;

/* Reduces the blocks in memory to the capacity. */
int txn_trim(struct txn *txn) must_check;

/* How many new blocks can be allocated, and how many more after a commit.  Blocks that the space
 * map itself needs for the commit are not included. */
uint64_t txn_free_blocks(const struct txn *txn);
uint64_t txn_blocks_to_come(const struct txn *txn);

/* Is there anything to commit? */
bool txn_is_changed(const struct txn *txn);

/* Commits.  write_super must write a superblock with that space-map root to the device and flush;
 * it never fails with ERA_NO_SPACE. */
int txn_commit(struct txn *txn, int (*write_super)(void *ctx, const struct space_map_root *sm),
	       void *ctx) must_check;

/* Reports damage found in a block and returns ERA_DAMAGED, or ERA_SYS when it can't be read. */
int txn_problem(struct txn *txn, struct problem *p, const char *where) must_check;

#endif
