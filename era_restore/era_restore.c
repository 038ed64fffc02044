/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Makes dm-era metadata from XML. */
#include <inttypes.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/compiler.h"
#include "base/source.h"
#include "block/dev.h"
#include "build/build.h"
#include "metadata/recognise.h"
#include "metadata/stream.h"
#include "salvage/first_era.h"
#include "salvage/salvage.h"
#include "tools/document.h"
#include "tools/human.h"
#include "tools/program.h"
#include "xml/reader.h"

struct options {
	const char *input, *output;
	bool quiet, tight, force, all_written, json;
};

/* What is read, and what becomes of it on its way into the build. */
struct input {
	const char *path;
	bool all_written;
	struct blk_dev *dev; /* will be overwritten */
	const struct report *rep;
	const struct era_stream *to;
	struct era_header header; /* of the new metadata */
};

static const struct option_row rows[] = {
	{"input", 'i', "XML", "Read XML, plain or compressed by gzip ('-': standard input)",
	 OPTION_TEXT, offsetof(struct options, input), 0, NULL, true},
	{"output", 'o', "DEV", "Write the metadata to DEV, a device or a file", OPTION_TEXT,
	 offsetof(struct options, output), 0, NULL, true},
	{"all-written", 0, NULL, "All blocks count as written, in an era after all recorded ones",
	 OPTION_FLAG, offsetof(struct options, all_written), 0, NULL, false},
	{"force", 0, NULL, "Overwrite DEV, whatever it holds", OPTION_FLAG,
	 offsetof(struct options, force), 0, NULL, false},
	{"json", 0, NULL, "Print what was created as JSON on standard output", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
	{"quiet", 'q', NULL, "Print nothing", OPTION_FLAG, offsetof(struct options, quiet), 0, NULL,
	 false},
	{"tight", 't', NULL, "Accept a DEV that is too small for the kernel to work on",
	 OPTION_FLAG, offsetof(struct options, tight), 0, NULL, false},
};

static void check_options(void *input)
{
	const struct options *options = input;

	options_check_output(options_stream(options->input), options->output);
	if (options->json) {
		options_check_output(options_stream(options->input), NULL);
		options_check_output(options->output, NULL);
	}
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.shows_progress = true,
	.args_doc = "-i XML -o DEV",
	.example = "--all-written -i dump.xml -o /dev/vg/era_meta",
	.doc = "Creates dm-era metadata on DEV from XML printed by " ERA_PROGRAM " dump.\v"
	       "DEV is written only after all of XML has been read and found valid; a file that "
	       "does not exist is created.  A DEV that holds something other than dm-era metadata "
	       "is refused without --force.\n\n"
	       "After the dump, blocks were written, and eras recorded, that it does not know, and "
	       "the same eras come again: answers about them omit blocks.  With --all-written they "
	       "don't come again, and every block counts as written.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "invalid XML",
			[STATUS_SYSTEM] =
				"system error, or DEV is too small or holds something else",
			[STATUS_NO_ANSWER] = "no era for --all-written can be chosen",
		},
	.check = check_options,
};

/* A dump that is restored twice must not begin in the same era twice: so it is the clock's, with as
 * many millions added as are needed to come a million after the dump's. */
static uint64_t era_after_dump(uint32_t era, uint32_t seconds)
{
	uint64_t least = (uint64_t)era + ERA_SALVAGE_GAP;
	uint64_t missing = least > seconds ? least - seconds : 0;

	return seconds + div_up(missing, ERA_SALVAGE_GAP) * ERA_SALVAGE_GAP;
}

static int raise_era(const struct input *input, uint32_t *era)
{
	uint64_t after;
	uint32_t first, seconds;
	int r = first_era(input->dev, NULL, &first);

	if (!r)
		r = first_era_by_clock(input->dev, NULL, &seconds);
	if (r)
		return r;
	after = max_u64(era_after_dump(*era, seconds), first);
	if (after > FIRST_ERA_MAX)
		return report_fail(input->rep, ERA_NO_ANSWER,
				   "%s: the dump's current era is %" PRIu32
				   ", and an era after it must be %" PRIu32
				   " at most: create new metadata instead",
				   input->path ? input->path : "standard input", *era,
				   FIRST_ERA_MAX);
	*era = (uint32_t)after;
	return 0;
}

static int on_begin(void *ctx, const struct era_header *header)
{
	struct input *input = ctx;
	int r;

	input->header = *header;
	r = input->all_written ? raise_era(input, &input->header.current_era) : 0;
	return r ? r : input->to->begin(input->to->ctx, &input->header);
}

static int on_writeset_begin(void *ctx, uint32_t era, uint32_t nr_bits)
{
	const struct input *input = ctx;

	return input->to->writeset_begin(input->to->ctx, era, nr_bits);
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	const struct input *input = ctx;

	return input->to->words(input->to->ctx, words, nr);
}

