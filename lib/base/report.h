/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * How the library reports: through callbacks that its user provides.
 *
 * A text is one line without its newline, in the form "where: what: found X, wanted Y".  It has
 * fewer than TEXT_LINE_MAX bytes: see base/text.h.  Any callback may be NULL, and so may the whole
 * report.
 */
#ifndef ERA_BASE_REPORT_H
#define ERA_BASE_REPORT_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/problem.h"

/* What long work is at. */
enum progress_step {
	PROGRESS_NONE, /* too short to be told of */
	PROGRESS_COPY_INPUT,
	PROGRESS_CHECK,
	PROGRESS_SEARCH, /* for whatever is left, without a superblock */
	PROGRESS_READ,
	PROGRESS_READ_CACHE,
	PROGRESS_READ_XML,
	PROGRESS_READ_DELTA,
	PROGRESS_APPLY,	  /* a delta, once more from its beginning */
	PROGRESS_COPY,	  /* what is backed up */
	PROGRESS_CLEAN,	  /* a cache, of what it has not written to its origin */
	PROGRESS_COMPARE, /* a backup with what it is of, or a cache with its origin */
	PROGRESS_BUILD,
	PROGRESS_WRITE,
	NR_PROGRESS_STEPS
};

/* In bytes.  The total may be an estimate, and `done` may pass it.  Where `done` is less than it
 * was, the step has begun again. */
struct progress {
	enum progress_step step;
	uint64_t done, total; /* total: 0 if unknown */
};

struct report {
	void *ctx;
	/* Something is wrong with the metadata. */
	void (*problem)(void *ctx, const struct problem *p);
	/* The call fails, for the reason in text. */
	void (*error)(void *ctx, const char *text);
	/* Nothing fails, but the user should know. */
	void (*note)(void *ctx, const char *text);
	/* Called often while long work goes on. */
	void (*progress)(void *ctx, const struct progress *progress);
	/* From now on output goes to a terminal, into which nothing else must be printed. */
	void (*terminal)(void *ctx);
	/* Where errors go if `error` is NULL; may be NULL, too.  For a call in between, which
	 * wants to know of problems, but passes on why something fails. */
	const struct report *errors_to;
};

void report_problem(const struct report *rep, const struct problem *p);
void report_note(const struct report *rep, const char *fmt, ...) format_printf(2, 3);
void report_progress(const struct report *rep, enum progress_step step, uint64_t done,
		     uint64_t total);
void report_terminal(const struct report *rep);

/* Reports an error and returns err, so that a caller can say `return report_fail(...)`. */
int report_fail(const struct report *rep, int err, const char *fmt, ...) format_printf(3, 4);

/* The same for a failed system call: "path: what: strerror(errno)"; returns ERA_SYS. */
int report_errno(const struct report *rep, const char *path, const char *what);

int report_nomem(const struct report *rep);

/* A report that passes on only the errors of rep, which may be NULL: for a check whose problems
 * and notes are of no interest. */
struct report report_only_errors(const struct report *rep);

#endif
