/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One view of the metadata, for reading: the live one, or that of the metadata snapshot.
 *
 * A view knows its superblock and its writesets (the current one included, for the live view) and
 * carries the walk that all reading of it goes through.  Each block is read at most once in a
 * view: a second pointer to it is damage.  Programs open a view by era_view_open() (open.h), which holds it
 * against all else on the device.
 *
 * With repair the trees of all arrays are looked through beforehand for such blocks, since the pointer
 * that comes first need not be the right one.
 *
 * Strict, the first damage ends the reading with ERA_DAMAGED.  With repair, what cannot be read
 * counts as written: unknown bits of a writeset as set, all else as written in the current era.
 */
#ifndef ERA_METADATA_VIEW_H
#define ERA_METADATA_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metadata/superblock.h"
#include "pdata/btree.h"
#include "pdata/walk.h"

enum era_view_flags {
	ERA_VIEW_SNAPSHOT = 1, /* the metadata snapshot's view; the device is opened shared */
	ERA_VIEW_REPAIR = 2,
	ERA_VIEW_BORROWED = 4, /* the device is not the view's to close */
	ERA_VIEW_ALL_LOST = 8, /* every block may have been written in the current era */
	ERA_VIEW_WHOLE = 16,   /* all is checked before anything is read: for who tells it while he reads */
	ERA_VIEW_TOLD = 32,    /* a check has told of its problems */
};

struct writeset {
	uint32_t era;
	uint32_t nr_bits;
	struct btree_root root;
	bool is_current; /* not archived yet */
	bool lost;       /* nothing is known of its bits */
	bool open_end;   /* it may have had more bits than nr_bits, and what they were is not known */
};

struct era_view {
	struct blk_dev dev;
	unsigned flags;
	struct superblock live; /* block 0 */
	struct superblock sb;   /* the view's own: block 0, or the clone */
	struct walk walk;
	uint64_t *seen; /* a bit a metadata block: reached in this view */
	uint64_t *twice; /* with repair: several pointers lead there, and any of them may be wrong */
	struct writeset *writesets; /* in the order of their eras */
	size_t nr_writesets, capacity;
	size_t nr_lost, last_lost;  /* writesets without bits, and where the newest is */
	uint64_t nr_bitset_blocks;  /* that the others take */
	bool writesets_lost;  /* a part of the writeset tree: all blocks may be written */
	uint64_t nr_problems; /* passed over, with repair */
};

/* What is needed of a device before one of its views can be looked at. */
struct era_superblocks {
	struct superblock live; /* block 0 */
	struct superblock view; /* the view's own: block 0, or the clone */
};

/* Reads them.  Says "no current metadata snap" and returns ERA_NO_ANSWER when there is none.  A damaged
 * one is ERA_DAMAGED, or ERA_SYS when it can't be read; all is reported. */
int era_read_superblocks(struct blk_dev *dev, unsigned flags, struct era_superblocks *sbs)
	must_check;

/* Lists the writesets of a view of an open device, which it takes over; that is closed on failure, too.
 * Nothing of it has been doubted: for what is known to be sound, and what the check has looked at.  All
 * errors are reported. */
int era_view_begin(struct era_view *view, struct blk_dev *dev, const struct era_superblocks *sbs,
		   unsigned flags) must_check;
void era_view_close(struct era_view *view);

/* Begins the view anew, to be read once more.  On failure it is closed. */
int era_view_restart(struct era_view *view) must_check;

/* The live view of an open device, which must outlive it, as if sb were its superblock. */
int era_view_open_as(struct era_view *view, const struct blk_dev *dev, const struct superblock *sb,
		     unsigned flags) must_check;

/* What a reading of the view that ended with r is worth.  A snapshot that was dropped or replaced
 * meanwhile makes it ERA_NO_ANSWER, damage or not; else r stands. */
int era_view_settle(struct era_view *view, int r) must_check;

/* The same for a device whose superblock was `live` and whose snapshot's clone was `clone`. */
int era_snapshot_settle(struct blk_dev *dev, const struct superblock *live,
			const struct superblock *clone, int r) must_check;

/* Reads the live superblock of an open device.  On a shared device one that fails its checksum is
 * read again for up to a second, since it may be just being written. */
int era_read_live_superblock(struct blk_dev *dev, bool shared, struct superblock *sb,
			     struct problem *p) must_check;

/* Refuses what is no metadata by its size or its first bytes, with words that scripts know. */
int era_look_like_metadata(struct blk_dev *dev) must_check;

/* Reads the clone that live points to.  0, ERA_DAMAGED with *p set (where included), or ERA_SYS. */
int era_read_clone(struct blk_dev *dev, const struct superblock *live, struct superblock *clone,
		   struct problem *p) must_check;

/* The highest block number that may be followed, plus one: what both the device and the space map of its
 * superblock have.  Of a space map of nonsense the device alone counts. */
uint64_t era_block_limit(const struct blk_dev *dev, const struct superblock *live);

/* Check an archived writeset's era, and the number of bits of any.  block: that says so.
 * ERA_DAMAGED sets *p but `where`. */
int writeset_check_era(const struct superblock *sb, bool has_current, uint64_t block, uint64_t era,
		       struct problem *p) must_check;
int writeset_check_bits(uint64_t block, uint32_t nr_bits, uint32_t max, struct problem *p)
	must_check;

/* "metadata snapshot, " for a snapshot's view, else "". */
const char *era_view_prefix(bool snapshot);

#endif
