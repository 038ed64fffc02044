/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks dm-era metadata. */
#include <inttypes.h>
#include <stdio.h>

#include "era/check.h"
#include "report_json.h"
#include "tools/tool.h"

enum option_keys {
	KEY_SUPER_BLOCK_ONLY = 0x100,
	KEY_IGNORE_NON_FATAL,
	KEY_JSON,
};

struct options {
	const char *path;
	bool quiet, superblock_only, ignore_non_fatal, snapshot, json;
};

static const struct argp_option option_table[] = {
	{"quiet", 'q', NULL, 0, "Print nothing, only return the exit status", 0},
	{"super-block-only", KEY_SUPER_BLOCK_ONLY, NULL, 0, "Check the superblock alone", 0},
	{"ignore-non-fatal-errors", KEY_IGNORE_NON_FATAL, NULL, 0,
	 "Succeed when no problem is fatal (leaks, counts that are too high)", 0},
	{"metadata-snapshot", 'm', NULL, 0,
	 "Check only what the metadata snapshot reaches; the device may be in use", 0},
	{"json", KEY_JSON, NULL, 0, "Print problems and a summary as JSON on standard output", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'q':
		options->quiet = true;
		return 0;
	case KEY_SUPER_BLOCK_ONLY:
		options->superblock_only = true;
		return 0;
	case KEY_IGNORE_NON_FATAL:
		options->ignore_non_fatal = true;
		return 0;
	case 'm':
		options->snapshot = true;
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			argp_error(state, "found a second device '%s', wanted one", arg);
		options->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->path)
			argp_error(state, "no metadata device given");
		if (options->snapshot && options->superblock_only)
			argp_error(state, "--metadata-snapshot and --super-block-only exclude each "
					  "other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	option_table, parse_option, "DEV",
	"Checks the dm-era metadata on DEV, a device or a file: all that is reachable, the metadata "
	"snapshot, and every reference count.\v"
	"Exit status: 0 sound, 1 damaged, 2 wrong usage, 3 system error, 4 no metadata snapshot is "
	"held.",
	NULL, NULL, NULL,
};

static enum exit_status find_status(int r, const struct era_check_result *result,
				    const struct options *options)
{
	if (r)
		return status_of(r);
	if (result->nr_read_errors)
		return STATUS_SYSTEM;
	if (result->nr_fatal || (result->nr_non_fatal && !options->ignore_non_fatal))
		return STATUS_DAMAGED;
	return STATUS_OK;
}

static void say_sound(const struct era_check_result *result, const char *path)
{
	const struct superblock *sb = &result->live.sb;

	printf("%s: sound: era %" PRIu32 ", %" PRIu32 " blocks of %" PRIu32
	       " sectors, %" PRIu64 " archived writeset%s%s%s\n",
	       path, sb->current_era, sb->nr_blocks, sb->data_block_size, result->live.nr_writesets,
	       result->live.nr_writesets == 1 ? "" : "s",
	       sb->current_root ? ", not stopped cleanly" : "",
	       sb->metadata_snap ? ", metadata snapshot held" : "");
}

static void say_summary(struct tool *tool, const struct era_check_result *result,
			const struct options *options, enum exit_status status)
{
	if (result->nr_fatal || result->nr_non_fatal)
		tool_say(tool, "%s: %" PRIu64 " fatal and %" PRIu64 " non-fatal problems", tool->path,
			 result->nr_fatal, result->nr_non_fatal);
	else if (status == STATUS_OK && !tool->quiet && !options->json && options->superblock_only)
		printf("%s: superblock is sound: era %" PRIu32 "\n", tool->path,
		       result->live.sb.current_era);
	else if (status == STATUS_OK && !tool->quiet && !options->json && options->snapshot)
		printf("%s: metadata snapshot is sound: era %" PRIu32 "\n", tool->path,
		       result->snapshot.sb.current_era);
	else if (status == STATUS_OK && !tool->quiet && !options->json)
		say_sound(result, tool->path);
}

static enum era_check_scope find_scope(const struct options *options)
{
	if (options->superblock_only)
		return ERA_CHECK_SUPERBLOCK;
	return options->snapshot ? ERA_CHECK_SNAPSHOT : ERA_CHECK_ALL;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct era_check_result result;
	struct json_report json;
	enum exit_status status;
	struct tool tool;
	int r;

	tool_start(&tool);
	tool_parse(&argp, argc, argv, &options);
	tool.path = options.path;
	tool.quiet = options.quiet;
	r = options.json ? json_report_begin(&json, options.path, &tool) : 0;
	if (r)
		return (int)status_of(r);
	r = era_check(options.path, find_scope(&options), &tool.report, &result);
	status = find_status(r, &result, &options);
	tool_end(&tool);
	say_summary(&tool, &result, &options, status);
	if (options.json && json_report_end(&json, &result, status, &tool))
		status = STATUS_SYSTEM;
	if (tool_flush_stdout(&tool) && status == STATUS_OK)
		status = STATUS_SYSTEM;
	return (int)status;
}
