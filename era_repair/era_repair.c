/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes sound dm-era metadata from damaged ones. */
#include "base/compiler.h"
#include "era/build.h"
#include "era/stream.h"
#include "era/view.h"
#include "tools/options.h"
#include "tools/tool.h"

struct options {
	const char *input, *output;
	bool quiet;
};

static const struct option_row rows[] = {
	{"input", 'i', "DAMAGED", "Read the metadata on DAMAGED, a device or a file", OPTION_TEXT,
	 offsetof(struct options, input), 0, NULL, true},
	{"output", 'o', "DEV", "Write new metadata to DEV, another device or file", OPTION_TEXT,
	 offsetof(struct options, output), 0, NULL, true},
	{"quiet", 'q', NULL, "Print nothing but how much was unknown", OPTION_FLAG,
	 offsetof(struct options, quiet), 0, NULL, false},
};

static void check_options(struct argp_state *state, void *input)
{
	const struct options *options = input;

	options_check_output(state, options->input, options->output);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.args_doc = "-i DAMAGED -o DEV",
	.doc = "Reads what is sound of the dm-era metadata on DAMAGED and makes new metadata on DEV.\v"
	       "What cannot be read counts as written: unknown bits of a writeset as set, all else as "
	       "written in the current era.  The superblock must be sound.\n\n"
	       "Exit status: 0 done and all was known, 1 the superblock is damaged, 2 wrong usage, 3 system "
	       "error, or DEV is too small, 5 done but something was unknown.",
	.check = check_options,
};

struct rebuild {
	struct era_view view;
	struct era_losses losses;
};

static int produce(void *ctx, const struct era_stream *to)
{
	struct rebuild *rebuild = ctx;

	return era_stream_view(&rebuild->view, to, &rebuild->losses);
}

static int repair(const struct options *options, struct tool *tool)
{
	struct rebuild rebuild = {.losses = {0, 0}};
	const struct era_losses *losses = &rebuild.losses;
	int r = era_view_open(&rebuild.view, options->input, ERA_VIEW_REPAIR, &tool->report);

	if (r == ERA_DAMAGED)
		tool_say(tool, "%s: metadata whose superblock is damaged cannot be repaired; "
			 "nothing was written", options->input);
	if (r)
		return (int)status_of(r);
	r = era_build_all(options->output, false, produce, &rebuild, &tool->report);
	if (r)
		r = (int)status_of(r);
	else
		r = (int)tool_repair_status(tool, losses->nr_bits + losses->nr_eras,
					    rebuild.view.nr_problems, "bits and eras");
	era_view_close(&rebuild.view);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct tool tool;
	int status;

	tool_start(&tool);
	options_parse_table(&table, argc, argv, &options);
	tool.path = options.input;
	tool.quiet = options.quiet;
	status = repair(&options, &tool);
	tool_end(&tool);
	return status;
}
