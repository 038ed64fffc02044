/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all programs share: start, messages, progress, common options.
 *
 * Messages go to stderr, a line each, as "program: text"; problems with the metadata's path before
 * them.  Quiet, none is printed but what tool_always() says.
 */
#ifndef ERA_TOOLS_TOOL_H
#define ERA_TOOLS_TOOL_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/report.h"
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

/* Parses the command line with argp, -h and -V included; exits with status 2 when it is wrong. */
void tool_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Says how many problems weren't printed, and clears the progress bar. */
void tool_end(struct tool *tool);

/* To be called after printing with stdio: 0, or STATUS_SYSTEM when it could not be written. */
enum exit_status tool_flush_stdout(struct tool *tool);

/* Prints "program: text", quiet or not. */
void tool_always(struct tool *tool, const char *fmt, ...) format_printf(2, 3);
void tool_say(struct tool *tool, const char *fmt, ...) format_printf(2, 3);

/* Parse an option's value, or print an error and exit with status 2. */
uint32_t tool_parse_u32(struct argp_state *state, const char *option, const char *text);
/* A size in bytes: a number with k, M, G, T (of 1024) or s (512-byte sectors). */
uint64_t tool_parse_size(struct argp_state *state, const char *option, const char *text);

/* The same, of whole sectors. */
uint64_t tool_parse_device_size(struct argp_state *state, const char *option, const char *text);
/* The same, of a data block of dm-era: a positive multiple of 4 KiB.  Returns it in sectors. */
uint32_t tool_parse_block_size(struct argp_state *state, const char *option, const char *text);
/* How many blocks of block_sectors track a device of so many bytes; exits when it is too many. */
uint32_t tool_count_blocks(struct argp_state *state, uint64_t device_bytes, uint32_t block_sectors);

/* An output that is the input, by whatever name, is an error on the command line. */
void tool_check_output(struct argp_state *state, const char *input, const char *output);

/* The status of a program that reads with repair: 5, and its line, when something was unknown. */
enum exit_status tool_repair_status(struct tool *tool, uint64_t nr_unknown, uint64_t nr_problems,
				    const char *what);

#endif
