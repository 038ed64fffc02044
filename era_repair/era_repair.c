/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Makes sound dm-era metadata from damaged ones. */
#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/sink.h"
#include "block/dev.h"
#include "build/build.h"
#include "era_repair/all_written.h"
#include "metadata/map.h"
#include "metadata/stream.h"
#include "metadata/view.h"
#include "open/open.h"
#include "open/untracked.h"
#include "tools/document.h"
#include "tools/human.h"
#include "tools/program.h"
#include "tools/salvage.h"

struct options {
	const char *input, *output;
	bool quiet, json, force;
	struct salvage_options salvage;
};

static const struct option_row rows[] = {
	{"input", 'i', "DAMAGED", "Read the metadata on DAMAGED, a device or a file", OPTION_TEXT,
	 offsetof(struct options, input), 0, NULL, true},
	{"output", 'o', "DEV", "Write new metadata to DEV, another device or file", OPTION_TEXT,
	 offsetof(struct options, output), 0, NULL, true},
	{"quiet", 'q', NULL, "Print nothing but how much was unknown", OPTION_FLAG,
	 offsetof(struct options, quiet), 0, NULL, false},
	{"force", 0, NULL, "Overwrite DEV, whatever it holds", OPTION_FLAG,
	 offsetof(struct options, force), 0, NULL, false},
	{"json", 0, NULL, "Print what was kept and lost as JSON on standard output", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
	SALVAGE_OPTION_ROWS(struct options, salvage),
};

static void check_options(void *input)
{
	const struct options *options = input;

	options_check_output(options->input, options->output);
	if (options->json) {
		options_check_output(options->input, NULL);
		options_check_output(options->output, NULL);
	}
	salvage_check_options(&options->salvage);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.shows_progress = true,
	.args_doc = "-i DAMAGED -o DEV",
	.example = "-i /dev/vg/era_meta -o /dev/vg/new_meta",
	.doc = "Reads the sound parts of the dm-era metadata on DAMAGED and writes new metadata "
	       "to DEV.\v"
	       "What cannot be read counts as written: unknown bits of a writeset as set, "
	       "anything else as written in the current era.  If the superblock is destroyed, all "
	       "blocks are searched for the newest state; what cannot be proven counts as "
	       "written.  A DEV that holds something other than dm-era metadata is "
	       "refused without --force.",
	.statuses =
		{
			[STATUS_OK] = "done and everything was known",
			[STATUS_DAMAGED] = "too little is left",
			[STATUS_SYSTEM] =
				"system error, or DEV is too small or holds something else",
			[STATUS_UNKNOWN] = "done but something was unknown",
		},
	.check = check_options,
};

#define KEPT_TEXT_MAX 128

/* What came out, in data blocks. */
struct outcome {
	struct era_header header;
	bool superblock_lost;
	uint64_t nr_kept;    /* have the era they had */
	uint64_t nr_current; /* of those: the era that was current */
	uint64_t nr_lost;    /* count as written */
};

static uint64_t block_bytes(const struct outcome *outcome)
{
	return outcome->header.data_block_size * UINT64_C(512);
}

static void json_blocks(struct json *json, const char *key, uint64_t nr,
			const struct outcome *outcome)
{
	json_begin_object(json, key);
	json_number(json, "blocks", nr);
	json_number(json, "bytes", nr * block_bytes(outcome));
	json_end_object(json);
}

static void print_json(struct json *json, const void *ctx)
{
	const struct outcome *outcome = ctx;

	json_bool(json, "superblock_lost", outcome->superblock_lost);
	json_number(json, "nr_blocks", outcome->header.nr_blocks);
	json_number(json, "block_size", block_bytes(outcome));
	json_number(json, "current_era", outcome->header.current_era);
	json_blocks(json, "kept", outcome->nr_kept, outcome);
	json_blocks(json, "kept_current", outcome->nr_current, outcome);
	json_blocks(json, "lost", outcome->nr_lost, outcome);
}

/* In a user's words. */
static void describe_kept(const struct outcome *outcome, char *text, size_t size)
{
	if (!outcome->nr_lost)
		snprintf(text, size, "all blocks keep their era");
	else if (!outcome->nr_kept)
		snprintf(text, size, "no block keeps its era: the next backup copies all of them");
	else
		snprintf(text, size,
			 "all but %" PRIu64 " blocks keep their era: the next backup copies these, "
			 "whether they were written or not",
			 outcome->nr_lost);
}

static void tell_created(const struct outcome *outcome, const char *path, struct tool *tool)
{
	char size[HUMAN_SIZE_BYTES];

	tool_say(tool, "%s: created: %" PRIu32 " blocks of %s, and the current era is %" PRIu32,
		 path, outcome->header.nr_blocks, human_size(block_bytes(outcome), size),
		 outcome->header.current_era);
}

static void tell_kept(const struct outcome *outcome, struct tool *tool)
{
	uint64_t bytes = block_bytes(outcome);
	char text[KEPT_TEXT_MAX], kept[HUMAN_SIZE_BYTES], lost[HUMAN_SIZE_BYTES];

	describe_kept(outcome, text, sizeof(text));
	tool_say(tool, "%s: %s", tool->path, text);
	tool_say(tool,
		 "%s: kept: %" PRIu64 " of %" PRIu32 " blocks, %s; lost: %" PRIu64
		 " blocks, %s, which count as written",
		 tool->path, outcome->nr_kept, outcome->header.nr_blocks,
		 human_size(outcome->nr_kept * bytes, kept), outcome->nr_lost,
		 human_size(outcome->nr_lost * bytes, lost));
	if (outcome->nr_current)
		tool_say(tool,
			 "%s: of those kept %" PRIu64
			 " were written in the era that was current, which "
			 "is now %" PRIu32,
			 tool->path, outcome->nr_current, outcome->header.current_era);
}

static unsigned build_flags(const struct options *options)
{
	return options->force ? ERA_BUILD_FORCE : 0;
}

static enum exit_status salvage(const struct options *options, struct blk_dev *dev,
				struct outcome *outcome, struct tool *tool)
{
	const struct era_salvage_result *result;
	struct era_salvage *s;
	enum exit_status status;
	int r = salvage_open(&s, dev, &options->salvage, tool);

	if (r)
		return status_of(r);
	r = era_build_all(options->output, build_flags(options), salvage_produce, s, &tool->report);
	result = era_salvage_result(s);
	*outcome = (struct outcome){*era_salvage_header(s), true, result->nr_kept,
				    result->nr_current, result->nr_written};
	status = r ? status_of(r) : salvage_status(s, tool);
	era_salvage_close(s);
	return status;
}

static int add_lost(void *ctx, const struct era_chunk *chunk)
{
	struct outcome *outcome = ctx;

	for (uint32_t i = 0; i < chunk->nr; i++)
		outcome->nr_lost += bits_test(chunk->lost, i);
	return 0;
}

/* Reads all of the view again.  Which blocks were lost: an unknown bit or era is no loss where a
 * newer writeset names the block. */
static int count_losses(struct era_view *view, struct outcome *outcome, const struct report *rep)
{
	int r = era_view_restart(view, rep);

	return r ? r : era_map_read(view, add_lost, outcome);
}

struct rebuild {
	struct era_view *view;
	struct era_losses losses;
};

static int produce(void *ctx, const struct era_stream *to)
{
	struct rebuild *rebuild = ctx;

	return era_stream_view(rebuild->view, to, &rebuild->losses);
}

static enum exit_status repair(const struct options *options, struct blk_dev *dev,
			       struct outcome *outcome, struct tool *tool)
{
	/* What is wrong with the metadata is told when they are read first. */
	const struct report errors = report_only_errors(&tool->report);
	struct rebuild rebuild = {.losses = {0, 0}};
	int r = era_view_open_dev(&rebuild.view, dev, ERA_VIEW_REPAIR);
	uint64_t nr_problems, nr_unknown;

	if (r)
		return status_of(r);
	era_header_of(era_view_sb(rebuild.view), &outcome->header);
	r = era_build_all(options->output, build_flags(options), produce, &rebuild, &tool->report);
	nr_problems = era_view_nr_problems(rebuild.view);
	nr_unknown = rebuild.losses.nr_bits + rebuild.losses.nr_eras;
	if (!r && nr_unknown)
		r = count_losses(rebuild.view, outcome, &errors);
	era_view_close(rebuild.view);
	if (r)
		return status_of(r);
	outcome->nr_kept = outcome->header.nr_blocks - outcome->nr_lost;
	return tool_repair_status(tool, nr_unknown, nr_problems, "bits and eras");
}

static enum exit_status write_all(const struct options *options, struct blk_dev *dev,
				  bool is_destroyed, struct outcome *outcome, struct tool *tool)
{
	struct all_written all;
	int r = all_written_find(&all, dev, ERA_VIEW_REPAIR,
				 is_destroyed ? &options->salvage : NULL, tool);

	if (!r)
		r = era_build_all(options->output, build_flags(options), all_written_produce, &all,
				  &tool->report);
	if (r)
		return status_of(r);
	*outcome = (struct outcome){
		.header = all.header,
		.superblock_lost = is_destroyed,
		.nr_lost = all.header.nr_blocks,
	};
	return all_written_status(&all, tool);
}

static enum exit_status make(const struct options *options, struct blk_dev *dev,
			     struct outcome *outcome, struct tool *tool)
{
	int r = era_salvage_is_needed(dev);

	if (r < 0) {
		blk_dev_close(dev);
		return status_of(r);
	}
	if (untracked_is_refused(dev))
		return write_all(options, dev, r, outcome, tool);
	return r ? salvage(options, dev, outcome, tool) : repair(options, dev, outcome, tool);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct outcome outcome = {.superblock_lost = false};
	enum exit_status status;
	struct blk_dev dev;
	int r;

	tool->path = options->input;
	tool->quiet = options->quiet;
	tool->json = (struct tool_json){.is_wanted = options->json,
					.input = options->input,
					.output = options->output};
	r = blk_dev_open(&dev, options->input, BLK_READ, &tool->report);
	if (r)
		return status_of(r);
	status = make(options, &dev, &outcome, tool);
	if (status == STATUS_OK || status == STATUS_UNKNOWN)
		tell_created(&outcome, options->output, tool);
	if (status == STATUS_UNKNOWN)
		tell_kept(&outcome, tool);
	if (options->json && (status == STATUS_OK || status == STATUS_UNKNOWN))
		r = document_print(tool, status, print_json, &outcome);
	return r ? status_of(r) : status;
}

const struct program program_repair = {
	.name = "repair",
	.summary = "create sound dm-era metadata from damaged metadata",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
