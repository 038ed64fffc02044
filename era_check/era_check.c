/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Checks dm-era metadata. */
#include <inttypes.h>

#include "base/compiler.h"
#include "check/check.h"
#include "report_json.h"
#include "tools/human.h"
#include "tools/input.h"
#include "tools/program.h"

struct options {
	const char *path;
	bool quiet, superblock_only, ignore_non_fatal, snapshot, auto_repair, json;
};

static const struct option_row rows[] = {
	{"quiet", 'q', NULL, "Print nothing; only return the exit status", OPTION_FLAG,
	 offsetof(struct options, quiet), 0, NULL, false},
	{"super-block-only", 0, NULL, "Check the superblock alone", OPTION_FLAG,
	 offsetof(struct options, superblock_only), 0, NULL, false},
	{"ignore-non-fatal-errors", 0, NULL,
	 "Succeed if all problems are non-fatal (leaks, counts that are too high)", OPTION_FLAG,
	 offsetof(struct options, ignore_non_fatal), 0, NULL, false},
	{"metadata-snapshot", 'm', NULL,
	 "Check only what the metadata snapshot reaches; the device may be in use", OPTION_FLAG,
	 offsetof(struct options, snapshot), 0, NULL, false},
	{"auto-repair", 0, NULL,
	 "If nothing but reference counts is wrong, write a new space map with the right ones",
	 OPTION_FLAG, offsetof(struct options, auto_repair), 0, NULL, false},
	{"json", 0, NULL, "Print problems and a summary as JSON on standard output", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
};

static void check_options(void *input)
{
	const struct options *options = input;

	if (options->snapshot && options->superblock_only)
		options_error("--metadata-snapshot and --super-block-only exclude each other");
	if (options->auto_repair && (options->snapshot || options->superblock_only))
		options_error("--auto-repair needs a check of the whole, without %s",
			      options->snapshot ? "--metadata-snapshot" : "--super-block-only");
	if (options->auto_repair && input_is_stdin(options->path))
		options_error("--auto-repair needs a device or file, not standard input");
	if (!options->quiet || options->json)
		options_check_output(options->path, NULL);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.takes_stdin = true,
	.shows_progress = true,
	.args_doc = "DEV",
	.example = "--metadata-snapshot /dev/vg/era_meta",
	.doc = "Checks the dm-era metadata on DEV, a device or a file ('-': standard input): "
	       "everything that can be reached, including the metadata snapshot, and every "
	       "reference count.",
	.statuses =
		{
			[STATUS_OK] = "sound or repaired",
			[STATUS_DAMAGED] = "damaged",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] =
				"no metadata snapshot is held, or metadata that changed meanwhile",
		},
	.check = check_options,
};

static enum exit_status find_status(int r, const struct era_check_result *result,
				    const struct options *options)
{
	if (r)
		return status_of(r);
	if (result->repair.done)
		return STATUS_OK;
	if (result->nr_read_errors)
		return STATUS_SYSTEM;
	if (result->nr_fatal || (result->nr_non_fatal && !options->ignore_non_fatal))
		return STATUS_DAMAGED;
	return STATUS_OK;
}

static void say_sound(const struct era_check_result *result, const char *path)
{
	const struct superblock *sb = &result->live.sb;
	char size[HUMAN_SIZE_BYTES];

	tool_print("%s: sound: era %" PRIu32 ", %" PRIu32 " blocks of %s, %" PRIu64
		   " archived writeset%s%s%s",
		   path, sb->current_era, sb->nr_blocks,
		   human_size(superblock_block_bytes(sb), size), result->live.nr_writesets,
		   result->live.nr_writesets == 1 ? "" : "s",
		   sb->current_root ? ", not stopped cleanly" : "",
		   sb->metadata_snap ? ", metadata snapshot held" : "");
}

/* What there is instead of a superblock has been said, and what to do. */
static void say_problems(struct tool *tool, const struct era_check_result *result,
			 enum exit_status status)
{
	bool is_told = status == STATUS_OK || result->is_explained;

	tool_say(tool, "%s: %" PRIu64 " fatal and %" PRIu64 " non-fatal problems%s%s", tool->path,
		 result->nr_fatal, result->nr_non_fatal, is_told ? "" : ": ",
		 is_told ? "" : era_check_next_step(result));
}

static void say_summary(struct tool *tool, const struct era_check_result *result,
			const struct options *options, enum exit_status status)
{
	if (result->repair.done) {
		tool_say(tool,
			 "%s: repaired: a new space map of %" PRIu64 " blocks has the right counts",
			 tool->path, result->repair.nr_written);
	} else if (result->nr_fatal || result->nr_non_fatal) {
		say_problems(tool, result, status);
		return;
	}
	if (status != STATUS_OK || tool->quiet || options->json)
		return;
	if (options->superblock_only)
		tool_print("%s: superblock is sound: era %" PRIu32, tool->path,
			   result->live.sb.current_era);
	else if (options->snapshot)
		tool_print("%s: metadata snapshot is sound: era %" PRIu32, tool->path,
			   result->snapshot.sb.current_era);
	else
		say_sound(result, tool->path);
}

static enum era_check_scope find_scope(const struct options *options)
{
	if (options->superblock_only)
		return ERA_CHECK_SUPERBLOCK;
	if (options->snapshot)
		return ERA_CHECK_SNAPSHOT;
	return options->auto_repair ? ERA_CHECK_REPAIR : ERA_CHECK_ALL;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct era_check_result result = {0};
	struct json_report json = {.auto_repair = options->auto_repair};
	enum exit_status status;
	int r;

	tool->path = options->path;
	tool->quiet = options->quiet;
	tool->json.ok = "sound";
	r = options->json ? json_report_begin(&json, tool) : 0;
	if (r)
		return status_of(r);
	r = input_prepare(options->path, &tool->report);
	if (!r)
		r = era_check(options->path, find_scope(options), &tool->report, &result);
	status = find_status(r, &result, options);
	tool_end(tool);
	say_summary(tool, &result, options, status);
	if (options->json && json_report_end(&json, &result, status, tool))
		status = STATUS_SYSTEM;
	if (tool_close_stdout(tool) && status == STATUS_OK)
		status = STATUS_SYSTEM;
	return status;
}

const struct program program_check = {
	.name = "check",
	.summary = "check dm-era metadata",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
