/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all programs share: start, messages, progress, exit statuses.
 *
 * Messages go to stderr, a line each, as "program: text"; problems with the metadata's path before
 * them.  Quiet, none is printed but what tool_always() says.
 *
 * A name may hold anything.  Whatever is printed is one line of UTF-8 without control characters, on a
 * terminal as elsewhere: see utf8_escape().
 */
#ifndef ERA_TOOLS_TOOL_H
#define ERA_TOOLS_TOOL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "dmera.h"
#include "tools/status.h"

/* So many problems are printed; the others are only counted. */
#define TOOL_MAX_PROBLEMS 1000u

struct tool {
	const char *path; /* of the metadata, for problems */
	bool quiet;
	uint64_t nr_problems;
	struct report report; /* give this to the library */
	/* When not NULL, called for each problem that is printed, and for errors. */
	void (*on_problem)(void *ctx, const struct problem *p);
	void (*on_error)(void *ctx, const char *text);
	void *ctx;
	uint64_t started, shown; /* milliseconds, for the progress bar */
	bool bar_drawn;
};

/* To be called first: descriptors 0 to 2 are open, SIGPIPE is ignored. */
void tool_start(struct tool *tool);

/* Lets libdmera say what it has to say in the tool's words, as the library does by tool->report. */
void tool_listen(struct tool *tool, struct dmera *era);

/* Says how many problems weren't printed, and clears the progress bar. */
void tool_end(struct tool *tool);

/* To be called when all is printed with stdio: 0, or STATUS_SYSTEM when it could not be written. */
enum exit_status tool_close_stdout(struct tool *tool);

/* Prints "program: text", quiet or not. */
void tool_always(struct tool *tool, const char *fmt, ...) format_printf(2, 3);
void tool_say(struct tool *tool, const char *fmt, ...) format_printf(2, 3);

/* Prints a line on standard output, without the program's name.  How it went tool_close_stdout() says. */
void tool_print(const char *fmt, ...) format_printf(1, 2);

/* What is wrong with the command line, and where help is. */
void tool_usage_error(const char *fmt, va_list args) format_printf(1, 0);

/* The status of a program that reads with repair: 5, and its line, when something was unknown. */
enum exit_status tool_repair_status(struct tool *tool, uint64_t nr_unknown, uint64_t nr_problems,
				    const char *what);

#endif
