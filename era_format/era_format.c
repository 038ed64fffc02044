/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes new dm-era metadata whose every block counts as written in a given era. */
#include <stdlib.h>

#include "base/checked.h"
#include "era/build.h"
#include "tools/tool.h"

#define PIECE_BLOCKS 4096u

enum option_keys {
	KEY_BLOCK_SIZE = 0x100,
	KEY_DEVICE_SIZE,
	KEY_ERA,
};

struct options {
	const char *path;
	uint32_t block_sectors, nr_blocks, era;
	uint64_t device_size;
	bool has_block_size, has_device_size, quiet;
};

static const struct argp_option option_table[] = {
	{"block-size", KEY_BLOCK_SIZE, "SIZE", 0, "Size of a data block (required)", 0},
	{"device-size", KEY_DEVICE_SIZE, "SIZE", 0, "Size of the tracked device (required)", 0},
	{"era", KEY_ERA, "ERA", 0,
	 "All blocks count as written in ERA, and it is the current one (default: 0)", 0},
	{"quiet", 'q', NULL, 0, "Print nothing", 0},
	{0},
};

static void check_options(struct argp_state *state, struct options *options)
{
	if (!options->path)
		argp_error(state, "no metadata device given");
	if (!options->has_block_size)
		argp_error(state, "no block size given (--block-size)");
	if (!options->has_device_size)
		argp_error(state, "no size of the tracked device given (--device-size)");
	options->nr_blocks = tool_count_blocks(state, options->device_size, options->block_sectors);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_BLOCK_SIZE:
		options->block_sectors = tool_parse_block_size(state, "--block-size", arg);
		options->has_block_size = true;
		return 0;
	case KEY_DEVICE_SIZE:
		options->device_size = tool_parse_device_size(state, "--device-size", arg);
		options->has_device_size = true;
		return 0;
	case KEY_ERA:
		options->era = tool_parse_u32(state, "--era", arg);
		return 0;
	case 'q':
		options->quiet = true;
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
	option_table, parse_option, "--block-size SIZE --device-size SIZE DEV",
	"Makes new dm-era metadata on DEV, a device or a file, for a device to be tracked.  What was "
	"on DEV is lost.\v"
	"Metadata made anew know nothing of eras that were remembered before.  With an ERA past all "
	"of them, each gets the safe answer: all blocks.\n\n"
	"A SIZE is in bytes, or has one of the suffixes s (sectors of 512 bytes), k, M, G, T.  A file "
	"that does not exist is created.\n\n"
	"Exit status: 0 done, 2 wrong usage, 3 system error, or DEV is too small.",
	NULL, NULL, NULL,
};

static int feed_array(const struct era_stream *to, const struct options *options)
{
	uint32_t eras[PIECE_BLOCKS], nr;
	int r = to->array_begin(to->ctx);

	for (uint32_t i = 0; i < PIECE_BLOCKS; i++)
		eras[i] = options->era;
	for (uint32_t done = 0; done < options->nr_blocks && !r; done += nr) {
		nr = (uint32_t)min_u64(PIECE_BLOCKS, options->nr_blocks - done);
		r = to->eras(to->ctx, eras, nr);
	}
	return r ? r : to->array_end(to->ctx);
}

static int feed(const struct era_stream *to, const struct options *options)
{
	const struct era_header header = {options->block_sectors, options->nr_blocks, options->era};
	int r = to->begin(to->ctx, &header);

	if (!r)
		r = feed_array(to, options);
	return r ? r : to->end(to->ctx);
}

static int format(const struct options *options, struct tool *tool)
{
	struct era_build build;
	struct era_stream stream;
	int r = era_build_open(&build, options->path, false, &tool->report);

	if (r)
		return r;
	stream = era_build_stream(&build);
	r = feed(&stream, options);
	if (!r)
		r = era_build_commit(&build);
	era_build_close(&build);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct tool tool;
	int r;

	tool_start(&tool);
	tool_parse(&argp, argc, argv, &options);
	tool.path = options.path;
	tool.quiet = options.quiet;
	r = format(&options, &tool);
	tool_end(&tool);
	return (int)status_of(r);
}
