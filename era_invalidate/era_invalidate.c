/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists the blocks written since an era. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/sink.h"
#include "era/changes.h"
#include "era/view.h"
#include "output/changes.h"
#include "tools/tool.h"

#define SECTOR_BYTES 512u

enum option_keys {
	KEY_WRITTEN_SINCE = 0x100,
	KEY_SNAPSHOT_ERA,
	KEY_FORMAT,
	KEY_UNIT,
	KEY_DEVICE_SIZE,
};

struct options {
	const char *path, *output;
	bool snapshot, repair, has_since, has_snapshot_era, has_unit;
	uint32_t since, snapshot_era;
	const struct change_format *format;
	enum change_unit unit;
	uint64_t device_size;
};

static const struct argp_option option_table[] = {
	{"written-since", KEY_WRITTEN_SINCE, "ERA", 0,
	 "List the blocks written in ERA or later (required; 0: all blocks)", 0},
	{"metadata-snapshot", 'm', NULL, 0,
	 "Read the metadata snapshot; the device may be in use", 0},
	{"snapshot-era", KEY_SNAPSHOT_ERA, "ERA", 0, "Refuse a snapshot of another era", 0},
	{"repair", 'r', NULL, 0, "Read damaged metadata: what is unknown is listed", 0},
	{"format", KEY_FORMAT, "FORMAT", 0, "xml (default), json, ranges or bitmap", 0},
	{"unit", KEY_UNIT, "UNIT", 0, "Of --format ranges: bytes (default), sectors or blocks", 0},
	{"device-size", KEY_DEVICE_SIZE, "SIZE", 0,
	 "Size of the tracked device: its last block may be partial", 0},
	{"output", 'o', "FILE", 0, "Write to FILE, not to standard output", 0},
	{0},
};

static enum change_unit parse_unit(struct argp_state *state, const char *text)
{
	static const char *const names[] = {
		[UNIT_BYTES] = "bytes",
		[UNIT_SECTORS] = "sectors",
		[UNIT_BLOCKS] = "blocks",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], text))
			return (enum change_unit)i;
	argp_error(state, "--unit: found '%s', wanted bytes, sectors or blocks", text);
	return UNIT_BYTES;
}

static const struct change_format *parse_format(struct argp_state *state, const char *text)
{
	const struct change_format *format = change_format_find(text);

	if (!format)
		argp_error(state, "--format: found '%s', wanted xml, json, ranges or bitmap", text);
	return format;
}

