/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The parts that all commands share: start, messages, progress, exit statuses.
 *
 * Messages go to stderr, one per line, as "program: text"; problems are preceded by the path of
 * the metadata.  With quiet, only those of tool_always() are printed.
 *
 * A name may contain anything.  Whatever is printed is one line of UTF-8 without control
 * characters, on a terminal or not: see utf8_escape().
 */
#ifndef ERA_TOOLS_TOOL_H
#define ERA_TOOLS_TOOL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "base/text.h"
#include "dmera.h"
#include "tools/progress.h"
#include "tools/status.h"

/* The most problems that are printed; the others are only counted. */
#define TOOL_MAX_PROBLEMS 1000u

/* What the command's JSON document needs, see tools/document.h. */
struct tool_json {
	bool is_wanted, is_begun;
	const char *input, *output; /* as given; NULL: the document names the path instead */
	const char *ok;		    /* the word for status 0; NULL: "done" */
	bool has_error;
	char reason[TEXT_LINE_MAX]; /* the first error or, without one, the first problem */
};

struct tool {
	const char *path; /* of the metadata, for problems */
	bool quiet;
	uint64_t nr_problems;
	struct report report; /* give this to the library */
	/* If not NULL, called for each problem that is printed. */
	void (*on_problem)(void *ctx, const struct problem *p);
	void *ctx;
	struct tool_json json;
	struct progress_display progress;
	bool ended;
};

/* To be called first: opens descriptors 0 to 2 if they are closed, and ignores SIGPIPE. */
void tool_start(struct tool *tool);

/* Lets libdmera report through the tool, as the library does through tool->report. */
void tool_listen(struct tool *tool, struct dmera *era);

/* Sets the beginning of messages, instead of the name of the file that is run.  The string must
 * stay valid. */
void tool_set_name(const char *name);

/* Prints how many problems weren't printed, and ends the display of progress.  Further calls do
 * nothing. */
void tool_end(struct tool *tool);

/* To be called when everything has been printed with stdio.  Returns 0, or STATUS_SYSTEM if it
 * could not be written. */
enum exit_status tool_close_stdout(struct tool *tool);

/* tool_always() prints "program: text"; tool_say() does, too, unless quiet. */
void tool_always(struct tool *tool, const char *fmt, ...) format_printf(2, 3);
void tool_say(struct tool *tool, const char *fmt, ...) format_printf(2, 3);

/* Prints a line on standard output, without the program's name.  tool_close_stdout() reports
 * errors. */
void tool_print(const char *fmt, ...) format_printf(1, 2);

/* Prints what is wrong with the command line, and where to find help. */
void tool_usage_error(const char *fmt, va_list args) format_printf(1, 0);

/* The status of a command that reads with repair: 5 if anything was unknown. */
static inline enum exit_status tool_status_of_unknown(uint64_t nr_unknown, uint64_t nr_problems)
{
	return nr_unknown || nr_problems ? STATUS_UNKNOWN : STATUS_OK;
}

/* The same, with a line that says so. */
enum exit_status tool_repair_status(struct tool *tool, uint64_t nr_unknown, uint64_t nr_problems,
				    const char *what);

#endif
