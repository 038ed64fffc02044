/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Lets blocks count as written, in an era that begins now. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/dev.h"
#include "era_mark/ranges.h"
#include "live/marking.h"
#include "open/open.h"
#include "open/untracked.h"
#include "salvage/first_era.h"
#include "tools/document.h"
#include "tools/human.h"
#include "tools/program.h"

struct options {
	const char *path, *ranges;
	bool all, quiet, has_unit, json;
	unsigned unit;
};

enum unit { UNIT_BYTES, UNIT_SECTORS, UNIT_BLOCKS };

static const char *const unit_names[] = {"bytes", "sectors", "blocks", NULL};

static const struct option_row rows[] = {
	{"all", 0, NULL, "All blocks count as written", OPTION_FLAG, offsetof(struct options, all),
	 0, NULL, false},
	{"ranges", 0, "FILE",
	 "The ranges in FILE count as written: an offset and a length a line; '-' is standard "
	 "input",
	 OPTION_TEXT, offsetof(struct options, ranges), 0, NULL, false},
	{"unit", 0, "UNIT", "The ranges are in bytes (default), sectors or blocks", OPTION_CHOICE,
	 offsetof(struct options, unit), offsetof(struct options, has_unit), unit_names, false},
	{"json", 0, NULL, "Print the era, and what was marked, as JSON", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
	{"quiet", 'q', NULL, "Print no messages", OPTION_FLAG, offsetof(struct options, quiet), 0,
	 NULL, false},
};

static void check_options(void *input)
{
	const struct options *options = input;

	if (options->all && options->ranges)
		options_error("--all and --ranges exclude each other");
	if (!options->all && !options->ranges)
		options_error("--all or --ranges is missing");
	if (options->has_unit && !options->ranges)
		options_error("--unit is for --ranges only");
	options_check_output(options->path, NULL);
	if (options->ranges)
		options_check_output(options_stream(options->ranges), options->path);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.args_doc = "--all DEV\n--ranges FILE DEV",
	.example = "--all /dev/vg/era_meta",
	.doc = "Begins an era in the dm-era metadata on DEV, whose target is stopped, lets blocks "
	       "count as written in it, and prints it: for an origin that was changed without the "
	       "target, or replaced by another.\v"
	       "Every era that was recorded before stays right: a list since then has these "
	       "blocks.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] =
				"the metadata or the ranges are damaged; nothing was marked",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] = "no target has run with the metadata",
		},
	.check = check_options,
};

static uint64_t units_of_block(const struct options *options, const struct superblock *sb)
{
	const uint64_t units[] = {
		[UNIT_BYTES] = superblock_block_bytes(sb),
		[UNIT_SECTORS] = sb->data_block_size,
		[UNIT_BLOCKS] = 1,
	};

	return units[options->unit];
}

static int find_blocks(const struct options *options, const struct superblock *sb, uint64_t **bits,
		       const struct report *rep)
{
	struct ranges ranges = {bits_alloc(sb->nr_blocks), sb->nr_blocks,
				units_of_block(options, sb)};
	int r = 0;

	if (!ranges.bits)
		return report_nomem(rep);
	if (options->all)
		bits_set_range(ranges.bits, 0, sb->nr_blocks);
	else
		r = ranges_read(&ranges, options->ranges, rep);
	if (r)
		free(ranges.bits);
	else
		*bits = ranges.bits;
	return r;
}

/* Everything that a list would be refused for. */
static int check(const struct blk_dev *dev, struct superblock *sb)
{
	struct blk_dev copy;
	struct era_view *view;
	int r = blk_dev_dup(dev, &copy);

	if (!r)
		r = era_view_open_dev(&view, &copy, ERA_VIEW_WHOLE);
	if (r)
		return r;
	*sb = *era_view_sb(view);
	era_view_close(view);
	return 0;
}

struct answer {
	const struct superblock *sb; /* from before */
	uint64_t nr_marked;
	uint32_t era;
};

static void tell(struct tool *tool, const struct answer *answer)
{
	const struct superblock *sb = answer->sb;
	char size[HUMAN_SIZE_BYTES];

	if (sb->current_root)
		tool_say(tool,
			 "%s: the target was not stopped: what it wrote in its last two eras is "
			 "marked, too",
			 tool->path);
	tool_say(tool,
		 "%s: %" PRIu64 " of %" PRIu32 " blocks (%s) count as written in era %" PRIu32,
		 tool->path, answer->nr_marked, sb->nr_blocks,
		 human_size_rounded(answer->nr_marked * superblock_block_bytes(sb), size),
		 answer->era);
}

static void put_answer(struct json *json, const void *ctx)
{
	const struct answer *answer = ctx;
	uint64_t block_size = superblock_block_bytes(answer->sb);

	json_number(json, "current_era", answer->era);
	json_number(json, "block_size", block_size);
	json_number(json, "nr_blocks", answer->sb->nr_blocks);
	json_bool(json, "clean", !answer->sb->current_root);
	json_number(json, "marked_blocks", answer->nr_marked);
	json_number(json, "marked_bytes", answer->nr_marked * block_size);
}

static int print(struct tool *tool, const struct options *options, const struct answer *answer)
{
	tell(tool, answer);
	if (options->json)
		return document_print(tool, STATUS_OK, put_answer, answer);
	printf("%" PRIu32 "\n", answer->era);
	return 0;
}

/* Of a device that it begins to track, the kernel says that nothing was written. */
static int refuse_empty(struct tool *tool)
{
	return report_fail(
		&tool->report, ERA_NO_ANSWER,
		"%s: no target has run with these metadata, so there are no blocks to mark: "
		"create them by " ERA_PROGRAM " format",
		tool->path);
}

/* While a note says that its device is there without its target, it may be written to still. */
static int clear_mark(struct tool *tool, struct blk_dev *dev)
{
	if (!untracked_is_noted(tool->path))
		return untracked_mark_clear(dev);
	report_note(&tool->report,
		    "%s: the device of these metadata was there without its target, and may still "
		    "be: there are no lists until " ERA_PROGRAM
		    " setup activate has started it again",
		    tool->path);
	return 0;
}

static int mark(struct tool *tool, struct blk_dev *dev, const struct options *options)
{
	struct superblock sb;
	struct answer answer = {.sb = &sb};
	uint64_t *bits = NULL;
	int r = check(dev, &sb);

	if (!r && !sb.nr_blocks)
		r = refuse_empty(tool);
	if (!r)
		r = find_blocks(options, &sb, &bits, &tool->report);
	if (r)
		return r;
	r = era_mark_blocks(dev, bits, options->all ? first_era_of_unknown(sb.current_era) : 0,
			    &answer.era);
	answer.nr_marked = bits_count(bits, sb.nr_blocks);
	free(bits);
	if (!r && options->all)
		r = clear_mark(tool, dev);
	if (!r)
		r = print(tool, options, &answer);
	return r;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct blk_dev dev;
	int r;

	tool->path = options->path;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	r = blk_dev_open(&dev, options->path, BLK_WRITE, &tool->report);
	if (r)
		return status_of(r);
	r = mark(tool, &dev, options);
	blk_dev_close(&dev);
	return r ? status_of(r) : tool_close_stdout(tool);
}

const struct program program_mark = {
	.name = "mark",
	.summary = "let blocks count as written",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
