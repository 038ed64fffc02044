/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * One view of the metadata, for reading: the live one, or that of the metadata snapshot.
 *
 * A view has its superblock and its writesets (for the live view, including the current one), and
 * the walk that all reading goes through.  Each block is read at most once in a view: a second
 * pointer to it is damage.  Programs open a view by era_view_open() (open/open.h), which checks it
 * against everything else on the device.  era_view_close() closes a view, and nothing else frees
 * it.  One thread at a time.
 *
 * Without repair, the first damage ends the reading with ERA_DAMAGED.  With repair, what cannot be
 * read counts as written: unknown bits of a writeset count as set, anything else as written in the
 * current era. The trees of all arrays are first searched for blocks with several pointers, since
 * the pointer that comes first need not be the right one.
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
	/* The device does not belong to the view, whose reading is a part of other work. */
	ERA_VIEW_BORROWED = 4,
	ERA_VIEW_ALL_LOST = 8, /* every block may have been written in the current era */
	ERA_VIEW_WHOLE = 16,   /* everything is checked first: for output while reading */
	ERA_VIEW_TOLD = 32,    /* a check has reported its problems */
	/* The live view of a kernel's target that is suspended; the device is opened shared. */
	ERA_VIEW_SUSPENDED = 64,
};

struct era_view;
struct report;

/* Begins a view of an open device, which it takes over; the device is closed on failure, too.
 * nr_problems: how many a check has reported.  Nothing is checked against anything else: this is
 * for what is known to be sound, or has been checked.  All errors are reported. */
int era_view_begin(struct era_view **view, struct blk_dev *dev, const struct era_superblocks *sbs,
		   unsigned flags, uint64_t nr_problems) must_check;

/* The live view of an open device, which must outlive it, as if sb were its superblock. */
int era_view_open_as(struct era_view **view, const struct blk_dev *dev, const struct superblock *sb,
		     unsigned flags) must_check;

/* NULL is legal. */
void era_view_close(struct era_view *view);

/* Begins the view again, to be read once more, with reports to rep from then on.  After a failure
 * it can't be read, but begun again, revalidated and closed. */
int era_view_restart(struct era_view *view, const struct report *rep) must_check;

/* The result of reading the view, if the reading ended with r.  If the metadata were
 * changed meanwhile, or the snapshot was dropped or replaced, ERA_NO_ANSWER, damage or not;
 * otherwise r. */
int era_view_revalidate(struct era_view *view, int r) must_check;

/* The view's own superblock, and the live one; they differ only for a snapshot's view. */
const struct superblock *era_view_sb(const struct era_view *view);
const struct superblock *era_view_live_sb(const struct era_view *view);

/* Its writesets, in the order of their eras. */
struct era_writeset {
	uint32_t era, nr_bits;
	bool is_current; /* not archived yet */
};

size_t era_view_nr_writesets(const struct era_view *view);
struct era_writeset era_view_writeset(const struct era_view *view, size_t i);

/* May every block have been written in the current era, for all that is known? */
bool era_view_is_all_lost(const struct era_view *view);

/* The number of problems passed over so far, with repair. */
uint64_t era_view_nr_problems(const struct era_view *view);

#endif
