/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/control_requests.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/text.h"
#include "target/control.h"
#include "target/control_stats.h"
#include "target/control_witness.h"
#include "target/frozen.h"

static void put_line(struct request *req, const char *fmt, ...) format_printf(2, 3);

/* A reply that finds no memory stays NULL. */
static void put_line(struct request *req, const char *fmt, ...)
{
	char text[ENGINE_LINE_MAX + 64];
	va_list args;

	va_start(args, fmt);
	text_vformat(text, sizeof(text) - 1, fmt, args);
	va_end(args);
	strcat(text, "\n");
	free(req->reply);
	req->reply = strdup(text);
}

void request_reply_era(struct request *req, uint32_t era)
{
	put_line(req, "%" PRIu32, era);
}

void request_fail(struct request *req, const char *why)
{
	put_line(req, "Error: %s", why);
}

static int tell_status(struct engine *e, struct request *req)
{
	char line[ENGINE_LINE_MAX];

	engine_status(e, line, sizeof(line));
	put_line(req, "%s", line);
	return 0;
}

static int tell_table(struct engine *e, struct request *req)
{
	char line[ENGINE_LINE_MAX];

	engine_table(e, line, sizeof(line));
	put_line(req, "%s", line);
	return 0;
}

static int begin_era(struct engine *e, struct request *req, bool snapshot)
{
	int r = engine_begin_era(e, snapshot, &req->cancelled, &req->begun_era);

	if (!r)
		request_reply_era(req, req->begun_era);
	return r;
}

static int checkpoint(struct engine *e, struct request *req)
{
	return begin_era(e, req, false);
}

static int take_snapshot(struct engine *e, struct request *req)
{
	return begin_era(e, req, true);
}

static int drop_snapshot(struct engine *e, struct request *req)
{
	put_line(req, "ok");
	return engine_drop_metadata_snap(e);
}

/* The token is the client's when the reply has been taken (request_free()). */
static int pause_target(struct engine *e, struct request *req)
{
	int r;

	if (!req->number || req->number > CONTROL_MAX_PAUSE_MS) {
		request_fail(req, "a pause has 1 to " CONTROL_MAX_PAUSE_MS_TEXT " ms");
		return 0;
	}
	r = engine_pause(e, (uint32_t)req->number, &req->token);
	if (!r)
		put_line(req, "%" PRIu64, req->token);
	return r;
}

static int roll(struct engine *e, struct request *req)
{
	int r = engine_roll(e, req->number, &req->begun_era);

	if (!r)
		request_reply_era(req, req->begun_era);
	return r;
}

static int unpause(struct engine *e, struct request *req)
{
	put_line(req, "ok");
	return engine_unpause(e, req->number);
}

/* The reply is these lines, or NULL, and an empty one. */
static int put_lines(struct request *req, char *lines)
{
	if (lines && asprintf(&req->reply, "%s\n", lines) < 0)
		req->reply = NULL;
	free(lines);
	return 0;
}

static int tell_stats(struct engine *e, struct request *req)
{
	return put_lines(req, control_stats_lines(e));
}

static int tell_metrics(struct engine *e, struct request *req)
{
	return put_lines(req, control_stats_prometheus(e));
}

static int tell_witness(struct engine *e, struct request *req)
{
	char *line = NULL;
	int r = control_witness_line(e, &req->cancelled, &line);

	if (r == ERA_CANCELLED) {
		request_fail(req, "the target is being stopped");
		return 0;
	}
	if (!r && asprintf(&req->reply, "%s\n", line) < 0)
		req->reply = NULL;
	free(line);
	return r;
}

static int freeze(struct engine *e, struct request *req)
{
	uint32_t era;
	int r = frozen_freeze(&era);

	(void)e;
	if (!r)
		request_reply_era(req, era);
	return r;
}

static int thaw(struct engine *e, struct request *req)
{
	(void)e;
	put_line(req, "ok");
	return frozen_thaw();
}

static const struct request_kind kinds[] = {
	{.word = "status", .carry_out = tell_status},
	{.word = "table", .carry_out = tell_table},
	{.word = "stats", .carry_out = tell_stats},
	{.word = "metrics", .carry_out = tell_metrics},
	{.word = "witness", .by = REQUEST_BY_DROPPER, .carry_out = tell_witness},
	{.word = "checkpoint",
	 .by = REQUEST_BY_MESSENGER,
	 .shares_era = true,
	 .carry_out = checkpoint},
	{.word = "take_metadata_snap", .by = REQUEST_BY_MESSENGER, .carry_out = take_snapshot},
	{.word = "drop_metadata_snap", .by = REQUEST_BY_DROPPER, .carry_out = drop_snapshot},
	{.word = "pause",
	 .has_number = true,
	 .by = REQUEST_BY_MESSENGER,
	 .pauses = true,
	 .carry_out = pause_target},
	{.word = "roll", .has_number = true, .by = REQUEST_BY_MESSENGER, .carry_out = roll},
	{.word = "unpause", .has_number = true, .carry_out = unpause},
	{.word = "freeze", .by = REQUEST_BY_MESSENGER, .pauses = true, .carry_out = freeze},
	{.word = "thaw", .by = REQUEST_BY_MESSENGER, .carry_out = thaw},
};

static bool is_request(struct request *req, const struct request_kind *kind, const char *line,
		       size_t len)
{
	size_t word = strlen(kind->word);

	if (len < word || strncasecmp(kind->word, line, word))
		return false;
	if (!kind->has_number)
		return len == word;
	return len > word && line[word] == ' ' &&
	       decimal_parse(line + word + 1, len - word - 1, UINT64_MAX, &req->number);
}

void request_parse(struct request *req, const char *line, size_t len)
{
	*req = (struct request){.kind = NULL};
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !req->kind; i++)
		if (is_request(req, &kinds[i], line, len))
			req->kind = &kinds[i];
	if (!req->kind)
		request_fail(req, "unrecognised message");
}

void request_carry_out(struct request *req, struct engine *e, const char *(*last_error)(void))
{
	if (req->kind->carry_out(e, req))
		request_fail(req, last_error());
}

void request_tell_passive(struct request *req, const struct control_passive *passive)
{
	if (req->kind->carry_out == tell_status)
		put_line(req, "%s", passive->status);
	else if (req->kind->carry_out == tell_table)
		put_line(req, "%s", passive->table);
	else
		request_fail(req, "the server is read-only (-r): it begins no era");
	req->kind = NULL;
}

void request_free(struct request *req, struct engine *e)
{
	if (req->token)
		engine_drop_pause(e, req->token);
	req->token = 0;
	free(req->reply);
	req->reply = NULL;
}
