/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"

#define BAR_AFTER_MS 1000
#define BAR_EVERY_MS 100
#define BAR_WIDTH 40
#define KEY_USAGE 0x200
#define SECTOR_BYTES 512u
#define BLOCK_UNIT_BYTES 4096u

enum exit_status status_of(int err)
{
	switch (err) {
	case 0:
		return STATUS_OK;
	case ERA_DAMAGED:
		return STATUS_DAMAGED;
	case ERA_NO_ANSWER:
		return STATUS_NO_ANSWER;
	default:
		return STATUS_SYSTEM;
	}
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void clear_bar(struct tool *tool)
{
	if (tool->bar_drawn)
		fprintf(stderr, "\r\033[K");
	tool->bar_drawn = false;
}

static void say(struct tool *tool, const char *fmt, va_list args)
{
	clear_bar(tool);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void tool_always(struct tool *tool, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(tool, fmt, args);
	va_end(args);
}

void tool_say(struct tool *tool, const char *fmt, ...)
{
	va_list args;

	if (tool->quiet)
		return;
	va_start(args, fmt);
	say(tool, fmt, args);
	va_end(args);
}

static void on_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];
	struct tool *tool = ctx;
	bool is_note = problem_severity(p) == PROBLEM_NOTE;

	if (tool->nr_problems++ >= TOOL_MAX_PROBLEMS)
		return;
	problem_line(p, line, sizeof(line));
	tool_say(tool, "%s: %s%s", tool->path, is_note ? "note: " : "", line);
	if (tool->on_problem)
		tool->on_problem(tool->ctx, p);
}

static void on_error(void *ctx, const char *text)
{
	struct tool *tool = ctx;

	tool_say(tool, "%s", text);
	if (tool->on_error)
		tool->on_error(tool->ctx, text);
}

static void on_note(void *ctx, const char *text)
{
	tool_say(ctx, "%s", text);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct tool *tool = ctx;
	uint64_t now = now_ms();
	int filled;

	if (tool->quiet || !total || now - tool->started < BAR_AFTER_MS || now - tool->shown < BAR_EVERY_MS)
		return;
	tool->shown = now;
	tool->bar_drawn = true;
	filled = (int)(min_u64(done, total) * BAR_WIDTH / total);
	fprintf(stderr, "\r[%.*s%*s] %3d%%", filled, "========================================",
		BAR_WIDTH - filled, "", filled * 100 / BAR_WIDTH);
	fflush(stderr);
}

/* A file opened later must not become standard output by accident.  What stands in for a closed
 * descriptor fails, so that an answer that nobody gets isn't taken for given. */
static void open_standard_descriptors(void)
{
	static const int useless[] = {
		[STDIN_FILENO] = O_WRONLY,
		[STDOUT_FILENO] = O_RDONLY,
		[STDERR_FILENO] = O_WRONLY,
	};

	for (int fd = 0; fd < (int)ARRAY_SIZE(useless); fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", useless[fd]) != fd)
			_exit(STATUS_SYSTEM);
}

void tool_start(struct tool *tool)
{
	*tool = (struct tool){.path = "", .started = now_ms()};
	tool->report = (struct report){tool, on_problem, on_error, on_note, NULL};
	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (isatty(STDERR_FILENO))
		tool->report.progress = on_progress;
}

static void print_version(FILE *out)
{
	fprintf(out, "%s (%s) %s\n", program_invocation_short_name, PACKAGE, VERSION);
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case 'V':
		print_version(stdout);
		exit(STATUS_OK);
	case KEY_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void tool_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	static const struct argp_option common[] = {
		{"help", 'h', NULL, 0, "Print this help", -1},
		{"usage", KEY_USAGE, NULL, 0, "Print a short usage message", -1},
		{"version", 'V', NULL, 0, "Print the version", -1},
		{0},
	};
	const struct argp_child children[] = {{argp, 0, NULL, 0}, {0}};
	const struct argp all = {common, parse_common, NULL, NULL, children, NULL, NULL};

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&all, argc, argv, ARGP_NO_HELP, NULL, input);
}

void tool_end(struct tool *tool)
{
	clear_bar(tool);
	if (tool->nr_problems > TOOL_MAX_PROBLEMS)
		tool_say(tool, "%s: %" PRIu64 " more problems are not shown (only the first %u are)",
			 tool->path, tool->nr_problems - TOOL_MAX_PROBLEMS, TOOL_MAX_PROBLEMS);
}

