/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints dm-era metadata as XML. */
#include "base/sink.h"
#include "era/stream.h"
#include "era/view.h"
#include "tools/tool.h"
#include "xml/writer.h"

struct options {
	const char *path, *output;
	bool repair, logical, compact, snapshot;
};

static const struct argp_option option_table[] = {
	{"repair", 'r', NULL, 0, "Read damaged metadata: what is unknown counts as written", 0},
	{"logical", 'l', NULL, 0, "Fold all writesets into the era array", 0},
	{"compact", 'c', NULL, 0, "Print runs of set bits instead of each bit", 0},
	{"metadata-snapshot", 'm', NULL, 0,
	 "Dump the metadata snapshot; the device may be in use", 0},
	{"output", 'o', "FILE", 0, "Write to FILE, not to standard output", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'r':
		options->repair = true;
		return 0;
	case 'l':
		options->logical = true;
		return 0;
	case 'c':
		options->compact = true;
		return 0;
	case 'm':
		options->snapshot = true;
		return 0;
	case 'o':
		options->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			argp_error(state, "found a second device '%s', wanted one", arg);
		options->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->path)
			argp_error(state, "no metadata device given");
		tool_check_output(state, options->path, options->output);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	option_table, parse_option, "DEV",
	"Prints the dm-era metadata on DEV, a device or a file, as XML.\v"
	"Exit status: 0 done, 1 damaged, 2 wrong usage, 3 system error, 4 no metadata snapshot is "
	"held, 5 done but something was unknown (--repair).",
	NULL, NULL, NULL,
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
	tool_parse(&argp, argc, argv, &options);
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
