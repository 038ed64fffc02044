/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/log.h"

#include <nbdkit-filter.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/utf8.h"
#include "target/start.h"

#define LINE_MAX_BYTES 1024
#define ESCAPED_MAX_BYTES (4 * LINE_MAX_BYTES) /* each byte as \xHH */

static _Thread_local char last_error[LINE_MAX_BYTES];

/* What was told of late.  Texts that differ in their numbers alone count as the same. */
#define NR_TOLD 16u
#define QUIET_MS 1000

struct told {
	char text[ESCAPED_MAX_BYTES];
	int64_t ms;
	unsigned nr_left_out; /* since then */
};

static struct {
	pthread_mutex_t lock;
	struct told told[NR_TOLD];
	unsigned next; /* to be forgotten */
} history = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_same(const char *a, const char *b)
{
	static const char digits[] = "0123456789";

	for (;; a++, b++) {
		a += strspn(a, digits);
		b += strspn(b, digits);
		if (*a != *b || !*a)
			return *a == *b;
	}
}

static struct told *find_told(const char *line)
{
	for (unsigned i = 0; i < NR_TOLD; i++)
		if (*history.told[i].text && is_same(history.told[i].text, line))
			return &history.told[i];
	return NULL;
}

/* The same is told once a second.  false: not now; else how often it was left out before. */
static bool may_tell(const char *line, unsigned *nr_left_out)
{
	int64_t now = clock_ms();
	struct told *told;
	bool may;

	pthread_mutex_lock(&history.lock);
	told = find_told(line);
	may = !told || now - told->ms >= QUIET_MS;
	*nr_left_out = told && may ? told->nr_left_out : 0;
	if (!told) {
		told = &history.told[history.next++ % NR_TOLD];
		snprintf(told->text, sizeof(told->text), "%s", line);
	}
	told->nr_left_out = may ? 0 : told->nr_left_out + 1;
	if (may)
		told->ms = now;
	pthread_mutex_unlock(&history.lock);
	return may;
}

static void put_error(const char *text)
{
	char line[ESCAPED_MAX_BYTES], shown[LINE_MAX_BYTES];
	unsigned nr_left_out;

	text_copy(shown, sizeof(shown), text);
	utf8_escape(shown, line, sizeof(line));
	start_keep(line);
	if (!may_tell(line, &nr_left_out))
		return;
	if (nr_left_out)
		nbdkit_error("%s (and %u times before, not told)", line, nr_left_out);
	else
		nbdkit_error("%s", line);
}

void log_error(const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	text_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	put_error(text);
}

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	text_copy(last_error, sizeof(last_error), text);
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
