/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Which blocks were written since an era? */
#ifndef ERA_METADATA_CHANGES_H
#define ERA_METADATA_CHANGES_H

#include <stdint.h>

#include "base/compiler.h"
#include "metadata/map.h"
#include "metadata/view.h"

struct era_changes {
	uint64_t *bits; /* one bit per data block of the view */
	/* The same: blocks that are listed because their era is unknown; NULL when none is. */
	uint64_t *unknown;
	uint64_t nr_unknown; /* how many of these */
};

/* Can the view answer for `since`?  Returns 0, or ERA_NO_ANSWER, reported: it must be at most one
 * past the current era, and for a snapshot at most the era of its clone. */
int era_changes_allowed(struct era_view *view, uint32_t since) must_check;

/* Reads the whole view, and sets the bit of every block that was written in era `since` or later.
 * Stretches that are listed because they could not be read are reported as notes. */
int era_changes_read(struct era_view *view, uint32_t since, struct era_changes *changes) must_check;

/* The same, in one pass with a listener.  What it has been told counts only when this succeeds. */
int era_changes_read_with(struct era_view *view, uint32_t since,
			  const struct era_chunk_listener *listener,
			  struct era_changes *changes) must_check;

/*
 * For the view of a metadata snapshot: sets *nr to the number of blocks that the live metadata
 * have, and the snapshot need not have: those written in its era, which begins with it, or later.
 *
 * Reads the live metadata of a device that may be written to; for that they must stand still from
 * when the view was opened until the end of this.  ERA_NO_ANSWER, reported: they did not.  With
 * repair, whatever cannot be read counts.
 */
int era_changes_count_newer(struct era_view *view, uint64_t *nr) must_check;

void era_changes_free(struct era_changes *changes);

#endif
