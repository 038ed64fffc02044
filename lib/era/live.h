/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of a running target: each call does one thing that the kernel's target does to them, in
 * the transaction that is under way; era_live_commit() makes it last.
 *
 * Whatever is committed, and wherever it is stopped, the metadata are such that the kernel resumes
 * them.  Errors are reported.  A call that fails leaves a transaction that can't be committed any
 * more (pdata/txn.h); those that say so look before whether there is room.  One thread at a time.
 * Source in the kernel: drivers/md/dm-era-target.c.
 */
#ifndef ERA_ERA_LIVE_H
#define ERA_ERA_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "era/superblock.h"
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

struct era_live {
	struct blk_dev *dev;
	struct txn txn;
	struct superblock sb; /* as the next commit will write it */
	struct era_digest digest;
	uint64_t nr_commits, nr_flushes, nr_digested;
};

/* Reads and validates the superblock and the space map of metadata on dev, which must outlive it.
 * room: blocks kept in memory. */
int era_live_open(struct era_live *live, struct blk_dev *dev, uint32_t room) must_check;
/* What isn't committed is lost.  Also a zeroed one. */
void era_live_close(struct era_live *live);

int era_live_commit(struct era_live *live) must_check;

/* Has a change failed, so that there will be no commit? */
bool era_live_is_spoiled(const struct era_live *live);

/* Is there anything to commit? */
bool era_live_is_changed(const struct era_live *live);

/* Commits if there are not `need` blocks to be had and a commit would free some.  1 when there are
 * as many then, 0 when there aren't, or an error. */
int era_live_make_room(struct era_live *live, uint64_t need) must_check;

/* How many blocks a rollover takes at most, and marking that many of the bitset's blocks. */
uint64_t era_live_roll_over_room(const struct era_live *live);
uint64_t era_live_mark_room(const struct era_live *live, uint64_t nr_bitset_blocks);

/* Begins an era on an origin of nr_blocks and commits: archives a writeset that a crash left,
 * gives the era array its length, rolls over.  New entries get the era that begins. */
int era_live_resume(struct era_live *live, uint64_t nr_blocks) must_check;

/* Archives the current writeset and begins the next era with an empty one. */
int era_live_roll_over(struct era_live *live) must_check;

/* Archives the current writeset, if there is one: its root becomes 0. */
int era_live_archive(struct era_live *live) must_check;

/* Sets bits first .. first + nr - 1 of the current writeset; nr is at least 1. */
int era_live_mark(struct era_live *live, uint64_t first, uint64_t nr) must_check;

/* Which block of a bitset has the bit of a data block. */
static inline uint64_t era_live_bitset_block(uint64_t block)
{
	return block / (ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) * UINT64_C(64));
}

/* Holds what is live as the metadata snapshot; there must be none.  And gives it back; there must be
 * one, and when its clone can't be read nothing has changed.  To begin an era before is the caller's
 * business. */
int era_live_take_snapshot(struct era_live *live) must_check;
int era_live_drop_snapshot(struct era_live *live) must_check;

enum era_digest_result {
	ERA_DIGEST_DONE = 0, /* no writeset is left */
	ERA_DIGEST_MORE = 1,
	ERA_DIGEST_STUCK = 2, /* no room to go on */
};

/* Writes a part of the oldest archived writeset into the era array, so small that others need not
 * wait long; when it has all of it, removes it from the tree.  Commits only to get room.
 * Returns an enum era_digest_result or an error. */
int era_live_digest(struct era_live *live) must_check;

/* Which blocks were written since an era, read in steps; between two of them the metadata may
 * change, but not be resized.  What was digested meanwhile is found in the array, which is read
 * last.  The current writeset is left out: its owner has its bits. */
struct era_live_changes {
	uint32_t since;
	uint64_t *bits; /* bits_words(nr_blocks) words, to be set */
	uint64_t era;   /* of the writeset being read; UINT64_MAX: the array is */
	uint64_t index; /* of the next block of it */
};

void era_live_changes_init(struct era_live_changes *changes, uint32_t since, uint64_t *bits);

/* 1 when there is more to read, 0 when that was all, or an error. */
int era_live_changes_step(struct era_live *live, struct era_live_changes *changes) must_check;

/* Makes new metadata on a device, whatever was on it: era 0, no blocks, as the kernel does when a
 * table is loaded.  The superblock is written last. */
int era_live_format(struct blk_dev *dev, uint32_t block_sectors) must_check;

/* Is the first block all zeroes?  1 or 0, or an error. */
int era_live_is_blank(struct blk_dev *dev) must_check;

#endif