static int on_writeset_end(void *ctx)
{
	const struct input *input = ctx;

	return input->to->writeset_end(input->to->ctx);
}

/* After all others: the era is the highest. */
static int add_full_writeset(const struct input *input)
{
	const struct era_stream *to = input->to;
	uint64_t nr_words = bits_words(input->header.nr_blocks), word;
	int r = to->writeset_begin(to->ctx, input->header.current_era, input->header.nr_blocks);

	for (uint64_t i = 0; i < nr_words && !r; i++) {
		word = i + 1 < nr_words ? ~UINT64_C(0) : bits_last_mask(input->header.nr_blocks);
		r = to->words(to->ctx, &word, 1);
	}
	return r ? r : to->writeset_end(to->ctx);
}

static int on_array_begin(void *ctx)
{
	const struct input *input = ctx;
	int r = 0;

	if (input->all_written && input->header.nr_blocks)
		r = add_full_writeset(input);
	return r ? r : input->to->array_begin(input->to->ctx);
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	const struct input *input = ctx;

	return input->to->eras(input->to->ctx, eras, nr);
}

static int on_array_end(void *ctx)
{
	const struct input *input = ctx;

	return input->to->array_end(input->to->ctx);
}

static int on_end(void *ctx)
{
	const struct input *input = ctx;

	return input->to->end(input->to->ctx);
}

static int read_xml(struct input *input, const struct era_stream *to)
{
	const struct era_stream through = {input,    on_begin,	      on_writeset_begin,
					   on_words, on_writeset_end, on_array_begin,
					   on_eras,  on_array_end,    on_end};
	struct source source;
	int r = source_open(&source, input->path, input->rep);

	if (r)
		return r;
	input->to = to;
	r = xml_read(&source, &through, XML_READ_FAST);
	source_close(&source);
	return r;
}

/* Standard input may be a file, too. */
static int refuse_metadata(const char *path, const struct report *rep)
{
	struct blk_dev dev;
	bool is_metadata;

	if (blk_dev_open(&dev, options_stream(path) ? path : "/dev/stdin", BLK_READ_SHARED, NULL))
		return 0;
	is_metadata = era_has_magic(&dev);
	blk_dev_close(&dev);
	if (!is_metadata)
		return 0;
	return report_fail(rep, ERA_DAMAGED,
			   "%s: line 1, column 1: not XML, but binary metadata of dm-era: are "
			   "-i and -o swapped?",
			   path);
}

/* The output is opened first, so that one that is in use is refused before XML is waited for. */
static int restore(const struct options *options, struct input *input)
{
	const unsigned flags =
		(options->tight ? ERA_BUILD_TIGHT : 0) | (options->force ? ERA_BUILD_FORCE : 0);
	struct era_build *build;
	struct era_stream stream;
	int r = refuse_metadata(options->input, input->rep);

	if (!r)
		r = era_build_open(&build, options->output, flags, input->rep);
	if (r)
		return r;
	input->dev = era_build_dev(build);
	stream = era_build_stream(build);
	r = read_xml(input, &stream);
	if (!r)
		r = era_build_commit(build);
	era_build_close(build);
	return r;
}

static uint64_t block_bytes(const struct input *input)
{
	return input->header.data_block_size * UINT64_C(512);
}

static void tell(const struct input *input, struct tool *tool)
{
	char size[HUMAN_SIZE_BYTES];

	human_size(block_bytes(input), size);
	if (input->all_written)
		tool_say(tool,
			 "%s: created: %" PRIu32 " blocks of %s, the current era is %" PRIu32
			 ", and all blocks count as written in it",
			 tool->path, input->header.nr_blocks, size, input->header.current_era);
	else
		tool_say(
			tool,
			"%s: created: %" PRIu32
			" blocks of %s, and the current era is the dump's, %" PRIu32
			": eras after it come again, and what was written since the dump is not in "
			"it; forget all eras that were recorded, or use --all-written",
			tool->path, input->header.nr_blocks, size, input->header.current_era);
}

static void print_json(struct json *json, const void *ctx)
{
	const struct input *input = ctx;

	json_number(json, "nr_blocks", input->header.nr_blocks);
	json_number(json, "block_size", block_bytes(input));
	json_number(json, "current_era", input->header.current_era);
	json_bool(json, "all_written", input->all_written);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct input input = {
		.path = options->input,
		.all_written = options->all_written,
		.rep = &tool->report,
	};
	int r;

	tool->path = options->output;
	tool->quiet = options->quiet;
	tool->json = (struct tool_json){
		.is_wanted = options->json,
		.input = options_stream(options->input) ? options->input : "/dev/stdin",
		.output = options->output,
	};
	r = restore(options, &input);
	if (!r)
		tell(&input, tool);
	if (!r && options->json)
		r = document_print(tool, STATUS_OK, print_json, &input);
	return status_of(r);
}

const struct program program_restore = {
	.name = "restore",
	.summary = "create dm-era metadata from XML",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
