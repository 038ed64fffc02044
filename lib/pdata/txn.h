/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changing metadata in place, one transaction after the other.
 *
 * What the last commit reaches is never overwritten.  A block that is to change is shadowed: it gets
 * a copy in a block that was free at the last commit, once in a transaction, and its parent
 * points to the copy.  The commit writes all copies and the space map, flushes, and then lets its
 * caller write the superblock that points to them.  Stopped anywhere, the device has the last commit
 * or the new one.
 *
 * Blocks are shared by counting references: shadowing a block that others point to, too, takes a
 * reference on each of its children for the copy.
 *
 * A change that fails spoils its transaction: nothing more can be changed or committed, and all
 * such calls return what the first returned.  Reading goes on.  All errors are reported.
 * ERA_NO_SPACE says that the device still has the last commit, so that the transaction may be closed
 * and another one opened on that; after any other error it may have the new one.
 *
 * Blocks stay where they are in memory until txn_trim(), which the calls that change large
 * structures make themselves; they say so.  One thread at a time.
 * Source in the kernel: drivers/md/persistent-data/dm-transaction-manager.c.
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
	bool committing; /* the blocks kept back may be had */
	int spoiled;     /* 0, or what the first change that failed returned */
	uint64_t nr_unshared; /* blocks copied so far that others go on pointing to */
};

/* Reads and validates the whole space map of sm, which lies on dev.  capacity: blocks in memory between
 * two calls of txn_trim(). */
int txn_open(struct txn *txn, struct blk_dev *dev, const struct space_map_root *sm,
	     uint32_t capacity)
	must_check;
/* Changes that are not committed are lost.  Also a zeroed one. */
void txn_close(struct txn *txn);

/* Gets a block that must be in use. */
int txn_read(struct txn *txn, uint64_t nr, enum block_type type, struct blk_ro *blk) must_check;

/* A new block with one reference, zeroed.  Fails when there is none; see txn_free_blocks(). */
int txn_new(struct txn *txn, enum block_type type, struct blk_rw *blk) must_check;

/* Gets block nr for writing: itself if it is new and nobody else's, else a copy.  The caller's
 * reference on nr has become one on blk->nr. */
int txn_shadow(struct txn *txn, uint64_t nr, enum block_type type, struct blk_rw *blk) must_check;

/* One reference more. */
int txn_inc(struct txn *txn, uint64_t nr) must_check;

/* One reference less on a block of that type; the last one frees it, and drops what it points to.
 * Trims. */
int txn_drop(struct txn *txn, uint64_t nr, enum block_type type) must_check;

/* The same for a block whose pointers, if it has any, have passed to others. */
int txn_release(struct txn *txn, uint64_t nr) must_check;

/* r, after it has spoiled the transaction if it is an error.  For those who change several blocks
 * and stop half way. */
int txn_result(struct txn *txn, int r) must_check;

/* Adds to *count how many blocks of the tree at root, of a writeset tree's without the bitsets, others
 * point to, too: so many blocks are copied for good when all of it is changed.  is_shared: as if
 * others pointed to the root.  Reads nodes only.  Trims. */
int txn_count_shared(struct txn *txn, uint64_t root, enum block_type type, bool is_shared,
		     uint64_t *count) must_check;

/* Makes what is in memory small again. */
int txn_trim(struct txn *txn) must_check;

/* How many new blocks may be had, and how many more after a commit.  What the space map itself
 * needs for the commit is not among them. */
uint64_t txn_free_blocks(const struct txn *txn);
uint64_t txn_blocks_to_come(const struct txn *txn);

/* Is there anything to commit? */
bool txn_is_changed(const struct txn *txn);

/* Commits.  write_super must put a superblock with that space-map root on the device and flush; it
 * never fails with ERA_NO_SPACE. */
int txn_commit(struct txn *txn,
	       int (*write_super)(void *ctx, const struct space_map_root *sm), void *ctx)
	must_check;

/* Reports damage found in a block and returns ERA_DAMAGED, or ERA_SYS when it can't be read. */
int txn_problem(struct txn *txn, struct problem *p, const char *where) must_check;

#endif