enum exit_status tool_flush_stdout(struct tool *tool)
{
	if (!fflush(stdout))
		return STATUS_OK;
	if (errno != EPIPE)
		tool_say(tool, "standard output: cannot write: %s", strerror(errno));
	return STATUS_SYSTEM;
}

/* Plain decimal digits, up to the first other character. */
static bool parse_digits(const char **text, uint64_t *value)
{
	uint64_t n = 0;
	const char *c = *text;

	for (; *c >= '0' && *c <= '9'; c++)
		if (!checked_mul(n, 10, &n) || !checked_add(n, (uint64_t)(*c - '0'), &n))
			return false;
	if (c == *text)
		return false;
	*text = c;
	*value = n;
	return true;
}

uint32_t tool_parse_u32(struct argp_state *state, const char *option, const char *text)
{
	const char *rest = text;
	uint64_t value = 0;

	if (!parse_digits(&rest, &value) || *rest || value > UINT32_MAX)
		argp_error(state, "%s: found '%s', wanted a number from 0 to %" PRIu32, option, text,
			   UINT32_MAX);
	return (uint32_t)value;
}

uint64_t tool_parse_size(struct argp_state *state, const char *option, const char *text)
{
	static const struct {
		char suffix;
		uint64_t factor;
	} units[] = {
		{'\0', 1},
		{'s', 512},
		{'k', UINT64_C(1) << 10},
		{'K', UINT64_C(1) << 10},
		{'M', UINT64_C(1) << 20},
		{'G', UINT64_C(1) << 30},
		{'T', UINT64_C(1) << 40},
	};
	const char *rest = text;
	uint64_t value = 0;

	if (parse_digits(&rest, &value) && (!*rest || !rest[1]))
		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (units[i].suffix == *rest && checked_mul(value, units[i].factor, &value) &&
			    value <= INT64_MAX)
				return value;
	argp_error(state, "%s: found '%s', wanted a size in bytes, or with one of the suffixes s k M G T",
		   option, text);
	return 0;
}

uint64_t tool_parse_device_size(struct argp_state *state, const char *option, const char *text)
{
	uint64_t bytes = tool_parse_size(state, option, text);

	if (bytes % SECTOR_BYTES)
		argp_error(state, "%s: found '%s', wanted a multiple of %u bytes", option, text,
			   SECTOR_BYTES);
	return bytes;
}

uint32_t tool_parse_block_size(struct argp_state *state, const char *option, const char *text)
{
	uint64_t bytes = tool_parse_size(state, option, text);

	if (!bytes || bytes % BLOCK_UNIT_BYTES || bytes / SECTOR_BYTES > UINT32_MAX)
		argp_error(state, "%s: found '%s', wanted a positive multiple of %u bytes", option,
			   text, BLOCK_UNIT_BYTES);
	return (uint32_t)(bytes / SECTOR_BYTES);
}

uint32_t tool_count_blocks(struct argp_state *state, uint64_t device_bytes, uint32_t block_sectors)
{
	uint64_t nr = div_up(device_bytes, (uint64_t)block_sectors * SECTOR_BYTES);

	if (nr > INT32_MAX)
		argp_error(state,
			   "a device of %" PRIu64 " bytes has %" PRIu64
			   " blocks of that size, more than the %d that dm-era can track",
			   device_bytes, nr, INT32_MAX);
	return (uint32_t)nr;
}

/* Two names of one device or file; a name that stands for nothing is like no other. */
static bool is_same(const char *a, const char *b)
{
	struct stat sa, sb;

	if (stat(a, &sa) || stat(b, &sb))
		return false;
	if (S_ISBLK(sa.st_mode) && S_ISBLK(sb.st_mode))
		return sa.st_rdev == sb.st_rdev;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

void tool_check_output(struct argp_state *state, const char *input, const char *output)
{
	if (input && output && is_same(input, output))
		argp_error(state, "input and output are the same: %s", output);
}

enum exit_status tool_repair_status(struct tool *tool, uint64_t nr_unknown, uint64_t nr_problems,
				    const char *what)
{
	if (!nr_unknown && !nr_problems)
		return STATUS_OK;
	if (!nr_unknown) {
		tool_always(tool, "%s: damage was passed over, but nothing in the answer is unknown",
			    tool->path);
		return STATUS_UNKNOWN;
	}
	tool_always(tool, "%s: %" PRIu64 " %s could not be read and count as written", tool->path,
		    nr_unknown, what);
	return STATUS_UNKNOWN;
}
