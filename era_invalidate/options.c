/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <string.h>

#include "tools/tool.h"

enum option_keys {
	KEY_WRITTEN_SINCE = 0x100,
	KEY_SNAPSHOT_ERA,
	KEY_FORMAT,
	KEY_UNIT,
	KEY_DEVICE_SIZE,
	KEY_OLD_SIZE,
	KEY_CACHE_MAPPINGS,
	KEY_CACHE_METADATA,
	KEY_ALLOW_DIRTY,
};

static const struct argp_option option_table[] = {
	{"written-since", KEY_WRITTEN_SINCE, "ERA", 0,
	 "List the blocks written in ERA or later (required; 0: all blocks)", 0},
	{"metadata-snapshot", 'm', NULL, 0,
	 "Read the metadata snapshot; the device may be in use", 0},
	{"snapshot-era", KEY_SNAPSHOT_ERA, "ERA", 0, "Refuse a snapshot of another era", 0},
	{"repair", 'r', NULL, 0, "Read damaged metadata: what is unknown is listed", 0},
	{"format", KEY_FORMAT, "FORMAT", 0,
	 "xml (default), json, ranges, bitmap, dm-cache or cache-xml", 0},
	{"unit", KEY_UNIT, "UNIT", 0, "Of --format ranges: bytes (default), sectors or blocks", 0},
	{"device-size", KEY_DEVICE_SIZE, "SIZE", 0,
	 "Size of the tracked device: its last block may be partial", 0},
	{"old-size", KEY_OLD_SIZE, "SIZE", 0,
	 "The smallest size that the tracked device has had since ERA: list all behind it", 0},
	{"cache-mappings", KEY_CACHE_MAPPINGS, "FILE", 0,
	 "For dm-cache and cache-xml: what cache_dump printed ('-': standard input)", 0},
	{"cache-metadata", KEY_CACHE_METADATA, "DEV", 0,
	 "For dm-cache and cache-xml: see in the cache's metadata whether it was stopped cleanly",
	 0},
	{"allow-dirty", KEY_ALLOW_DIRTY, NULL, 0,
	 "For dm-cache and cache-xml: drop dirty cache blocks, and what was written to them", 0},
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

static void parse_format(struct argp_state *state, struct options *options, const char *text)
{
	static const char *const names[] = {
		[CACHE_MESSAGES] = "dm-cache",
		[CACHE_XML] = "cache-xml",
	};

	options->format = change_format_find(text);
	if (options->format)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text))
			continue;
		options->cache_format = (enum cache_format)i;
		return;
	}
	argp_error(state,
		   "--format: found '%s', wanted xml, json, ranges, bitmap, dm-cache or cache-xml",
		   text);
}

static void check_cache_options(struct argp_state *state, const struct options *options)
{
	bool given = options->cache_mappings || options->cache_metadata || options->allow_dirty;

	if (options->format && given)
		argp_error(state, "--cache-mappings, --cache-metadata and --allow-dirty are for "
				  "--format dm-cache and cache-xml only");
	if (!options->format && !options->cache_mappings)
		argp_error(state, "this format needs the mappings of the cache (--cache-mappings)");
}

static void check_options(struct argp_state *state, const struct options *options)
{
	if (!options->path)
		argp_error(state, "no metadata device given");
	if (!options->has_since)
		argp_error(state, "no era given (--written-since)");
	if (options->has_snapshot_era && !options->snapshot)
		argp_error(state, "--snapshot-era needs --metadata-snapshot");
	if (options->has_unit && !(options->format && options->format->has_unit))
		argp_error(state, "--unit is for --format ranges only");
	check_cache_options(state, options);
	tool_check_output(state, options->path, options->output);
}

/* Options with a value of their own kind; false when key is none of them. */
static bool parse_value(int key, char *arg, struct argp_state *state, struct options *options)
{
	switch (key) {
	case KEY_WRITTEN_SINCE:
		options->since = tool_parse_u32(state, "--written-since", arg);
		options->has_since = true;
		return true;
	case KEY_SNAPSHOT_ERA:
		options->snapshot_era = tool_parse_u32(state, "--snapshot-era", arg);
		options->has_snapshot_era = true;
		return true;
	case KEY_FORMAT:
		parse_format(state, options, arg);
		return true;
	case KEY_UNIT:
		options->unit = parse_unit(state, arg);
		options->has_unit = true;
		return true;
	case KEY_DEVICE_SIZE:
		options->device_size = tool_parse_device_size(state, "--device-size", arg);
		if (!options->device_size)
			argp_error(state, "--device-size: found 0, wanted at least a sector");
		return true;
	case KEY_OLD_SIZE:
		options->old_size = tool_parse_device_size(state, "--old-size", arg);
		options->has_old_size = true;
		return true;
	default:
		return false;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	if (parse_value(key, arg, state, options))
		return 0;
	switch (key) {
	case KEY_CACHE_MAPPINGS:
		options->cache_mappings = arg;
		return 0;
	case KEY_CACHE_METADATA:
		options->cache_metadata = arg;
		return 0;
	case KEY_ALLOW_DIRTY:
		options->allow_dirty = true;
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
	"snapshot, or ERA is too late: take every block as written; or the cache holds writes that "
	"dm-era has not seen, 5 done but something was unknown and is listed (--repair).",
	NULL, NULL, NULL,
};

void options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){.format = change_format_find("xml")};
	tool_parse(&argp, argc, argv, options);
}
