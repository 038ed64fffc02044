/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of this room share: the metadata of a running target, and who may have which of their
 * free blocks.
 *
 * Marks come first, then digestion, which gives blocks back, and last what can wait: rollovers and
 * snapshots.  Whoever comes later leaves to those before what they need at any time:
 *
 *	a mark       what changing one block of the current bitset copies.  The commit gives as much
 *	             back, so this is enough for requests of any size, in several commits
 *	digestion    what changing one block of the era array copies, and the path to the writeset that
 *	             goes.  That comes back, too, so it is kept for either of the two; but not blocks
 *	             which a snapshot goes on holding: each of these is copied once, so as many are kept
 *	             as there still are
 *	a rollover   the new bitset, and an entry more in the writeset tree.  While there is anything to
 *	             digest, it also leaves what the kernel needs to resume what a crash leaves, and to
 *	             digest it in one transaction
 *
 * So what has been accepted never leaves a request without its mark, nor a writeset that can't be
 * digested, and digestion makes room for the next rollover.
 *
 * Each call commits when that gives blocks which are lacking.
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
	uint64_t root;      /* of its bitset */
	uint64_t next, end; /* data blocks */
	uint64_t index;     /* of the bitset's block that is in words */
	bool has_words;
	uint64_t words[ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE)];
};

/* How many blocks of the live trees the snapshot holds, too, when the transactions had copied `at` such
 * blocks.  Not too low. */
struct era_shared {
	uint64_t nr, at;
};

struct era_live {
	struct blk_dev *dev;
	struct txn txn;
	struct superblock sb; /* as the next commit will write it */
	struct superblock committed; /* as the last one did */
	bool is_secured; /* the superblock has been written since the opening */
	struct era_shared shared;
	struct era_digest digest;
	uint64_t nr_commits, nr_flushes, nr_digested;
	uint64_t nr_writesets;           /* not digested yet; see era_live_count_writesets() */
	uint64_t nr_committed_writesets; /* as of the last commit */
};

/* 1 when there are blocks to change one block of the current bitset, 0 when there isn't, or an error. */
int era_live_can_mark(struct era_live *live) must_check;

/* 1 when there are blocks to change *nr blocks of the array, at most as many as *nr was and as few as 1,
 * and to remove a writeset; 0 when there isn't, or an error. */
int era_live_can_digest(struct era_live *live, uint32_t *nr) must_check;

/* The same for archiving a writeset, and for beginning an era on nr_blocks when none is left to be
 * archived.  is_least: just what a mark and a step of digestion need, whatever a snapshot holds, and
 * without what the kernel needs. */
int era_live_can_archive(struct era_live *live) must_check;
int era_live_can_resume(struct era_live *live, uint64_t nr_blocks, bool is_least) must_check;

/* Counts anew what a snapshot holds of the live trees; after opening. */
int era_live_count_shared(struct era_live *live) must_check;

#endif
