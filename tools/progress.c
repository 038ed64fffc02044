/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/utf8.h"
#include "tools/human.h"

#define DRAWN_AFTER_MS 1000u
#define USUAL_WIDTH 80u
#define CLEAR_LINE "\r\033[K"
#define LONGEST_SECONDS (100u * 3600) /* what would take longer is no forecast */
#define UNKNOWN UINT64_MAX
#define PART_MAX 160u

/* For people, and for programs. */
static const struct {
	const char *text, *name;
} steps[NR_PROGRESS_STEPS] = {
	[PROGRESS_NONE] = {"", ""},
	[PROGRESS_COPY_INPUT] = {"reading standard input", "copy-input"},
	[PROGRESS_CHECK] = {"checking metadata", "check"},
	[PROGRESS_SEARCH] = {"searching all blocks", "search"},
	[PROGRESS_READ] = {"reading metadata", "read"},
	[PROGRESS_READ_CACHE] = {"reading cache metadata", "read-cache"},
	[PROGRESS_READ_XML] = {"reading XML", "read-xml"},
	[PROGRESS_READ_DELTA] = {"reading the delta", "read-delta"},
	[PROGRESS_APPLY] = {"applying the delta", "apply"},
	[PROGRESS_COPY] = {"copying", "copy"},
	[PROGRESS_CLEAN] = {"cleaning the cache", "clean-cache"},
	[PROGRESS_COMPARE] = {"comparing", "compare"},
	[PROGRESS_BUILD] = {"building metadata", "build"},
	[PROGRESS_WRITE] = {"writing metadata", "write"},
};

static int json_fd = -1;

void progress_set_fd(int fd)
{
	json_fd = fd;
}

int progress_fd(void)
{
	return json_fd;
}

static uint64_t find_rate(const struct progress *now, uint64_t ms)
{
	double rate = (double)now->done * 1000 / (double)max_u64(ms, 1);

	return ms < PROGRESS_EVERY_MS || rate > (double)INT64_MAX ? UNKNOWN : (uint64_t)rate;
}

static uint64_t find_seconds_left(const struct progress *now, uint64_t rate)
{
	if (!now->total || !rate || rate == UNKNOWN)
		return UNKNOWN;
	return now->done < now->total ? div_up(now->total - now->done, rate) : 0;
}

enum parts {
	PART_PROGRAM = 1 << 0,
	PART_STEP = 1 << 1,
	PART_PERCENT = 1 << 2,
	PART_AMOUNT = 1 << 3,
	PART_RATE = 1 << 4,
	PART_LEFT = 1 << 5,
};

/* From the widest on.  Without a total there are neither percents nor a time left. */
static const unsigned layouts[] = {
	PART_PROGRAM | PART_STEP | PART_PERCENT | PART_AMOUNT | PART_RATE | PART_LEFT,
	PART_STEP | PART_PERCENT | PART_AMOUNT | PART_RATE | PART_LEFT,
	PART_STEP | PART_PERCENT | PART_AMOUNT | PART_LEFT,
	PART_STEP | PART_PERCENT | PART_LEFT,
	PART_STEP | PART_AMOUNT,
	PART_STEP | PART_PERCENT,
	PART_PERCENT,
	PART_AMOUNT,
};

struct line {
	char *text;
	size_t size, len;
	const char *between; /* what comes before the next part */
};

static void add(struct line *line, const char *after, const char *part)
{
	int n = snprintf(line->text + line->len, line->size - line->len, "%s%s",
			 line->len ? line->between : "", part);

	line->len = (size_t)min_u64(line->len + (size_t)n, line->size - 1);
	line->between = after;
}

static void add_program(struct line *line, const char *program)
{
	char part[PART_MAX];

	utf8_escape(program, part, sizeof(part));
	add(line, ": ", part);
}

static void add_percent(struct line *line, const struct progress *now)
{
	double share = (double)now->done / (double)now->total;
	char part[PART_MAX];

	snprintf(part, sizeof(part), "%3u%%", share < 1 ? (unsigned)(share * 100) : 100u);
	add(line, ", ", part);
}

