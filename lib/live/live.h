/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata of an active target: each call does one thing that the kernel's target does to them, in
 * the current transaction; era_live_commit() makes it durable.
 *
 * Whatever is committed, and whenever it is stopped, the kernel can resume the metadata.  Errors
 * are reported.  A call that fails leaves a transaction that can't be committed any more
 * (pdata/txn.h), unless its comment says otherwise.  After ERA_NO_SPACE, era_live_roll_back()
 * opens another one.  One thread at a time. Source in the kernel: drivers/md/dm-era-target.c.
 */
#ifndef ERA_LIVE_LIVE_H
#define ERA_LIVE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/superblock.h"

struct blk_dev;

struct era_live;

/* Reads and validates the superblock and the space map of metadata on dev, which must outlive it.
 * capacity: blocks kept in memory. */
int era_live_open(struct era_live **live, struct blk_dev *dev, uint32_t capacity) must_check;
/* Uncommitted changes are lost.  NULL is legal. */
void era_live_close(struct era_live *live);

/* The superblock as the next commit will write it. */
const struct superblock *era_live_sb(const struct era_live *live);

struct era_live_counters {
	uint64_t nr_commits, nr_flushes;
	uint64_t nr_written;   /* metadata blocks */
	uint64_t nr_digested;  /* data blocks of writesets */
	uint64_t nr_writesets; /* not digested yet; see era_live_count_writesets() */
};

/* Since it was opened. */
struct era_live_counters era_live_counters(const struct era_live *live);

int era_live_commit(struct era_live *live) must_check;

/* Returns to the last commit, which is intact on the device: after ERA_NO_SPACE, if nothing else
 * has failed.  If this fails, too, only era_live_close() may be called. */
int era_live_roll_back(struct era_live *live) must_check;

/* Has a change failed, so that there will be no commit? */
bool era_live_is_aborted(const struct era_live *live);

/* Is there anything to commit? */
bool era_live_is_changed(const struct era_live *live);

/* Are there enough blocks for a rollover, with a snapshot taken in it, so that marks and digestion
 * have theirs afterwards (live/live_internal.h)?  Returns 1 or 0, or an error.  Commits if that
 * frees blocks that are needed. */
int era_live_can_roll_over(struct era_live *live, bool with_snapshot) must_check;

/* How many more blocks may be used before there are too few for a rollover. */
uint64_t era_live_spare_blocks(const struct era_live *live);

/* Eras that begin from now on are at least this one. */
void era_live_leave_eras(struct era_live *live, uint32_t least);

/* Begins an era on an origin of nr_blocks, for the caller to commit: archives a writeset that a
 * crash left, resizes the era array, rolls over.  New entries get the era that begins.  If there
 * are too few free blocks, it first digests, with commits; ERA_NO_SPACE if there still are. */
int era_live_resume(struct era_live *live, uint64_t nr_blocks) must_check;

/* Archives the current writeset and begins the next era with an empty one. */
int era_live_roll_over(struct era_live *live) must_check;

/* Archives the current writeset, if there is one: its root becomes 0. */
int era_live_archive(struct era_live *live) must_check;

/* Sets bits first .. first + nr - 1 of the current writeset; nr is at least 1.  Commits if there
 * is space for only a part; if there is none at all, ERA_NO_SPACE leaves the transaction as it is.
 */
int era_live_mark(struct era_live *live, uint64_t first, uint64_t nr) must_check;

/* Which block of a bitset has the bit of a data block. */
uint64_t era_live_bitset_block(uint64_t block);

/* Records that a flush of the origin has failed: everything written in the era before the current
 * one and since may be lost.  The metadata hold this from the next commit on, across rollovers and
 * openings, until it is cleared.  If they do, *since is the first such era. */
void era_live_set_unflushed(struct era_live *live);
void era_live_clear_unflushed(struct era_live *live);
bool era_live_is_unflushed(const struct era_live *live, uint32_t *since) must_check;

/* Is the last block of the origin a whole one, as far as the metadata tell?  Those of a kernel
 * don't. */
bool era_live_has_whole_blocks(const struct era_live *live);
void era_live_set_whole_blocks(struct era_live *live, bool whole);

/* Holds the live state as the metadata snapshot, of which there must be none; and drops the
 * snapshot: there must be one, and if its clone can't be read, nothing has changed.  The caller
 * begins an era first. */
int era_live_take_snapshot(struct era_live *live) must_check;
int era_live_drop_snapshot(struct era_live *live) must_check;

enum era_digest_result {
	ERA_DIGEST_DONE = 0, /* no writeset is left */
	ERA_DIGEST_MORE = 1,
	ERA_DIGEST_STUCK = 2, /* no space to continue */
};

/* Writes a part of the oldest archived writeset into the era array, so small that others need not
 * wait long; after the last part, removes it from the tree.  Commits only to free blocks.  Returns
 * an enum era_digest_result or an error. */
int era_live_digest(struct era_live *live) must_check;

/* Counts the writesets in the tree, once, with nothing uncommitted; from then on the number is
 * kept up to date. */
int era_live_count_writesets(struct era_live *live) must_check;

/* Which blocks were written since an era, read in steps; between two of them the metadata may
 * change, but not be resized.  What was digested meanwhile is found in the array, which is read
 * last.  The current writeset is left out: its owner has its bits. */
struct era_live_changes {
	uint32_t since;
	uint64_t *bits; /* bits_words(nr_blocks) words, to be set */
	uint64_t era;	/* of the writeset being read; UINT64_MAX: the array is */
	uint64_t index; /* of the next block of it */
};

void era_live_changes_init(struct era_live_changes *changes, uint32_t since, uint64_t *bits);

/* Reads up to nr blocks, which must be few since they stay in memory meanwhile.  Returns 1 if
 * there is more to read, 0 if that was all, or an error. */
int era_live_changes_step(struct era_live *live, struct era_live_changes *changes,
			  uint32_t nr) must_check;

/* The eras of some adjacent blocks, read in steps in the same way. */
struct era_live_eras {
	uint64_t first;
	uint32_t nr;
	uint32_t *values; /* of these; the caller sets them to what it knows, and they are raised */
	uint64_t era;	  /* of the writeset being read; UINT64_MAX: the array is */
	uint64_t at;	  /* the next block to look for in it */
};

void era_live_eras_init(struct era_live_eras *eras, uint64_t first, uint32_t nr, uint32_t *values);

int era_live_eras_step(struct era_live *live, struct era_live_eras *eras, uint32_t nr) must_check;

#endif
