/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints how large a metadata device dm-era needs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "era/size.h"
#include "tools/tool.h"

#define META_BLOCK_BYTES 4096u
#define META_MAX_BLOCKS UINT64_C(4161600)
#define DEFAULT_WRITESETS 2u

enum option_keys {
	KEY_BLOCK_SIZE = 0x100,
	KEY_DEVICE_SIZE,
	KEY_WRITESETS,
	KEY_UNIT,
};

struct unit {
	const char *name;
	uint64_t bytes;
};

struct options {
	uint32_t block_sectors, nr_blocks, nr_writesets;
	uint64_t device_size;
	bool has_block_size, has_device_size;
	const struct unit *unit;
};

static const struct unit units[] = {
	{"bytes", 1},
	{"sectors", 512},
	{"k", UINT64_C(1) << 10},
	{"M", UINT64_C(1) << 20},
	{"G", UINT64_C(1) << 30},
};

static const struct argp_option option_table[] = {
	{"block-size", KEY_BLOCK_SIZE, "SIZE", 0, "Size of a data block (required)", 0},
	{"device-size", KEY_DEVICE_SIZE, "SIZE", 0, "Size of the tracked device (required)", 0},
	{"writesets", KEY_WRITESETS, "N", 0,
	 "Writesets that wait to be digested, the current one among them (default: 2)", 0},
	{"unit", KEY_UNIT, "UNIT", 0, "Print in sectors (default), bytes, k, M or G, rounded up", 0},
	{0},
};

static const struct unit *parse_unit(struct argp_state *state, const char *text)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(units[i].name, text))
			return &units[i];
	argp_error(state, "--unit: found '%s', wanted sectors, bytes, k, M or G", text);
	return NULL;
}

static void check_options(struct argp_state *state, struct options *options)
{
	if (!options->has_block_size)
		argp_error(state, "no block size given (--block-size)");
	if (!options->has_device_size)
		argp_error(state, "no size of the device given (--device-size)");
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
	case KEY_WRITESETS:
		options->nr_writesets = tool_parse_u32(state, "--writesets", arg);
		return 0;
	case KEY_UNIT:
		options->unit = parse_unit(state, arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		check_options(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	option_table, parse_option, "--block-size SIZE --device-size SIZE",
	"Prints how large a metadata device dm-era needs to track a device, with room to digest all "
	"writesets while a metadata snapshot is held.\v"
	"A SIZE is in bytes, or has one of the suffixes s (sectors of 512 bytes), k, M, G, T.\n\n"
	"Exit status: 0 done, 2 wrong usage, 3 more than dm-era can use.",
	NULL, NULL, NULL,
};

int main(int argc, char **argv)
{
	struct options options = {.nr_writesets = DEFAULT_WRITESETS, .unit = &units[1]};
	struct tool tool;
	uint64_t nr;

	tool_start(&tool);
	tool_parse(&argp, argc, argv, &options);
	nr = era_size_with_room(era_size_used(options.nr_blocks, options.nr_writesets),
				options.nr_blocks);
	if (nr > META_MAX_BLOCKS) {
		tool_say(&tool,
			 "needs %" PRIu64 " blocks of %u bytes, more than the %" PRIu64
			 " that dm-era can use; take larger data blocks",
			 nr, META_BLOCK_BYTES, META_MAX_BLOCKS);
		return STATUS_SYSTEM;
	}
	printf("%" PRIu64 "\n",
	       (nr * META_BLOCK_BYTES + options.unit->bytes - 1) / options.unit->bytes);
	return tool_flush_stdout(&tool);
}
