/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "boot/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define KERNEL_LOG "/dev/kmsg"
#define PRIORITY "<3>"
#define RECORD_MAX 960u /* of it */

static const char *name = "";

void log_begin(const char *program)
{
	name = program;
}

/* Where there is no such log, as for who isn't root, it is an ordinary program's.  The variable is
 * for tests. */
static void put(const char *text)
{
	char line[RECORD_MAX + 1];
	const char *path = getenv("ERA_KMSG");
	int len, fd = open(path ? path : KERNEL_LOG, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	bool done;

	text_format(line, sizeof(line) - 1, PRIORITY "%s: %s", name, text);
	len = (int)strlen(line);
	line[len++] = '\n';
	line[len] = '\0';
	done = fd >= 0 && write(fd, line, (size_t)len) == len;

	if (fd >= 0)
		close(fd);
	if (!done)
		fputs(line + strlen(PRIORITY), stderr);
}

void log_error(const char *fmt, ...)
{
	char text[TEXT_LINE_MAX];
	va_list args;

	va_start(args, fmt);
	text_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	put(text);
}

static void on_text(void *ctx, const char *text)
{
	(void)ctx;
	put(text);
}

const struct report log_report = {.error = on_text, .note = on_text};
