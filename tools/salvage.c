/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/salvage.h"

#include <inttypes.h>

void salvage_check_options(const struct salvage_options *options)
{
	const struct era_salvage_hints *hints = &options->hints;

	if (options->has_nr_blocks && (!hints->nr_blocks || hints->nr_blocks > INT32_MAX))
		options_error("--nr-blocks: found %" PRIu32 ", wanted a number from 1 to %d",
			      hints->nr_blocks, INT32_MAX);
	if (options->has_current_era && !hints->current_era)
		options_error("--current-era: found 0, wanted a number from 1 on");
}

bool salvage_has_options(const struct salvage_options *options)
{
	return options->has_nr_blocks || options->has_block_size || options->has_current_era;
}

int salvage_open(struct era_salvage **s, struct blk_dev *dev, const struct salvage_options *options,
		 struct tool *tool)
{
	int r = era_salvage_open(s, dev, &options->hints);

	if (r == ERA_DAMAGED)
		tool_say(tool,
			 "%s: the superblock is destroyed, and what is known without it is too "
			 "little; nothing was written",
			 tool->path);
	return r;
}

int salvage_produce(void *ctx, const struct era_stream *to)
{
	return era_salvage_stream(ctx, to);
}

enum exit_status salvage_status(const struct era_salvage *s, struct tool *tool)
{
	tool_always(tool,
		    "%s: the superblock was destroyed: %" PRIu64 " of %" PRIu32
		    " blocks have lost their era and count as written",
		    tool->path, era_salvage_result(s)->nr_written,
		    era_salvage_header(s)->nr_blocks);
	return STATUS_UNKNOWN;
}
