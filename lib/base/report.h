/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

struct report {
	void *ctx;
	/* Something is wrong with the metadata. */
	void (*problem)(void *ctx, const struct problem *p);
	/* The call fails, for the reason in text. */
	void (*error)(void *ctx, const char *text);
	/* Nothing fails, but the user should know. */
	void (*note)(void *ctx, const char *text);
	/* Progress of long work: `done` of `total` (0 if unknown). */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* Where errors go if `error` is NULL; may be NULL, too.  For a call in between, which
	 * wants to know of problems, but passes on why something fails. */
	const struct report *errors_to;
};

void report_problem(const struct report *rep, const struct problem *p);
void report_note(const struct report *rep, const char *fmt, ...) format_printf(2, 3);
void report_progress(const struct report *rep, uint64_t done, uint64_t total);

/* Reports an error and returns err, so that a caller can say `return report_fail(...)`. */
int report_fail(const struct report *rep, int err, const char *fmt, ...) format_printf(3, 4);

/* The same for a failed system call: "path: what: strerror(errno)"; returns ERA_SYS. */
int report_errno(const struct report *rep, const char *path, const char *what);

int report_nomem(const struct report *rep);

/* A report that passes on only the errors of rep, which may be NULL: for a check whose problems
 * and notes are of no interest. */
struct report report_only_errors(const struct report *rep);

#endif