static void add_amount(struct line *line, const struct progress *now)
{
	char part[PART_MAX], done[HUMAN_SIZE_BYTES], total[HUMAN_SIZE_BYTES];

	human_size_rounded(now->total ? min_u64(now->done, now->total) : now->done, done);
	snprintf(part, sizeof(part), "%s%s%s", done, now->total ? " of " : "",
		 now->total ? human_size_rounded(now->total, total) : "");
	add(line, ", ", part);
}

static void add_rate(struct line *line, uint64_t rate)
{
	char part[PART_MAX], size[HUMAN_SIZE_BYTES];

	snprintf(part, sizeof(part), "%s/s", human_size_rounded(rate, size));
	add(line, ", ", part);
}

static void add_left(struct line *line, uint64_t seconds)
{
	unsigned s = (unsigned)(seconds % 60), m = (unsigned)(seconds / 60 % 60),
		 h = (unsigned)(seconds / 3600);
	char part[PART_MAX];

	if (h)
		snprintf(part, sizeof(part), "%u:%02u:%02u left", h, m, s);
	else
		snprintf(part, sizeof(part), "%u:%02u left", m, s);
	add(line, ", ", part);
}

static unsigned known_parts(const struct progress *now, uint64_t rate, uint64_t seconds)
{
	unsigned parts = PART_PROGRAM | PART_STEP | PART_AMOUNT;

	if (now->total)
		parts |= PART_PERCENT;
	if (rate != UNKNOWN)
		parts |= PART_RATE;
	if (seconds < LONGEST_SECONDS)
		parts |= PART_LEFT;
	return parts;
}

size_t progress_format(const struct progress *now, uint64_t ms, const char *program, unsigned width,
		       char *text, size_t size)
{
	uint64_t rate = find_rate(now, ms), seconds = find_seconds_left(now, rate);
	unsigned known = known_parts(now, rate, seconds);

	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct line line = {.text = text, .size = size};
		unsigned parts = layouts[i] & known;

		if (!(parts & (PART_PERCENT | PART_AMOUNT)))
			continue;
		if (parts & PART_PROGRAM)
			add_program(&line, program);
		if (parts & PART_STEP)
			add(&line, ": ", steps[now->step].text);
		if (parts & PART_PERCENT)
			add_percent(&line, now);
		if (parts & PART_AMOUNT)
			add_amount(&line, now);
		if (parts & PART_RATE)
			add_rate(&line, rate);
		if (parts & PART_LEFT)
			add_left(&line, seconds);
		if (line.len && line.len <= width && line.len < size - 1)
			return line.len;
	}
	*text = '\0';
	return 0;
}

static const char *number_or_null(uint64_t value, bool known, char *text)
{
	if (!known || value == UNKNOWN)
		return "null";
	snprintf(text, HUMAN_SIZE_BYTES, "%" PRIu64, value);
	return text;
}

size_t progress_format_json(const struct progress *now, uint64_t ms, char *text, size_t size)
{
	uint64_t rate = find_rate(now, ms), seconds = find_seconds_left(now, rate);
	char total[HUMAN_SIZE_BYTES], per_second[HUMAN_SIZE_BYTES], left[HUMAN_SIZE_BYTES];
	int n = snprintf(text, size,
			 "{\"step\":\"%s\",\"done_bytes\":%" PRIu64 ",\"total_bytes\":%s,"
			 "\"bytes_per_second\":%s,\"seconds_left\":%s}\n",
			 steps[now->step].name, now->done,
			 number_or_null(now->total, now->total, total),
			 number_or_null(rate, true, per_second),
			 number_or_null(seconds, true, left));

	return (size_t)n;
}

/* Is something drawn that a signal must not leave behind? */
static volatile sig_atomic_t is_drawn;

/* The action is the default one again: the program ends as it would have without this. */
static void clear_and_end(int number)
{
	int saved = errno;

	if (is_drawn && write(STDERR_FILENO, CLEAR_LINE, strlen(CLEAR_LINE)) < 0)
		is_drawn = 0;
	raise(number);
	errno = saved;
}

