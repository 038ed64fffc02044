/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Turns a backup into the next by a delta. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/sink.h"
#include "copy/apply.h"
#include "era_apply/print.h"
#include "tools/document.h"
#include "tools/human.h"
#include "tools/program.h"

struct options {
	const char *path, *target, *state;
	bool dry_run, force, json, no_checksum, no_stage, print_state, quiet;
};

static const struct option_row rows[] = {
	{"state", 0, "FILE", "The state of the backup (default: TARGET.era)", OPTION_TEXT,
	 offsetof(struct options, state), 0, NULL, false},
	{"dry-run", 'n', NULL, "Verify the delta and TARGET, and change nothing", OPTION_FLAG,
	 offsetof(struct options, dry_run), 0, NULL, false},
	{"no-checksum", 0, NULL, "Take a delta without a checksum, as rbd merge-diff makes it",
	 OPTION_FLAG, offsetof(struct options, no_checksum), 0, NULL, false},
	{"no-stage", 0, NULL, "Apply what comes from a pipe at once, before its end has been seen",
	 OPTION_FLAG, offsetof(struct options, no_stage), 0, NULL, false},
	{"force", 0, NULL, "A full backup may overwrite anything", OPTION_FLAG,
	 offsetof(struct options, force), 0, NULL, false},
	{"print-state", 0, NULL, "Print the state of TARGET, if it is sound, and apply nothing",
	 OPTION_FLAG, offsetof(struct options, print_state), 0, NULL, false},
	{"json", 0, NULL, "Print what was done, or the state, as JSON", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
	{"quiet", 'q', NULL, "Print no messages", OPTION_FLAG, offsetof(struct options, quiet), 0,
	 NULL, false},
};

static const struct option_row target_row = {
	.name = "target",
	.arg = "TARGET",
	.form = OPTION_TEXT,
	.value = offsetof(struct options, target),
	.help = "the backup",
};

/* With --print-state the only argument is TARGET. */
static void check_options(void *input)
{
	struct options *options = input;

	if (options->print_state && options->target)
		options_error("--print-state takes one argument, TARGET");
	if (options->print_state &&
	    (options->dry_run || options->force || options->no_checksum || options->no_stage))
		options_error("--print-state applies nothing: no --dry-run, --force, "
			      "--no-checksum or --no-stage");
	if (options->print_state) {
		options->target = options->path;
		return;
	}
	if (!options->target)
		options_error("no TARGET given");
	options_check_output(options_stream(options->path), options->target);
	if (options->json)
		options_check_output(options->target, NULL);
	if (!options->state)
		return;
	options_check_output(options_stream(options->path), options->state);
	options_check_output(options->target, options->state);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.shows_progress = true,
	.device = "delta",
	.word = &target_row,
	.word_is_optional = true,
	.args_doc = "DELTA TARGET\n"
		    "--print-state TARGET",
	.example = "disk.delta /backups/disk",
	.doc = "Applies DELTA, a file ('-': standard input), to TARGET, the backup that it starts "
	       "from: a file or a device. DELTA is verified first. TARGET is the old backup, or "
	       "applying DELTA again finishes it, whenever this is stopped.\v"
	       "A TARGET that is another backup, or that was changed since, is refused.  A full "
	       "backup needs no base; it is refused where TARGET holds something that is no "
	       "backup.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "DELTA or the state is damaged",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] = "DELTA does not belong on TARGET",
		},
	.check = check_options,
};

static void tell(struct tool *tool, const struct apply_task *task,
		 const struct apply_result *result)
{
	static const char *const done[] = {"is now", "is finished: it is now", "is already"};
	static const char *const would[] = {"would become", "would be finished: it would become",
					    "is already"};
	char name[BACKUP_NAME_BYTES], data[HUMAN_SIZE_BYTES], zeroes[HUMAN_SIZE_BYTES];

	tool_say(tool, "%s: %s %s: %s of data and %s of zeroes", task->target,
		 (task->dry_run ? would : done)[result->end],
		 backup_name_format(&result->header.to, name),
		 human_size_rounded(result->data_bytes, data),
		 human_size_rounded(result->zero_bytes, zeroes));
}

static int apply(const struct options *options, const struct apply_task *task, struct tool *tool)
{
	struct apply_result result;
	const struct told_result told = {task, &result};
	int r = apply_delta(task, &result);

	if (r)
		return r;
	tell(tool, task, &result);
	return options->json ? document_print(tool, STATUS_OK, print_result_json, &told) : 0;
}

/* As the file has it. */
static int print_text(const struct backup_state *state, const struct report *rep)
{
	char *text = malloc(BACKUP_STATE_MAX_BYTES);
	size_t len = text ? backup_state_encode(state, text) : 0;
	struct sink sink;
	int r = len ? sink_open(&sink, NULL, rep) : report_nomem(rep);

	if (!r) {
		sink_write(&sink, text, len);
		r = sink_finish(&sink);
		sink_close(&sink);
	}
	free(text);
	return r;
}

static int show_state(const struct options *options, const struct apply_task *task,
		      struct tool *tool)
{
	struct backup_state *state = malloc(sizeof(*state));
	int r = state ? apply_examine(task, state) : report_nomem(task->rep);

	if (!r && options->json)
		r = document_print(tool, STATUS_OK, print_state_json, state);
	else if (!r)
		r = print_text(state, task->rep);
	free(state);
	return r;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	const struct apply_task task = {
		.delta = options->path,
		.target = options->target,
		.state = options->state,
		.no_checksum = options->no_checksum,
		.no_stage = options->no_stage,
		.force = options->force,
		.dry_run = options->dry_run || options->print_state,
		.rep = &tool->report,
	};

	tool->path = options->target;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	return status_of(options->print_state ? show_state(options, &task, tool)
					      : apply(options, &task, tool));
}

const struct program program_apply = {
	.name = "apply",
	.summary = "apply a delta to a backup",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
