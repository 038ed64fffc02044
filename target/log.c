/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "target/log.h"

#include <nbdkit-filter.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "target/start.h"

#define LINE_MAX_BYTES 1024

static _Thread_local char last_error[LINE_MAX_BYTES];

static void put_error(const char *text)
{
	char line[2 * LINE_MAX_BYTES];

	utf8_escape(text, line, sizeof(line));
	start_keep(line);
	nbdkit_error("%s", line);
}

void log_error(const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put_error(text);
}

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(last_error, sizeof(last_error), "%s", text);
	put_error(text);
}

static void on_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];

	(void)ctx;
	problem_line(p, line, sizeof(line));
	snprintf(last_error, sizeof(last_error), "metadata: %s", line);
	put_error(last_error);
}

static void on_note(void *ctx, const char *text)
{
	(void)ctx;
	nbdkit_debug("%s", text);
}

const struct report log_report = {
	.problem = on_problem,
	.error = on_error,
	.note = on_note,
};

const char *log_last_error(void)
{
	return last_error;
}
