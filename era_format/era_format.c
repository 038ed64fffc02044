/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Makes new dm-era metadata whose every block counts as written in a given era. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "build/build.h"
#include "build/written.h"
#include "metadata/untracked_mark.h"
#include "salvage/first_era.h"
#include "tools/document.h"
#include "tools/human.h"
#include "tools/program.h"

#define SECTOR_BYTES 512u

struct options {
	const char *path, *origin;
	uint32_t block_sectors, nr_blocks, era;
	uint64_t device_size;
	bool has_block_size, has_device_size, has_era, force, quiet, json;
};

static const struct option_row rows[] = {
	{"block-size", 0, "SIZE", "Size of a data block (required)", OPTION_BLOCK_SIZE,
	 offsetof(struct options, block_sectors), offsetof(struct options, has_block_size), NULL,
	 true},
	{"device-size", 0, "SIZE", "Size of the tracked device", OPTION_SIZE,
	 offsetof(struct options, device_size), offsetof(struct options, has_device_size), NULL,
	 false},
	{"origin", 0, "ORIGIN", "Take the size of ORIGIN, a device or a file", OPTION_TEXT,
	 offsetof(struct options, origin), 0, NULL, false},
	{"era", 0, "ERA",
	 "All blocks count as written in ERA, and it is the current one (default: after all that "
	 "may have been recorded)",
	 OPTION_U32, offsetof(struct options, era), offsetof(struct options, has_era), NULL, false},
	{"force", 0, NULL, "Overwrite DEV, whatever it holds", OPTION_FLAG,
	 offsetof(struct options, force), 0, NULL, false},
	{"json", 0, NULL, "Print what was created as JSON on standard output", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
	{"quiet", 'q', NULL, "Print nothing", OPTION_FLAG, offsetof(struct options, quiet), 0, NULL,
	 false},
};

static void check_options(void *input)
{
	const struct options *options = input;

	if (options->has_device_size && options->origin)
		options_error("--device-size and --origin exclude each other");
	if (!options->has_device_size && !options->origin)
		options_error("--device-size or --origin is missing");
	if (options->has_era && options->era > FIRST_ERA_MAX)
		options_error("--era: found %" PRIu32 ", wanted a number from 0 to %" PRIu32
			      ": too few eras would be left",
			      options->era, FIRST_ERA_MAX);
	options_check_progress(options->path);
	if (options->origin)
		options_check_output(options->origin, options->path);
	if (options->json)
		options_check_output(options->path, NULL);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.shows_progress = true,
	.args_doc = "--block-size SIZE --device-size SIZE DEV\n"
		    "--block-size SIZE --origin ORIGIN DEV",
	.example = "--block-size 64k --origin /dev/vg/data /dev/vg/era_meta",
	.doc = "Creates dm-era metadata on DEV, a device or a file, for a device to be tracked. "
	       "The previous contents of DEV are lost.\v"
	       "New metadata know nothing of eras that were recorded before.  If ERA is after all "
	       "of them, a question about any of them gets the safe answer: all blocks.  The "
	       "default is the number of seconds since 1970 or, if DEV shows higher eras, a "
	       "million above these.\n\n"
	       "A DEV that holds something else, or sound metadata, is refused without --force.\n\n"
	       "A SIZE is in bytes, or has one of the suffixes s (sectors of 512 bytes), k, M, G, "
	       "T.  A file that does not exist is created.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_SYSTEM] =
				"system error, or DEV is too small or holds something else",
			[STATUS_NO_ANSWER] = "no first era can be chosen",
		},
	.check = check_options,
};

/* The type is looked at first, since opening a FIFO may wait for ever. */
static int find_size(const char *path, uint64_t *bytes, const struct report *rep)
{
	struct stat st;
	int fd, failed;

	if (stat(path, &st))
		return report_errno(rep, path, "cannot open");
	*bytes = (uint64_t)st.st_size;
	if (S_ISREG(st.st_mode))
		return 0;
	if (!S_ISBLK(st.st_mode))
		return report_fail(rep, ERA_SYS, "%s: Not a block device or regular file", path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return report_errno(rep, path, "cannot open");
	failed = ioctl(fd, BLKGETSIZE64, bytes) ? errno : 0;
	close(fd);
	errno = failed;
	return failed ? report_errno(rep, path, "cannot find its size") : 0;
}

static int find_blocks(struct options *options, const struct report *rep)
{
	int r = options->origin ? find_size(options->origin, &options->device_size, rep) : 0;

	if (r)
		return r;
	if (!options->device_size)
		options_error("a device of 0 bytes has no blocks to track");
	options->nr_blocks = options_count_blocks(options->device_size, options->block_sectors);
	return 0;
}

static void tell_size(const struct options *options, struct tool *tool)
{
	uint64_t block = (uint64_t)options->block_sectors * SECTOR_BYTES;
	uint64_t rest = options->device_size % block;
	char device[HUMAN_SIZE_BYTES], blocks[HUMAN_SIZE_BYTES], last[HUMAN_SIZE_BYTES];

	tool_say(tool, "%s: for a device of %s: %" PRIu32 " block%s of %s", tool->path,
		 human_size(options->device_size, device), options->nr_blocks,
		 options->nr_blocks == 1 ? "" : "s", human_size(block, blocks));
	if (rest)
		tool_say(tool,
			 "%s: that is no multiple of the block size: only %s of the last block are "
			 "on the device",
			 tool->path, human_size(rest, last));
}

static int build(struct options *options, const struct report *rep)
{
	const unsigned flags = ERA_BUILD_KEEP_SOUND | ERA_BUILD_RECOMMENDED |
			       (options->force ? ERA_BUILD_FORCE : 0);
	struct era_header header = {options->block_sectors, options->nr_blocks, 0};
	struct era_build *build;
	int r = era_build_open(&build, options->path, flags, rep);

	if (r)
		return r;
	if (!options->has_era)
		r = first_era(era_build_dev(build), "--era", &options->era);
	header.current_era = options->era;
	if (!r)
		r = era_build_feed_written(build, &header, rep);
	if (!r)
		r = era_build_commit(build);
	if (!r)
		r = untracked_mark_clear(era_build_dev(build));
	era_build_close(build);
	return r;
}

static void print_json(struct json *json, const void *ctx)
{
	const struct options *options = ctx;

	json_number(json, "device_size", options->device_size);
	json_number(json, "nr_blocks", options->nr_blocks);
	json_number(json, "block_size", (uint64_t)options->block_sectors * SECTOR_BYTES);
	json_number(json, "current_era", options->era);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	struct options *options = arg;
	int r;

	tool->path = options->path;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	r = find_blocks(options, &tool->report);
	if (r)
		return status_of(r);
	tell_size(options, tool);
	r = build(options, &tool->report);
	if (!r)
		tool_say(tool,
			 "%s: created: the current era is %" PRIu32
			 ", and all blocks count as written in it",
			 tool->path, options->era);
	if (!r && options->json)
		r = document_print(tool, STATUS_OK, print_json, options);
	return status_of(r);
}

const struct program program_format = {
	.name = "format",
	.summary = "create new dm-era metadata",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
