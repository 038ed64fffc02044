/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may have which free blocks of metadata that are in use.
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
#ifndef ERA_LIVE_FREE_BLOCKS_H
#define ERA_LIVE_FREE_BLOCKS_H

#include "live/live.h"

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
