/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/document.h"

static const char *const words[NR_STATUSES] = {
	[STATUS_OK] = "done",	   [STATUS_DAMAGED] = "damaged",     [STATUS_USAGE] = "usage",
	[STATUS_SYSTEM] = "error", [STATUS_NO_ANSWER] = "no answer", [STATUS_UNKNOWN] = "unknown",
};

struct json_ending document_ending(enum exit_status status, const struct tool *tool)
{
	const struct tool_json *json = &tool->json;

	return (struct json_ending){
		.status = status == STATUS_OK && json->ok ? json->ok : words[status],
		.error = json->has_error ? json->reason : NULL,
		.exit_status = status,
	};
}

int document_open(struct document *document, struct tool *tool)
{
	struct json *json = &document->json;
	int r;

	tool->json.is_begun = true;
	r = sink_open(&document->sink, NULL, &tool->report);
	if (r)
		return r;
	*json = (struct json){.sink = &document->sink};
	json_begin_object(json, NULL);
	if (tool->json.input)
		json_string(json, "input", tool->json.input);
	else if (*tool->path)
		json_string(json, "path", tool->path);
	if (tool->json.output)
		json_string(json, "output", tool->json.output);
	return 0;
}

int document_close(struct document *document, enum exit_status status, const struct tool *tool)
{
	const struct json_ending ending = document_ending(status, tool);
	int r;

	json_end_document(&document->json, &ending);
	r = sink_finish(&document->sink);
	sink_close(&document->sink);
	return r;
}

int document_print(struct tool *tool, enum exit_status status,
		   void (*put)(struct json *json, const void *ctx), const void *ctx)
{
	struct document document;
	int r = document_open(&document, tool);

	if (r)
		return r;
	if (put)
		put(&document.json, ctx);
	return document_close(&document, status, tool);
}

enum exit_status document_without_answer(struct tool *tool, enum exit_status status)
{
	if (!tool->json.is_wanted || tool->json.is_begun || status == STATUS_USAGE)
		return status;
	tool->json.has_error = *tool->json.reason;
	return document_print(tool, status, NULL, NULL) ? STATUS_SYSTEM : status;
}