static void check_options(struct argp_state *state, const struct options *options)
{
	if (!options->path)
		argp_error(state, "no metadata device given");
	if (!options->has_since)
		argp_error(state, "no era given (--written-since)");
	if (options->has_snapshot_era && !options->snapshot)
		argp_error(state, "--snapshot-era needs --metadata-snapshot");
	tool_check_output(state, options->path, options->output);
	if (options->has_unit && !options->format->has_unit)
		argp_error(state, "--unit is for --format ranges only");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_WRITTEN_SINCE:
		options->since = tool_parse_u32(state, "--written-since", arg);
		options->has_since = true;
		return 0;
	case KEY_SNAPSHOT_ERA:
		options->snapshot_era = tool_parse_u32(state, "--snapshot-era", arg);
		options->has_snapshot_era = true;
		return 0;
	case KEY_FORMAT:
		options->format = parse_format(state, arg);
		return 0;
	case KEY_UNIT:
		options->unit = parse_unit(state, arg);
		options->has_unit = true;
		return 0;
	case KEY_DEVICE_SIZE:
		options->device_size = tool_parse_size(state, "--device-size", arg);
		if (!options->device_size)
			argp_error(state, "--device-size: found 0, wanted at least 1");
		return 0;
	case 'm':
		options->snapshot = true;
		return 0;
	case 'r':
		options->repair = true;
		return 0;
	case 'o':
		options->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			argp_error(state, "found a second device '%s', wanted one", arg);
		options->path = arg;
		return 0;
	case ARGP_KEY_END:
		check_options(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	option_table, parse_option, "--written-since ERA DEV",
	"Lists the blocks that were written in ERA or later, as the dm-era metadata on DEV, a device "
	"or a file, tell.\v"
	"Nothing is printed before all that the answer depends on has been read and is sound.\n\n"
	"Exit status: 0 done, 1 damaged, 2 wrong usage, 3 system error, 4 no safe answer: no such "
	"snapshot, or ERA is too late: take every block as written, 5 done but something was unknown "
	"and is listed (--repair).",
	NULL, NULL, NULL,
};

static int check_snapshot(struct era_view *view, const struct options *options)
{
	const struct report *rep = view->dev.rep;

	if (!options->snapshot)
		return 0;
	if (options->has_snapshot_era && options->snapshot_era != view->sb.current_era)
		return report_fail(rep, ERA_NO_ANSWER,
				   "%s: the metadata snapshot is of era %" PRIu32
				   ", wanted one of era %" PRIu32,
				   view->dev.path, view->sb.current_era, options->snapshot_era);
	if (view->live.current_era > view->sb.current_era)
		report_note(rep,
			    "%s: the metadata snapshot is of era %" PRIu32
			    ", the live metadata are in era %" PRIu32,
			    view->dev.path, view->sb.current_era, view->live.current_era);
	return 0;
}

/* The device's size must be one that has just these blocks. */
static bool size_fits(const struct era_view *view, const struct options *options, struct tool *tool)
{
	uint64_t block_size = (uint64_t)view->sb.data_block_size * SECTOR_BYTES;

	if (!options->device_size ||
	    div_up(options->device_size, block_size) == view->sb.nr_blocks)
		return true;
	tool_say(tool,
		 "%s: --device-size: found %" PRIu64 " bytes, but the metadata track %" PRIu32
		 " blocks of %" PRIu64 " bytes",
		 options->path, options->device_size, view->sb.nr_blocks, block_size);
	return false;
}

static int print(const struct era_view *view, const struct options *options,
		 const struct era_changes *found)
{
	struct changes changes = {
		.bits = found->bits,
		.nr_blocks = view->sb.nr_blocks,
		.block_size = (uint64_t)view->sb.data_block_size * SECTOR_BYTES,
		.device_size = options->device_size,
		.unit = options->unit,
		.since = options->since,
		.current_era = view->live.current_era,
		.from_snapshot = options->snapshot,
		.snapshot_era = view->sb.current_era,
		.nr_unknown = found->nr_unknown,
	};
	struct sink sink;
	int r = changes_check(&changes, options->format, view->dev.rep);

	if (!r)
		r = sink_open(&sink, options->output, view->dev.rep);
	if (r)
		return r;
	options->format->write(&sink, &changes);
	r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

static enum exit_status invalidate(struct era_view *view, const struct options *options,
				   struct tool *tool)
{
	struct era_changes changes = {NULL, 0};
	int r;

	if (!size_fits(view, options, tool))
		return STATUS_USAGE;
	r = check_snapshot(view, options);
	if (!r)
		r = era_changes_allowed(view, options->since);
	if (!r)
		r = era_view_settle(view, era_changes_read(view, options->since, &changes));
	if (!r)
		r = print(view, options, &changes);
	era_changes_free(&changes);
	if (r)
		return status_of(r);
	return tool_repair_status(tool, changes.nr_unknown, view->nr_problems, "blocks");
}

int main(int argc, char **argv)
{
	struct options options = {.format = change_format_find("xml")};
	enum exit_status status;
	struct era_view view;
	struct tool tool;
	unsigned flags;
	int r;

	tool_start(&tool);
	tool_parse(&argp, argc, argv, &options);
	tool.path = options.path;
	flags = (options.snapshot ? ERA_VIEW_SNAPSHOT : 0) | (options.repair ? ERA_VIEW_REPAIR : 0);
	r = era_view_open(&view, options.path, flags, &tool.report);
	status = r ? status_of(r) : invalidate(&view, &options, &tool);
	if (!r)
		era_view_close(&view);
	tool_end(&tool);
	return (int)status;
}
