/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the free blocks of active metadata are shared out.
 *
 * Marks come first, then digestion, which frees blocks, and last what can wait: rollovers and
 * snapshots. A later one leaves to the earlier ones what they need at any time:
 *
 *	a mark       the copies for a change of one block of the current bitset.  The commit frees as
 *	             many, so this is enough for requests of any size, in several commits
 *	digestion    the copies for a change of one block of the era array, and the path to the
 *	             writeset that is removed.  These are freed, too, so the larger of the two reserves
 *	             is kept; but not freed are blocks that a snapshot still holds: each of these is
 *	             copied once, so one block is reserved for each that is still shared
 *	a rollover   the new bitset, and one more entry in the writeset tree.  While there is anything
 *	             to digest, it also leaves what the kernel needs to resume what a crash leaves, and
 *	             to digest it in one transaction
 *
 * So nothing that was accepted leaves a request without its mark or a writeset that can't be
 * digested, and digestion makes space for the next rollover.
 *
 * Each call commits if that frees blocks that are needed.
 */
#ifndef ERA_LIVE_FREE_BLOCKS_H
#define ERA_LIVE_FREE_BLOCKS_H

#include "live/live.h"

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
