/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The progress of long work: on a terminal as one line, which is drawn anew and disappears at the
 * end; for programs as JSON, one object per line, on a descriptor of their choice.  Never more than
 * four times a second, but for the first and the last line of a step in JSON.
 *
 * A terminal gets a line after the first second, and only if standard error is one, which can clear
 * a line, and this program is in its foreground.
 */
#ifndef ERA_TOOLS_PROGRESS_H
#define ERA_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

#define PROGRESS_LINE_MAX 256u

/* Rates are unknown until a step has gone on for so long. */
#define PROGRESS_EVERY_MS 250u

struct progress_display {
	bool on_terminal, quiet;      /* quiet: nothing is drawn; JSON is written nevertheless */
	bool drawn, pending;	      /* pending: `now` was not told */
	unsigned told;		      /* bits of enum progress_step */
	uint64_t started, last;	      /* milliseconds: of the program, and of the last line */
	uint64_t step_started, heard; /* heard: when something was known last */
	struct progress now;
};

void progress_start(struct progress_display *display);
void progress_tell(struct progress_display *display, const struct progress *now);

/* Makes space for something else on the terminal. */
void progress_clear(struct progress_display *display);

/* Draws no more. */
void progress_hide(struct progress_display *display);

/* The last line, and no more. */
void progress_end(struct progress_display *display);

/* The descriptor for JSON; -1 if there is none, as at first. */
void progress_set_fd(int fd);
int progress_fd(void);

/* The parts of a line that fit into `width` columns, in `text`, which has `size` bytes.  ms: how
 * long the step has gone on.  Returns the length, 0 if nothing fits. */
size_t progress_format(const struct progress *now, uint64_t ms, const char *program, unsigned width,
		       char *text, size_t size);

/* The same as a line of JSON. */
size_t progress_format_json(const struct progress *now, uint64_t ms, char *text, size_t size);

#endif
