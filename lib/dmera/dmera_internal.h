/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What the handles of libdmera hold.  What each call promises is in dmera.h. */
#ifndef ERA_DMERA_DMERA_INTERNAL_H
#define ERA_DMERA_DMERA_INTERNAL_H

#ifndef ROOM_DMERA
#error "for lib/dmera alone"
#endif

#include <stdbool.h>

#include "base/compiler.h"
#include "base/report.h"
#include "base/text.h"
#include "dmera.h"
#include "metadata/view.h"

struct witness;

struct dmera_witness {
	char *name;
	struct witness *found; /* its name is this one; NULL while it is read */
};

struct dmera {
	struct report report; /* given to all that is called; its ctx is this handle */
	dmera_error_fn on_error;
	dmera_note_fn on_note;
	dmera_problem_fn on_problem;
	dmera_progress_fn on_progress;
	void *error_ctx, *note_ctx, *problem_ctx, *progress_ctx;

	uint64_t device_size;	       /* bytes, or 0 */
	uint64_t old_size;	       /* bytes, or UINT64_MAX */
	uint64_t snapshot_era;	       /* or DMERA_LIVE_ERA */
	const struct witness *witness; /* the caller's, or NULL */
	bool wants_witness;
	bool nothing_newer; /* than a snapshot */

	struct era_view *view; /* NULL when nothing is open */
	char *view_path;
	bool is_snapshot;
	bool was_read; /* the view has to begin anew before it is read again */

	const char *path; /* of the call that is running */
	char error[TEXT_LINE_MAX];
};

/* To be called first by each call that can fail.  path: what it works on, or NULL. */
void dmera_begin(struct dmera *era, const char *path);

/* Translates r, 0 or a negative enum era_err, to what a call returns. */
int dmera_end(struct dmera *era, int r);

/* Returns DMERA_INVALID, for the reason in text. */
int dmera_misused(struct dmera *era, const char *text);

/* To be called before the view is read: that can be done once, from its beginning to its end. */
int dmera_rewind(struct dmera *era) must_check;

/* Takes over what was made; frees it, and returns NULL, when there is no memory. */
struct dmera_witness *dmera_witness_adopt(struct witness *made, const char *name) must_check;

/* Copies a structure of `has` bytes to one of `size` bytes; what is missing becomes 0. */
void dmera_copy_out(void *to, size_t size, const void *from, size_t has);

#endif
