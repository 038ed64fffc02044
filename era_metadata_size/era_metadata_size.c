/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Prints how large a metadata device dm-era needs. */
#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"
#include "build/size.h"
#include "tools/document.h"
#include "tools/program.h"

#define META_BLOCK_BYTES 4096u
#define DEFAULT_WRITESETS 2u
#define NR_VIEWS 2u /* the live one and a snapshot's, which may have different writesets */

struct options {
	uint32_t block_sectors, nr_blocks, nr_writesets;
	uint64_t device_size;
	bool has_block_size, has_device_size, has_writesets, has_unit, json;
	unsigned unit;
};

static const char *const unit_names[] = {"sectors", "bytes", "k", "M", "G", NULL};
static const uint64_t unit_bytes[] = {512, 1, UINT64_C(1) << 10, UINT64_C(1) << 20,
				      UINT64_C(1) << 30};

static const struct option_row rows[] = {
	{"block-size", 0, "SIZE", "Size of a data block (required)", OPTION_BLOCK_SIZE,
	 offsetof(struct options, block_sectors), offsetof(struct options, has_block_size), NULL,
	 true},
	{"device-size", 0, "SIZE", "Size of the tracked device (required)", OPTION_SIZE,
	 offsetof(struct options, device_size), offsetof(struct options, has_device_size), NULL,
	 true},
	{"writesets", 0, "N",
	 "Writesets that wait to be digested, including the current one (default: 2)", OPTION_U32,
	 offsetof(struct options, nr_writesets), offsetof(struct options, has_writesets), NULL,
	 false},
	{"unit", 0, "UNIT", "Print in sectors (default), bytes, k, M or G, rounded up",
	 OPTION_CHOICE, offsetof(struct options, unit), offsetof(struct options, has_unit),
	 unit_names, false},
	{"json", 0, NULL, "Print the size and what it was computed from as JSON", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
};

static void check_options(void *input)
{
	struct options *options = input;

	if (options->json && options->has_unit)
		options_error("--json is in bytes: no --unit");
	options->nr_blocks = options_count_blocks(options->device_size, options->block_sectors);
	if (!options->has_writesets)
		options->nr_writesets = DEFAULT_WRITESETS;
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.args_doc = "--block-size SIZE --device-size SIZE",
	.example = "--block-size 64k --device-size 1T --unit M",
	.doc = "Prints how large a metadata device dm-era needs to track a device, with enough "
	       "space to digest all writesets while a metadata snapshot is held.\v"
	       "A SIZE is in bytes, or has one of the suffixes s (sectors of 512 bytes), k, M, G, "
	       "T.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_SYSTEM] = "more than dm-era can use",
		},
	.check = check_options,
};

struct answer {
	const struct options *options;
	uint64_t nr_metadata_blocks;
};

static void print_json(struct json *json, const void *ctx)
{
	const struct answer *answer = ctx;
	const struct options *options = answer->options;

	json_number(json, "device_size", options->device_size);
	json_number(json, "nr_blocks", options->nr_blocks);
	json_number(json, "block_size", options->block_sectors * UINT64_C(512));
	json_number(json, "max_writesets", options->nr_writesets);
	json_begin_object(json, "metadata");
	json_number(json, "blocks", answer->nr_metadata_blocks);
	json_number(json, "bytes", answer->nr_metadata_blocks * META_BLOCK_BYTES);
	json_end_object(json);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	uint64_t used =
		era_size_used(options->nr_blocks, NR_VIEWS * (uint64_t)options->nr_writesets);
	uint64_t nr = era_size_with_spare(used, options->nr_blocks);
	const struct answer answer = {options, nr};

	tool->json.is_wanted = options->json;
	if (nr > ERA_SIZE_MAX_BLOCKS)
		return status_of(report_fail(&tool->report, ERA_SYS,
					     "needs %" PRIu64
					     " blocks of %u bytes, more than the %" PRIu64
					     " that dm-era can use; take larger data blocks",
					     nr, META_BLOCK_BYTES, ERA_SIZE_MAX_BLOCKS));
	if (options->json)
		return status_of(document_print(tool, STATUS_OK, print_json, &answer));
	printf("%" PRIu64 "\n", div_up(nr * META_BLOCK_BYTES, unit_bytes[options->unit]));
	return tool_close_stdout(tool);
}

const struct program program_metadata_size = {
	.name = "metadata_size",
	.summary = "print how large a metadata device dm-era needs",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
