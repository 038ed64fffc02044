/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

void report_problem(const struct report *rep, const struct problem *p)
{
	if (rep && rep->problem)
		rep->problem(rep->ctx, p);
}

void report_note(const struct report *rep, const char *fmt, ...)
{
	char text[TEXT_LINE_MAX];
	va_list args;

	if (!rep || !rep->note)
		return;
	va_start(args, fmt);
	text_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	rep->note(rep->ctx, text);
}

void report_progress(const struct report *rep, enum progress_step step, uint64_t done,
		     uint64_t total)
{
	const struct progress progress = {step, done, total};

	if (rep && rep->progress && step != PROGRESS_NONE)
		rep->progress(rep->ctx, &progress);
}

void report_terminal(const struct report *rep)
{
	if (rep && rep->terminal)
		rep->terminal(rep->ctx);
}

int report_fail(const struct report *rep, int err, const char *fmt, ...)
{
	char text[TEXT_LINE_MAX];
	va_list args;

	while (rep && !rep->error)
		rep = rep->errors_to;
	if (!rep)
		return err;
	va_start(args, fmt);
	text_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	rep->error(rep->ctx, text);
	return err;
}

int report_errno(const struct report *rep, const char *path, const char *what)
{
	return report_fail(rep, ERA_SYS, "%s: %s: %s", path, what, strerror(errno));
}

int report_nomem(const struct report *rep)
{
	return report_fail(rep, ERA_SYS, "out of memory");
}

struct report report_only_errors(const struct report *rep)
{
	return (struct report){.errors_to = rep};
}
