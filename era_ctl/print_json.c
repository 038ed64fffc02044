/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/print_json.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/decimal.h"
#include "base/text.h"
#include "tools/document.h"

#define DIGITS "0123456789"
#define NUMBER_MAX_BYTES 32u
#define NAME_MAX_BYTES 64u
#define SECTOR_BYTES 512u

/* Passes over a number and the character behind it, which must be `end`. */
static bool take_number(const char **text, char end, uint64_t *n)
{
	size_t len = strspn(*text, DIGITS);

	if (!decimal_parse(*text, len, UINT64_MAX, n) || (*text)[len] != end)
		return false;
	*text += len + (end != '\0');
	return true;
}

struct status_line {
	uint64_t sectors, used, total, era, snapshot; /* 0: none */
};

static bool parse_status(const char *text, struct status_line *line)
{
	line->snapshot = 0;
	return take_number(&text, ' ', &line->sectors) && take_number(&text, '/', &line->used) &&
	       take_number(&text, ' ', &line->total) && take_number(&text, ' ', &line->era) &&
	       (!strcmp(text, "-") || take_number(&text, '\0', &line->snapshot));
}

static bool put_status(struct json *json, const char *reply)
{
	struct status_line line;

	if (!parse_status(reply, &line))
		return false;
	if (!json)
		return true;
	json_number(json, "current_era", line.era);
	if (line.snapshot) {
		json_begin_object(json, "snapshot");
		json_number(json, "block", line.snapshot);
		json_end_object(json);
	} else {
		json_string(json, "snapshot", NULL);
	}
	json_begin_object(json, "metadata");
	json_number(json, "block_size", line.sectors * SECTOR_BYTES);
	json_number(json, "blocks", line.total);
	json_number(json, "allocated", line.used);
	if (line.used <= line.total)
		json_number(json, "free", line.total - line.used);
	json_end_object(json);
	return true;
}

static bool put_table(struct json *json, const char *reply)
{
	if (json)
		json_string(json, "table", reply);
	return true;
}

static bool put_era(struct json *json, const char *reply)
{
	uint64_t era;

	if (!take_number(&reply, '\0', &era))
		return false;
	if (json)
		json_number(json, "era_to_remember", era);
	return true;
}

/* The kernel's target replies nothing to its messages, so the era is unknown. */
static bool put_era_if_known(struct json *json, const char *reply)
{
	return !strcmp(reply, "ok") || put_era(json, reply);
}

static bool put_nothing(struct json *json, const char *reply)
{
	(void)json;
	(void)reply;
	return true;
}

/* A line of a name and a number, with a fraction or without; returns the next line, or NULL. */
static const char *take_figure(const char *line, char *name, char *number)
{
	size_t name_len = strcspn(line, " \n"), len;
	const char *digits = line + name_len + 1;

	if (!name_len || line[name_len] != ' ' || name_len >= NAME_MAX_BYTES)
		return NULL;
	len = strspn(digits, DIGITS);
	if (len && digits[len] == '.' && strspn(digits + len + 1, DIGITS))
		len += 1 + strspn(digits + len + 1, DIGITS);
	if (!len || len >= NUMBER_MAX_BYTES || (*digits == '0' && strspn(digits + 1, DIGITS)) ||
	    (digits[len] && digits[len] != '\n'))
		return NULL;
	snprintf(name, NAME_MAX_BYTES, "%.*s", (int)name_len, line);
	snprintf(number, NUMBER_MAX_BYTES, "%.*s", (int)len, digits);
	return digits + len + (digits[len] == '\n');
}

static bool put_stats(struct json *json, const char *reply)
{
	char name[NAME_MAX_BYTES], number[NUMBER_MAX_BYTES];

	if (json)
		json_begin_object(json, "stats");
	while (reply && *reply) {
		reply = take_figure(reply, name, number);
		if (reply && json)
			json_digits(json, name, number);
	}
	if (json)
		json_end_object(json);
	return reply;
}

/* `put` writes the members of a reply, and tells whether it has the form that it should have; with
 * NULL it tells that alone. */
static const struct form {
	const char *request;
	bool (*put)(struct json *json, const char *reply);
} forms[] = {
	{"status", put_status},
	{"table", put_table},
	{"stats", put_stats},
	{"checkpoint", put_era_if_known},
	{"take_metadata_snap", put_era_if_known},
	{"barrier", put_era},
	{"snapshot", put_era},
	{"freeze", put_era},
};

struct answer {
	const char *request, *reply;
	bool (*put)(struct json *json, const char *reply);
};

static void put_answer(struct json *json, const void *ctx)
{
	const struct answer *answer = ctx;

	json_string(json, "request", answer->request);
	answer->put(json, answer->reply);
}

enum exit_status reply_print_json(struct tool *tool, const char *request, const char *reply)
{
	struct answer answer = {request, reply, put_nothing};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (!strcmp(forms[i].request, request))
			answer.put = forms[i].put;
	if (!answer.put(NULL, reply))
		return status_of(report_fail(&tool->report, ERA_SYS,
					     "%s: gave a reply that is not understood: %s",
					     tool->path, reply));
	return status_of(document_print(tool, STATUS_OK, put_answer, &answer));
}
