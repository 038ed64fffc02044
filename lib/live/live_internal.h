/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What the parts of this room share: the metadata of a running target, and how their free blocks
 * are shared out.
 *
 * Marks come first, then digestion, which frees blocks, and last what can wait: rollovers and
 * snapshots. A later one leaves to the earlier ones what they need at any time:
 *
 * 	a mark       the copies for a change of one block of the current bitset.  The commit frees
 * 	             as many, so this is enough for requests of any size, in several commits
 * 	digestion    the copies for a change of one block of the era array, and the path to the
 * 	             writeset that is removed.  These are freed, too, so the larger of the two
 * 	             reserves is kept.  Blocks that a snapshot still holds are not freed: each of
 * 	             these is copied once, so one block is reserved for each that is still shared
 * 	a rollover   the new bitset, and one more entry in the writeset tree.  While there is
 * 	             anything to digest, it also leaves what the kernel needs to resume what a
 * 	             crash leaves, and to digest it in one transaction
 *
 * So nothing that was accepted leaves a request without its mark or a writeset that can't be
 * digested, and digestion makes space for the next rollover.
 *
 * Each call commits if that frees blocks that are needed.
 */
#ifndef ERA_LIVE_LIVE_INTERNAL_H
#define ERA_LIVE_LIVE_INTERNAL_H

#ifndef ROOM_LIVE
#error "for lib/live alone"
#endif

#include "live/live.h"
#include "ondisk/era_disk.h"
#include "pdata/txn.h"

/* How far the oldest writeset has been written into the era array. */
struct era_digest {
	bool active;
	uint32_t era;
	uint32_t nr_bits;
	uint64_t root;	    /* of its bitset */
	uint64_t next, end; /* data blocks */
	uint64_t index;	    /* of the bitset's block that is in words */
	bool has_words;
	uint64_t words[ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE)];
};

/* How many blocks of the live trees the snapshot holds, too, when the transactions had copied `at`
 * such blocks.  Not too low. */
struct era_shared {
	uint64_t nr, at;
};

struct era_live {
	struct blk_dev *dev;
	struct txn txn;
	struct superblock sb;	     /* as the next commit will write it */
	struct superblock committed; /* as the last one did */
	bool is_secured;	     /* the superblock has been written since the opening */
	uint32_t least_era;	     /* of those that begin */
	struct era_shared shared;
	struct era_digest digest;
	uint64_t nr_commits, nr_flushes, nr_digested;
	uint64_t nr_writesets;		 /* not digested yet; see era_live_count_writesets() */
	uint64_t nr_committed_writesets; /* as of the last commit */
};

/* An archived writeset. */
struct live_writeset {
	uint64_t era, root; /* root: of its bitset */
	uint32_t nr_bits;
};

/* Finds the first one of `era` or later.  Returns 1, 0 if there is none, or an error. */
int live_next_writeset(struct era_live *live, uint64_t era, struct live_writeset *ws) must_check;

/* Calls each for every one, in the order of their eras.  Whatever it returns but 0 ends the walk,
 * and is returned. */
typedef int live_writeset_fn(struct era_live *live, const struct live_writeset *ws, void *ctx);
int live_each_writeset(struct era_live *live, live_writeset_fn *each, void *ctx) must_check;

/* Returns 1 if there are enough blocks to change one block of the current bitset, 0 if not, or an
 * error. */
int era_live_can_mark(struct era_live *live) must_check;

/* Returns 1 if there are enough blocks to change *nr blocks of the array, and to remove a
 * writeset; *nr is reduced if necessary, to 1 at least.  0 if there are not, or an error. */
int era_live_can_digest(struct era_live *live, uint32_t *nr) must_check;

/* The same for archiving a writeset, and for beginning an era on nr_blocks when none is left to
 * archive. is_least: only what a mark and a step of digestion need, whatever a snapshot holds, and
 * without what the kernel needs. */
int era_live_can_archive(struct era_live *live) must_check;
int era_live_can_resume(struct era_live *live, uint64_t nr_blocks, bool is_least) must_check;

/* Counts again which blocks of the live trees a snapshot holds; to be called after opening. */
int era_live_count_shared(struct era_live *live) must_check;

#endif
