/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/moment.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "era_ctl/peer.h"
#include "tools/document.h"

#define WORD_MAX 24
#define MS_PER_S 1000u

struct member {
	struct peer peer;
	char name[PATH_MAX]; /* without symbolic links */
	char token[WORD_MAX], era[WORD_MAX];
	unsigned place; /* on the command line */
};

struct moment {
	struct tool *tool;
	const char *request;	 /* for the document */
	struct member **members; /* in the order of their names */
	unsigned nr;
	uint32_t timeout_s;
};

static int refused(const struct member *m, const char *what)
{
	return report_fail(m->peer.rep, ERA_SYS, "%s: %s: %s", m->peer.path, what, m->peer.reply);
}

/* The reply to a request that was sent: a number, which goes to `word`, or "ok". */
static int take_reply(struct member *m, const char *what, char word[WORD_MAX])
{
	size_t digits;
	int r = peer_receive(&m->peer, false);

	if (r)
		return r;
	if (!word)
		return strcmp(m->peer.reply, "ok") ? refused(m, what) : 0;
	digits = strspn(m->peer.reply, "0123456789");
	if (!digits || m->peer.reply[digits] || digits >= WORD_MAX)
		return refused(m, what);
	memcpy(word, m->peer.reply, digits + 1);
	return 0;
}

static int pause_all(const struct moment *moment)
{
	char request[WORD_MAX];
	int r = 0;

	snprintf(request, sizeof(request), "pause %" PRIu32, moment->timeout_s * MS_PER_S);
	for (unsigned i = 0; !r && i < moment->nr; i++) {
		struct member *m = moment->members[i];

		r = peer_open(&m->peer, m->peer.path, moment->timeout_s, m->peer.rep);
		if (!r)
			r = peer_send(&m->peer, request);
		if (!r)
			r = take_reply(m, "pause", m->token);
	}
	return r;
}

/* To all at once, so that they are paused for as long as the slowest of them takes. */
static int send_to_all(const struct moment *moment, const char *word)
{
	char request[2 * WORD_MAX];
	int r = 0;

	for (unsigned i = 0; !r && i < moment->nr; i++) {
		snprintf(request, sizeof(request), "%s %s", word, moment->members[i]->token);
		r = peer_send(&moment->members[i]->peer, request);
	}
	return r;
}

static int roll_all(const struct moment *moment)
{
	int r = send_to_all(moment, "roll");

	for (unsigned i = 0; !r && i < moment->nr; i++)
		r = take_reply(moment->members[i], "roll", moment->members[i]->era);
	return r;
}

static int unpause_all(const struct moment *moment)
{
	int r = send_to_all(moment, "unpause");

	for (unsigned i = 0; !r && i < moment->nr; i++)
		r = take_reply(moment->members[i], "unpause", NULL);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct member *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* One that is named twice would wait for its own pause. */
static int sort(const struct moment *moment)
{
	qsort(moment->members, moment->nr, sizeof(*moment->members), by_name);
	for (unsigned i = 1; i < moment->nr; i++)
		if (!by_name(&moment->members[i - 1], &moment->members[i]))
			return report_fail(&moment->tool->report, ERA_SYS, "%s: is given twice",
					   moment->members[i]->peer.path);
	return 0;
}

static int add_members(struct moment *moment, char *const *paths, unsigned nr)
{
	moment->members = calloc(nr, sizeof(struct member *));
	if (!moment->members)
		return report_nomem(&moment->tool->report);
	for (; moment->nr < nr; moment->nr++) {
		struct member *m = calloc(1, sizeof(*m));

		if (!m)
			return report_nomem(&moment->tool->report);
		moment->members[moment->nr] = m;
		m->peer = (struct peer){.path = paths[moment->nr],
					.rep = &moment->tool->report,
					.fd = -1};
		m->place = moment->nr;
		if (!realpath(m->peer.path, m->name))
			snprintf(m->name, sizeof(m->name), "%s", m->peer.path);
	}
	return sort(moment);
}

static void close_all(struct moment *moment)
{
	for (unsigned i = 0; i < moment->nr; i++) {
		peer_close(&moment->members[i]->peer);
		free(moment->members[i]);
	}
	free(moment->members);
}

static const struct member *find_member(const struct moment *moment, unsigned place)
{
	unsigned i = 0;

	while (moment->members[i]->place != place)
		i++;
	return moment->members[i];
}

static void put_answer(struct json *json, const void *ctx)
{
	const struct moment *moment = ctx;

	json_string(json, "request", moment->request);
	json_begin_array(json, "targets");
	for (unsigned place = 0; place < moment->nr; place++) {
		const struct member *m = find_member(moment, place);

		json_newline(json);
		json_begin_object(json, NULL);
		json_string(json, "path", m->peer.path);
		json_number(json, "era_to_remember", strtoull(m->era, NULL, 10));
		json_end_object(json);
	}
	json_end_array(json);
	json_newline(json);
}

static enum exit_status print_all(const struct moment *moment)
{
	struct tool *tool = moment->tool;

	if (tool->json.is_wanted)
		return status_of(document_print(tool, STATUS_OK, put_answer, moment));
	for (unsigned place = 0; place < moment->nr; place++) {
		const struct member *m = find_member(moment, place);

		tool_print("%s %s", m->peer.path, m->era);
	}
	return tool_close_stdout(tool);
}

enum exit_status moment_checkpoint(struct tool *tool, const char *request,
				   const struct option_devices *targets, uint32_t timeout_s)
{
	struct moment moment = {.tool = tool, .request = request, .timeout_s = timeout_s};
	enum exit_status status = STATUS_OK;
	int r = add_members(&moment, targets->paths, targets->nr);

	if (!r)
		r = pause_all(&moment);
	if (!r)
		r = roll_all(&moment);
	if (!r)
		r = unpause_all(&moment);
	if (!r)
		status = print_all(&moment);
	close_all(&moment);
	if (!r)
		return status;
	tool_say(tool, "no era counts as given out by any of the %u targets, and none is paused",
		 targets->nr);
	return status_of(r);
}
