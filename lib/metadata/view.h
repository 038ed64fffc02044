/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One view of the metadata, for reading: the live one, or that of the metadata snapshot.
 *
 * A view knows its superblock and its writesets (the current one included, for the live view) and
 * carries the walk that all reading of it goes through.  Each block is read at most once in a
 * view: a second pointer to it is damage.  Programs open a view by era_view_open() (open/open.h), which
 * holds it against all else on the device.  What is opened is closed by era_view_close(), and nothing else
 * frees it.  One thread at a time.
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

#include "base/compiler.h"
#include "metadata/superblock.h"
#include "metadata/superblocks.h"

enum era_view_flags {
	ERA_VIEW_SNAPSHOT = 1, /* the metadata snapshot's view; the device is opened shared */
	ERA_VIEW_REPAIR = 2,
	ERA_VIEW_BORROWED = 4, /* the device is not the view's to close */
	ERA_VIEW_ALL_LOST = 8, /* every block may have been written in the current era */
	ERA_VIEW_WHOLE = 16,   /* all is checked before anything is read: for who tells it while he reads */
	ERA_VIEW_TOLD = 32,    /* a check has told of its problems */
};

struct era_view;
struct report;

/* A view of an open device, which it takes over; that is closed on failure, too.  nr_problems: how many a
 * check has told of.  Nothing of it is held against anything else: for what is known to be sound, and what
 * the check has looked at.  All errors are reported. */
int era_view_begin(struct era_view **view, struct blk_dev *dev, const struct era_superblocks *sbs,
		   unsigned flags, uint64_t nr_problems) must_check;

/* The live view of an open device, which must outlive it, as if sb were its superblock. */
int era_view_open_as(struct era_view **view, const struct blk_dev *dev, const struct superblock *sb,
		     unsigned flags) must_check;

/* Also NULL. */
void era_view_close(struct era_view *view);

/* Begins the view anew, to be read once more, with reports to rep from then on.  After a failure it can't
 * be read, but begun anew, revalidated and closed. */
int era_view_restart(struct era_view *view, const struct report *rep) must_check;

/* What a reading of the view that ended with r is worth.  A snapshot that was dropped or replaced
 * meanwhile makes it ERA_NO_ANSWER, damage or not; else r stands. */
int era_view_revalidate(struct era_view *view, int r) must_check;

/* The view's own superblock, and the live one, which are the same but for a snapshot's view. */
const struct superblock *era_view_sb(const struct era_view *view);
const struct superblock *era_view_live_sb(const struct era_view *view);

/* Its writesets, in the order of their eras. */
struct era_writeset {
	uint32_t era, nr_bits;
	bool is_current; /* not archived yet */
};

size_t era_view_nr_writesets(const struct era_view *view);
struct era_writeset era_view_writeset(const struct era_view *view, size_t i);

/* How many problems were passed over so far, with repair. */
uint64_t era_view_nr_problems(const struct era_view *view);

#endif
