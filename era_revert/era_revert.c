/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Makes a tracked disk again what its backup is. */
#include <stdlib.h>

#include "era_revert/revert.h"
#include "tools/document.h"
#include "tools/human.h"
#include "tools/program.h"

#define OFFSET(member) offsetof(struct revert_options, member)

static const struct option_row rows[] = {
	{"state", 0, "FILE", "The state of the backup (default: TARGET.era)", OPTION_TEXT,
	 OFFSET(state), 0, NULL, false},
	{"never-discarded", 0, NULL, "Nothing was ever discarded on a device without a state",
	 OPTION_FLAG, OFFSET(never_discarded), 0, NULL, false},
	{"dry-run", 'n', NULL, "Say what would be copied, and copy nothing", OPTION_FLAG,
	 OFFSET(dry_run), 0, NULL, false},
	{"limit", 0, "RATE", "Read at most so many bytes per second", OPTION_SIZE, OFFSET(limit), 0,
	 NULL, false},
	{"timeout", 0, "SECONDS", "How long a target may take to answer", OPTION_U32,
	 OFFSET(timeout_s), 0, NULL, false},
	{"json", 0, NULL, "Print what was done as JSON", OPTION_FLAG, OFFSET(json), 0, NULL, false},
	{"quiet", 'q', NULL, "Print no messages", OPTION_FLAG, OFFSET(quiet), 0, NULL, false},
};

static const struct option_row target_row = {
	.name = "target",
	.arg = "TARGET",
	.form = OPTION_TEXT,
	.value = OFFSET(target),
	.help = "the backup",
};

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.shows_progress = true,
	.device = "disk",
	.word = &target_row,
	.args_doc = "DISK TARGET",
	.example = "disk /backups/disk",
	.doc = "Makes DISK, an era device of the kernel that is not in use, again what its backup "
	       "TARGET is, by copying back what was written since TARGET was made.\v"
	       "What era backup would not believe is refused, and so is a device that discards "
	       "have passed, since they are not listed.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "the metadata or the state are damaged",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] = "refused: nothing was changed",
		},
};

static void put(struct json *json, const void *ctx)
{
	const struct backup *b = ctx;
	char name[BACKUP_NAME_BYTES];

	json_string(json, "target", b->options->target);
	json_string(json, "to", backup_name_format(&b->state->base, name));
	json_bool(json, "dry_run", b->options->dry_run);
	json_string(json, "origin", b->origin);
	json_number(json, "block_size", b->facts.block_size);
	json_number(json, "device_size", b->state->size);
	json_number(json, "listed_bytes", b->listed_bytes);
}

static int print(const struct backup *b)
{
	char name[BACKUP_NAME_BYTES], text[HUMAN_SIZE_BYTES];

	backup_name_format(&b->state->base, name);
	human_size_rounded(b->listed_bytes, text);
	if (b->options->dry_run)
		tool_say(b->tool, "%s: would become %s: %s would be copied back", b->options->path,
			 name, text);
	else
		tool_say(b->tool, "%s: is %s again: %s were copied back", b->options->path, name,
			 text);
	return b->options->json ? document_print(b->tool, STATUS_OK, put, b) : 0;
}

static struct backup_options as_backup(const struct revert_options *options)
{
	return (struct backup_options){
		.path = options->path,
		.target = options->target,
		.state = options->state,
		.limit = options->limit,
		.timeout_s = options->timeout_s,
		.reverts = true,
		.dry_run = options->dry_run,
		.json = options->json,
		.quiet = options->quiet,
	};
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct revert_options *options = arg;
	const struct backup_options given = as_backup(options);
	struct backup *b = calloc(1, sizeof(*b));
	int r;

	tool->path = options->path;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	if (!b)
		return status_of(report_nomem(&tool->report));
	b->options = &given;
	b->tool = tool;
	b->rep = &tool->report;
	b->source.fd = b->target.fd = -1;
	cancel_listen();
	r = revert(b, options->never_discarded);
	if (!r)
		r = print(b);
	question_close(b);
	base_close(b);
	free(b);
	if (r)
		cancel_obey();
	return status_of(r);
}

const struct program program_revert = {
	.name = "revert",
	.summary = "make a disk what its backup is",
	.options = &table,
	.options_size = sizeof(struct revert_options),
	.run = run,
};
