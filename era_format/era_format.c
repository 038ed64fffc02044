/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes new dm-era metadata whose every block counts as written in a given era. */
#include <stdlib.h>

#include "base/checked.h"
#include "build/build.h"
#include "tools/program.h"

#define PIECE_BLOCKS 4096u

struct options {
	const char *path;
	uint32_t block_sectors, nr_blocks, era;
	uint64_t device_size;
	bool has_block_size, has_device_size, quiet;
};

static const struct option_row rows[] = {
	{"block-size", 0, "SIZE", "Size of a data block (required)", OPTION_BLOCK_SIZE,
	 offsetof(struct options, block_sectors), offsetof(struct options, has_block_size), NULL,
	 true},
	{"device-size", 0, "SIZE", "Size of the tracked device (required)", OPTION_SIZE,
	 offsetof(struct options, device_size), offsetof(struct options, has_device_size), NULL,
	 true},
	{"era", 0, "ERA",
	 "All blocks count as written in ERA, and it is the current one (default: 0)", OPTION_U32,
	 offsetof(struct options, era), 0, NULL, false},
	{"quiet", 'q', NULL, "Print nothing", OPTION_FLAG, offsetof(struct options, quiet), 0, NULL,
	 false},
};

static void check_options(void *input)
{
	struct options *options = input;

	options->nr_blocks = options_count_blocks(options->device_size, options->block_sectors);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.args_doc = "--block-size SIZE --device-size SIZE DEV",
	.doc = "Creates dm-era metadata on DEV, a device or a file, for a device to be tracked. "
	       "The previous contents of DEV are lost.\v"
	       "New metadata know nothing of eras that were recorded before.  If ERA is after all "
	       "of them, a question about any of them gets the safe answer: all blocks.\n\n"
	       "A SIZE is in bytes, or has one of the suffixes s (sectors of 512 bytes), k, M, G, "
	       "T.  A file that does not exist is created.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_SYSTEM] = "system error, or DEV is too small",
		},
	.check = check_options,
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

static int feed(void *ctx, const struct era_stream *to)
{
	const struct options *options = ctx;
	const struct era_header header = {options->block_sectors, options->nr_blocks, options->era};
	int r = to->begin(to->ctx, &header);

	if (!r)
		r = feed_array(to, options);
	return r ? r : to->end(to->ctx);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;

	tool->path = options->path;
	tool->quiet = options->quiet;
	return status_of(era_build_all(options->path, false, feed, arg, &tool->report));
}

const struct program program_format = {
	.name = "format",
	.summary = "create new dm-era metadata",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
