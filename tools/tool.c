/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "base/utf8.h"

#define NAME_MAX_BYTES 512u
#define LINE_MAX_BYTES (4 * (NAME_MAX_BYTES + TEXT_LINE_MAX)) /* each byte escaped as \xHH */

#define META_BLOCK_BYTES 4096u

_Static_assert((int)DMERA_DAMAGED == (int)ERA_DAMAGED && (int)DMERA_NO_ANSWER == (int)ERA_NO_ANSWER,
	       "results of libdmera are errors, too");

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

/* In one piece, so that lines of several programs don't mix. */
static void put_line(FILE *to, const char *before, const char *fmt, va_list args)
{
	char text[TEXT_LINE_MAX], line[LINE_MAX_BYTES];
	size_t n = utf8_escape(before, line, sizeof(line) - 1);

	text_vformat(text, sizeof(text), fmt, args);
	n += utf8_escape(text, line + n, sizeof(line) - 1 - n);
	line[n++] = '\n';
	fwrite(line, 1, n, to);
}

static void say(struct tool *tool, const char *fmt, va_list args)
{
	char before[NAME_MAX_BYTES];

	progress_clear(&tool->progress);
	snprintf(before, sizeof(before), "%s: ", program_invocation_short_name);
	put_line(stderr, before, fmt, args);
}

void tool_always(struct tool *tool, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(tool, fmt, args);
	va_end(args);
}

void tool_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line(stdout, "", fmt, args);
	va_end(args);
}

void tool_usage_error(const char *fmt, va_list args)
{
	struct tool tool = {.path = ""};

	say(&tool, fmt, args);
	tool_always(&tool, "try '%s --help' or '%s --usage'", program_invocation_short_name,
		    program_invocation_short_name);
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

/* False when no more are shown. */
static bool counts_problem(struct tool *tool)
{
	return tool->nr_problems++ < TOOL_MAX_PROBLEMS;
}

static void say_problem(struct tool *tool, bool is_note, const char *line)
{
	struct tool_json *json = &tool->json;

	if (!is_note && !*json->reason)
		text_format(json->reason, sizeof(json->reason), "%s: %s", tool->path, line);
	tool_say(tool, "%s: %s%s", tool->path, is_note ? "note: " : "", line);
}

static void on_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];
	struct tool *tool = ctx;

	if (!counts_problem(tool))
		return;
	problem_line(p, line, sizeof(line));
	say_problem(tool, problem_severity(p) == PROBLEM_NOTE, line);
	if (tool->on_problem)
		tool->on_problem(tool->ctx, p);
}

static void on_error(void *ctx, const char *text)
{
	struct tool *tool = ctx;

	tool_say(tool, "%s", text);
	if (!tool->json.has_error)
		text_copy(tool->json.reason, sizeof(tool->json.reason), text);
	tool->json.has_error = true;
}

static void on_note(void *ctx, const char *text)
{
	tool_say(ctx, "%s", text);
}

static void on_progress(void *ctx, const struct progress *progress)
{
	struct tool *tool = ctx;

	tool->progress.quiet = tool->quiet;
	progress_tell(&tool->progress, progress);
}

static void on_terminal(void *ctx)
{
	struct tool *tool = ctx;

	progress_hide(&tool->progress);
}

/* Of metadata blocks, and of nothing else. */
static void on_dmera_progress(void *ctx, uint64_t done, uint64_t total)
{
	const struct progress progress = {PROGRESS_READ, done * META_BLOCK_BYTES,
					  total * META_BLOCK_BYTES};

	on_progress(ctx, &progress);
}

static void on_dmera_problem(void *ctx, const struct dmera_problem *p)
{
	struct tool *tool = ctx;

	if (counts_problem(tool))
		say_problem(tool, p->severity == DMERA_NOTE, p->text);
}

void tool_listen(struct tool *tool, struct dmera *era)
{
	dmera_set_problem_callback(era, on_dmera_problem, tool);
	dmera_set_error_callback(era, tool->report.error, tool);
	dmera_set_note_callback(era, tool->report.note, tool);
	dmera_set_progress_callback(era, on_dmera_progress, tool);
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
	*tool = (struct tool){.path = ""};
	tool->report = (struct report){.ctx = tool,
				       .problem = on_problem,
				       .error = on_error,
				       .note = on_note,
				       .progress = on_progress,
				       .terminal = on_terminal};
	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	progress_start(&tool->progress);
}

/* glibc's own variable, so that what argp prints begins so, too; it is not written through. */
void tool_set_name(const char *name)
{
	program_invocation_short_name = (char *)name;
}

void tool_end(struct tool *tool)
{
	progress_end(&tool->progress);
	if (tool->ended)
		return;
	tool->ended = true;
	if (tool->nr_problems > TOOL_MAX_PROBLEMS)
		tool_say(tool,
			 "%s: %" PRIu64 " more problems are not shown (only the first %u are)",
			 tool->path, tool->nr_problems - TOOL_MAX_PROBLEMS, TOOL_MAX_PROBLEMS);
}

enum exit_status tool_close_stdout(struct tool *tool)
{
	bool failed = ferror(stdout), may_be_left = io_is_pipe(STDOUT_FILENO);
	int error = fclose(stdout) ? errno : failed ? EIO : 0;

	if (!error)
		return STATUS_OK;
	if (error != EPIPE || !may_be_left)
		tool_say(tool, "standard output: cannot write: %s", strerror(error));
	return STATUS_SYSTEM;
}

enum exit_status tool_repair_status(struct tool *tool, uint64_t nr_unknown, uint64_t nr_problems,
				    const char *what)
{
	if (!nr_unknown && !nr_problems)
		return STATUS_OK;
	if (!nr_unknown) {
		tool_always(tool,
			    "%s: damage was passed over, but nothing in the answer is unknown",
			    tool->path);
		return STATUS_UNKNOWN;
	}
	tool_always(tool, "%s: %" PRIu64 " %s could not be read and count as written", tool->path,
		    nr_unknown, what);
	return STATUS_UNKNOWN;
}
