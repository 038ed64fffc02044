/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints dm-era metadata as XML. */
#include "base/compiler.h"
#include "base/sink.h"
#include "era/stream.h"
#include "era/view.h"
#include "tools/options.h"
#include "tools/tool.h"
#include "xml/writer.h"

struct options {
	const char *path, *output;
	bool repair, logical, compact, snapshot;
};

static const struct option_row rows[] = {
	{"repair", 'r', NULL, "Read damaged metadata: what is unknown counts as written", OPTION_FLAG,
	 offsetof(struct options, repair), 0, NULL, false},
	{"logical", 'l', NULL, "Fold all writesets into the era array", OPTION_FLAG,
	 offsetof(struct options, logical), 0, NULL, false},
	{"compact", 'c', NULL, "Print runs of set bits instead of each bit", OPTION_FLAG,
	 offsetof(struct options, compact), 0, NULL, false},
	{"metadata-snapshot", 'm', NULL, "Dump the metadata snapshot; the device may be in use",
	 OPTION_FLAG, offsetof(struct options, snapshot), 0, NULL, false},
	{"output", 'o', "FILE", "Write to FILE, not to standard output", OPTION_TEXT,
	 offsetof(struct options, output), 0, NULL, false},
};

static void check_options(struct argp_state *state, void *input)
{
	const struct options *options = input;

	options_check_output(state, options->path, options->output);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.args_doc = "DEV",
	.doc = "Prints the dm-era metadata on DEV, a device or a file, as XML.\v"
	       "Exit status: 0 done, 1 damaged, 2 wrong usage, 3 system error, 4 no metadata snapshot is "
	       "held, 5 done but something was unknown (--repair).",
	.check = check_options,
};

static int write_view(struct era_view *view, struct sink *sink, const struct options *options,
		      struct era_losses *losses)
{
	struct xml_writer writer;
	struct era_stream stream = xml_writer_stream(&writer, sink, options->compact);
	int r;

	if (options->logical)
		r = era_stream_logical(view, &stream, losses);
	else
		r = era_stream_view(view, &stream, losses);
	return era_view_settle(view, r);
}

static int dump(struct era_view *view, const struct options *options, struct tool *tool,
		struct era_losses *losses)
{
	struct sink sink;
	int r = sink_open(&sink, options->output, &tool->report);

	if (r)
		return r;
	r = write_view(view, &sink, options, losses);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct era_losses losses = {0, 0};
	struct era_view view;
	struct tool tool;
	unsigned flags;
	int r;

	tool_start(&tool);
	options_parse_table(&table, argc, argv, &options);
	tool.path = options.path;
	flags = (options.snapshot ? ERA_VIEW_SNAPSHOT : 0) | (options.repair ? ERA_VIEW_REPAIR : 0);
	r = era_view_open(&view, options.path, flags, &tool.report);
	if (!r)
		r = dump(&view, &options, &tool, &losses);
	tool_end(&tool);
	if (r) {
		era_view_close(&view);
		return (int)status_of(r);
	}
	r = (int)tool_repair_status(&tool, losses.nr_bits + losses.nr_eras, view.nr_problems,
				    "bits and eras");
	era_view_close(&view);
	return r;
}