/* A signal that is ignored stays so. */
static void clear_at_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
	struct sigaction action = {.sa_handler = clear_and_end, .sa_flags = (int)SA_RESETHAND};
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &action, NULL);
}

static unsigned find_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = {0};

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	size.ws_col = columns ? (unsigned short)strtoul(columns, NULL, 10) : 0;
	return size.ws_col ? size.ws_col : USUAL_WIDTH;
}

/* A terminal that this program doesn't belong to says nothing of its foreground. */
static bool is_in_foreground(void)
{
	pid_t foreground = tcgetpgrp(STDERR_FILENO);

	return foreground < 0 || foreground == getpgrp();
}

static bool can_clear_lines(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0;
}

/* The last column stays free: a line that ends there goes on to the next one. */
static void draw(struct progress_display *display, uint64_t ms)
{
	char text[PROGRESS_LINE_MAX];

	if (!is_in_foreground())
		return;
	if (!display->drawn)
		clear_at_signals();
	display->drawn = true;
	is_drawn = 1;
	progress_format(&display->now, ms, program_invocation_short_name, find_width() - 1, text,
			sizeof(text));
	fprintf(stderr, CLEAR_LINE "%s", text);
	fflush(stderr);
}

/* A reader that is behind misses a line, and one that is gone misses all: neither may stop or fail
 * the work. */
static void write_json(const struct progress_display *display, uint64_t ms)
{
	struct pollfd ready = {.fd = json_fd, .events = POLLOUT};
	char text[PROGRESS_LINE_MAX];
	size_t len = progress_format_json(&display->now, ms, text, sizeof(text));

	if (poll(&ready, 1, 0) == 1 && ready.revents & POLLOUT &&
	    write(json_fd, text, len) == (ssize_t)len)
		return;
	if (ready.revents & (POLLERR | POLLNVAL))
		json_fd = -1;
}

static bool draws(const struct progress_display *display, uint64_t time)
{
	return display->on_terminal && !display->quiet && json_fd < 0 &&
	       time - display->started >= DRAWN_AFTER_MS;
}

static void tell(struct progress_display *display, uint64_t time)
{
	uint64_t ms = time - display->step_started;

	display->last = time;
	display->pending = false;
	display->told |= 1u << display->now.step;
	if (json_fd >= 0)
		write_json(display, ms);
	else
		draw(display, ms);
}

void progress_start(struct progress_display *display)
{
	uint64_t time = (uint64_t)clock_ms();

	*display = (struct progress_display){
		.on_terminal = isatty(STDERR_FILENO) && can_clear_lines(),
		.started = time,
		.heard = time,
	};
}

void progress_tell(struct progress_display *display, const struct progress *now)
{
	bool is_first = json_fd >= 0 && !(display->told & 1u << now->step);
	uint64_t time;

	if (json_fd < 0 && (!display->on_terminal || display->quiet))
		return;
	time = (uint64_t)clock_ms();
	if (is_first && display->pending)
		tell(display, time);
	if (now->step != display->now.step || now->done < display->now.done)
		display->step_started = display->heard;
	if (now->step != display->now.step || now->done != display->now.done)
		display->pending = true;
	display->heard = time;
	display->now = *now;
	if (!is_first && time - display->last < PROGRESS_EVERY_MS)
		return;
	if (json_fd >= 0 || draws(display, time))
		tell(display, time);
}

void progress_clear(struct progress_display *display)
{
	if (!display->drawn)
		return;
	fputs(CLEAR_LINE, stderr);
	fflush(stderr);
	display->drawn = false;
	is_drawn = 0;
}

void progress_hide(struct progress_display *display)
{
	progress_clear(display);
	display->on_terminal = false;
}

void progress_end(struct progress_display *display)
{
	progress_clear(display);
	if (display->pending && json_fd >= 0)
		tell(display, (uint64_t)clock_ms());
	display->pending = false;
}
