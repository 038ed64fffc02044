/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_invalidate/options.h"

#include <string.h>

#include "base/compiler.h"
#include "tools/input.h"

static const char *const format_names[] = {
	"xml", "json", "ranges", "bitmap", "dm-cache", "cache-xml", NULL,
};

static const char *const unit_names[] = {
	[UNIT_BYTES] = "bytes",
	[UNIT_SECTORS] = "sectors",
	[UNIT_BLOCKS] = "blocks",
	[UNIT_BLOCKS + 1] = NULL,
};

static const struct option_row rows[] = {
	{"written-since", 0, "ERA",
	 "List the blocks written in ERA or later (required; 0: all blocks)", OPTION_U32,
	 offsetof(struct options, since), offsetof(struct options, has_since), NULL, true},
	{"metadata-snapshot", 'm', NULL, "Read the metadata snapshot; the device may be in use",
	 OPTION_FLAG, offsetof(struct options, snapshot), 0, NULL, false},
	{"snapshot-era", 0, "ERA",
	 "Read the snapshot of this era, and no other (default: the era of the live metadata)",
	 OPTION_U32, offsetof(struct options, snapshot_era),
	 offsetof(struct options, has_snapshot_era), NULL, false},
	{"repair", 'r', NULL, "Read damaged metadata: what is unknown is listed", OPTION_FLAG,
	 offsetof(struct options, repair), 0, NULL, false},
	{"or-all", 0, NULL,
	 "If there is no safe answer, list every block (status 5) instead of none (status 4)",
	 OPTION_FLAG, offsetof(struct options, or_all), 0, NULL, false},
	{"format", 0, "FORMAT", "xml (default), json, ranges, bitmap, dm-cache or cache-xml",
	 OPTION_CHOICE, offsetof(struct options, format_index),
	 offsetof(struct options, has_format), format_names, false},
	{"json", 0, NULL, "The same as --format json", OPTION_FLAG, offsetof(struct options, json),
	 0, NULL, false},
	{"unit", 0, "UNIT", "For --format ranges: bytes (default), sectors or blocks",
	 OPTION_CHOICE, offsetof(struct options, unit), offsetof(struct options, has_unit),
	 unit_names, false},
	{"device-size", 0, "SIZE", "Size of the tracked device: its last block may be partial",
	 OPTION_SIZE, offsetof(struct options, device_size),
	 offsetof(struct options, has_device_size), NULL, false},
	{"old-size", 0, "SIZE",
	 "The smallest size that the tracked device has had since ERA: list everything past it",
	 OPTION_SIZE, offsetof(struct options, old_size), offsetof(struct options, has_old_size),
	 NULL, false},
	{"witness", 0, "FILE",
	 "Refuse metadata that are older than FILE's, or others ('-': standard input)", OPTION_TEXT,
	 offsetof(struct options, witness), 0, NULL, false},
	{"witness-out", 0, "FILE", "Write a witness of these metadata, for --witness next time",
	 OPTION_TEXT, offsetof(struct options, witness_out), 0, NULL, false},
	{"cache-mappings", 0, "FILE",
	 "For dm-cache and cache-xml: the output of cache_dump ('-': standard input)", OPTION_TEXT,
	 offsetof(struct options, cache_mappings), 0, NULL, false},
	{"cache-metadata", 0, "DEV",
	 "For dm-cache and cache-xml: the metadata device of the cache, which must not be active",
	 OPTION_TEXT, offsetof(struct options, cache_metadata), 0, NULL, false},
	{"allow-dirty", 0, NULL,
	 "For dm-cache and cache-xml: drop dirty cache blocks, and what was written to them",
	 OPTION_FLAG, offsetof(struct options, allow_dirty), 0, NULL, false},
	{"output", 'o', "FILE", "Write to FILE instead of standard output", OPTION_TEXT,
	 offsetof(struct options, output), 0, NULL, false},
};

static void check_cache_options(const struct options *options)
{
	bool given = options->cache_mappings || options->cache_metadata || options->allow_dirty;

	if (options->format && given)
		options_error("--cache-mappings, --cache-metadata and --allow-dirty are for "
			      "--format dm-cache and cache-xml only");
	if (!options->format && !options->cache_metadata && !options->cache_mappings)
		options_error("this format needs the metadata of the cache (--cache-metadata), or "
			      "its mappings (--cache-mappings)");
}

/* What '-' stands for can be read once. */
static void check_stdin(const struct options *options)
{
	const char *inputs[] = {options->witness, options->cache_mappings};
	const char *names[] = {"--witness", "--cache-mappings"}, *first = NULL;

	if (input_is_stdin(options->path))
		first = "the metadata device";
	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
		if (!inputs[i] || options_stream(inputs[i]))
			continue;
		if (first)
			options_error("%s and %s cannot both be standard input", first, names[i]);
		first = names[i];
	}
}

/* Neither list nor messages may go into what the answer is read from. */
static void check_output(const struct options *options, const char *output)
{
	options_check_output(options->path, output);
	if (options->cache_mappings)
		options_check_output(options_stream(options->cache_mappings), output);
	if (options->cache_metadata)
		options_check_output(options->cache_metadata, output);
}

/* The new witness may replace the old one. */
static void check_witness_options(const struct options *options)
{
	const char *output = options_stream(options->output);

	if (options->witness)
		options_check_output(options_stream(options->witness), output);
	if (!options->witness_out)
		return;
	if (!options_stream(options->witness_out))
		options_error("--witness-out: wanted a file, not standard output");
	if (output && !strcmp(output, options->witness_out))
		options_error("--output and --witness-out are the same: %s", output);
	check_output(options, options->witness_out);
	options_check_output(options->witness_out, output);
}

static void check_options(void *input)
{
	struct options *options = input;
	const char *format = options->json ? "json" : format_names[options->format_index];

	if (options->json && options->has_format)
		options_error("--json and --format exclude each other");
	options->json = !strcmp(format, "json");
	options->format = change_format_find(format);
	options->cache_format = strcmp(format, "cache-xml") ? CACHE_MESSAGES : CACHE_XML;
	if (options->has_device_size && !options->device_size)
		options_error("--device-size: found 0, wanted at least a sector");
	if (options->has_snapshot_era && !options->snapshot)
		options_error("--snapshot-era needs --metadata-snapshot");
	if (options->has_unit && !(options->format && options->format->has_unit))
		options_error("--unit is for --format ranges only");
	check_cache_options(options);
	check_stdin(options);
	check_output(options, options_stream(options->output));
	check_witness_options(options);
}

const struct option_table invalidate_options = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.takes_stdin = true,
	.shows_progress = true,
	.args_doc = "--written-since ERA DEV",
	.example = "-m --written-since 5 --format ranges /dev/vg/era_meta",
	.doc = "Lists the blocks that were written in ERA or later, according to the dm-era "
	       "metadata on DEV, a device or a file ('-': standard input).\v"
	       "Nothing is printed before everything that the answer depends on has been read and "
	       "found sound.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "damaged",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] =
				"no safe answer: no such snapshot, or one that was left over, or "
				"ERA is too late, or the witness is of other metadata, or a flush "
				"of the origin has failed: treat every block as written; or the "
				"cache holds writes that dm-era has not seen",
			[STATUS_UNKNOWN] =
				"done but something was unknown and is listed (--repair, --or-all)",
		},
	.check = check_options,
};
