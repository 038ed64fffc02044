/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Prints dm-era metadata as XML. */
#include "base/compiler.h"
#include "base/sink.h"
#include "block/dev.h"
#include "era_repair/all_written.h"
#include "metadata/stream.h"
#include "metadata/view.h"
#include "open/open.h"
#include "open/untracked.h"
#include "tools/input.h"
#include "tools/program.h"
#include "tools/salvage.h"
#include "xml/writer.h"

struct options {
	const char *path, *output;
	bool repair, logical, compact, snapshot;
	struct salvage_options salvage;
};

static const struct option_row rows[] = {
	{"repair", 'r', NULL, "Read damaged metadata: what is unknown counts as written",
	 OPTION_FLAG, offsetof(struct options, repair), 0, NULL, false},
	{"logical", 'l', NULL, "Fold all writesets into the era array", OPTION_FLAG,
	 offsetof(struct options, logical), 0, NULL, false},
	{"compact", 'c', NULL, "Print runs of set bits instead of every bit", OPTION_FLAG,
	 offsetof(struct options, compact), 0, NULL, false},
	{"metadata-snapshot", 'm', NULL, "Dump the metadata snapshot; the device may be in use",
	 OPTION_FLAG, offsetof(struct options, snapshot), 0, NULL, false},
	{"output", 'o', "FILE", "Write to FILE instead of standard output", OPTION_TEXT,
	 offsetof(struct options, output), 0, NULL, false},
	SALVAGE_OPTION_ROWS(struct options, salvage),
};

static void check_options(void *input)
{
	const struct options *options = input;

	options_check_output(options->path, options_stream(options->output));
	salvage_check_options(&options->salvage);
	if (salvage_has_options(&options->salvage) && (!options->repair || options->snapshot))
		options_error("--nr-blocks, --block-size and --current-era are for --repair of the "
			      "live metadata only");
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.takes_stdin = true,
	.shows_progress = true,
	.args_doc = "DEV",
	.example = "--metadata-snapshot -o dump.xml /dev/vg/era_meta",
	.doc = "Prints the dm-era metadata on DEV, a device or a file ('-': standard input), "
	       "as XML.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "damaged",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] =
				"no metadata snapshot is held, metadata that changed meanwhile, a "
				"device that was untracked, or a flush of the origin has failed",
			[STATUS_UNKNOWN] = "done but something was unknown (--repair)",
		},
	.check = check_options,
};

static int write_xml(const struct options *options, struct tool *tool,
		     int (*produce)(void *ctx, const struct era_stream *to), void *ctx)
{
	struct xml_writer writer;
	struct era_stream stream;
	struct sink sink;
	int r = sink_open(&sink, options->output, &tool->report);

	if (r)
		return r;
	stream = xml_writer_stream(&writer, &sink, options->compact);
	r = produce(ctx, &stream);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

struct dump {
	struct era_view *view;
	bool logical;
	struct era_losses losses;
};

static int produce_view(void *ctx, const struct era_stream *to)
{
	struct dump *dump = ctx;
	int r;

	if (dump->logical)
		r = era_stream_logical(dump->view, to, &dump->losses);
	else
		r = era_stream_view(dump->view, to, &dump->losses);
	return era_view_revalidate(dump->view, r);
}

static unsigned view_flags(const struct options *options)
{
	return ERA_VIEW_WHOLE | (options->snapshot ? ERA_VIEW_SNAPSHOT : 0) |
	       (options->repair ? ERA_VIEW_REPAIR : 0);
}

static enum exit_status dump_view(const struct options *options, struct blk_dev *dev,
				  struct tool *tool)
{
	struct dump dump = {.logical = options->logical};
	int r = era_view_open_dev(&dump.view, dev, view_flags(options));
	uint64_t nr_problems;

	if (r)
		return status_of(r);
	r = write_xml(options, tool, produce_view, &dump);
	nr_problems = era_view_nr_problems(dump.view);
	era_view_close(dump.view);
	if (r)
		return status_of(r);
	return tool_repair_status(tool, dump.losses.nr_bits + dump.losses.nr_eras, nr_problems,
				  "bits and eras");
}

static enum exit_status dump_salvaged(const struct options *options, struct blk_dev *dev,
				      struct tool *tool)
{
	struct era_salvage *s;
	enum exit_status status;
	int r = salvage_open(&s, dev, &options->salvage, tool);

	if (r)
		return status_of(r);
	r = write_xml(options, tool, salvage_produce, s);
	status = r ? status_of(r) : salvage_status(s, tool);
	era_salvage_close(s);
	return status;
}

static enum exit_status dump_written(const struct options *options, struct blk_dev *dev,
				     bool is_destroyed, struct tool *tool)
{
	struct all_written all;
	int r = all_written_find(&all, dev, view_flags(options),
				 is_destroyed ? &options->salvage : NULL, tool);

	if (!r)
		r = write_xml(options, tool, all_written_produce, &all);
	return r ? status_of(r) : all_written_status(&all, tool);
}

static enum exit_status dump_repaired(const struct options *options, struct blk_dev *dev,
				      struct tool *tool)
{
	int r = options->snapshot ? 0 : era_salvage_is_needed(dev);

	if (r < 0) {
		blk_dev_close(dev);
		return status_of(r);
	}
	if (untracked_is_refused(dev))
		return dump_written(options, dev, r, tool);
	return r ? dump_salvaged(options, dev, tool) : dump_view(options, dev, tool);
}

/* XML has no place for what a device was without its target. */
static enum exit_status dump_strictly(const struct options *options, struct blk_dev *dev,
				      struct tool *tool)
{
	int r = untracked_refuse_dev(dev);

	if (!r)
		return dump_view(options, dev, tool);
	if (r == ERA_NO_ANSWER)
		tool_say(tool, "%s: --repair counts every block as written", tool->path);
	blk_dev_close(dev);
	return status_of(r);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct blk_dev dev;
	int r;

	tool->path = options->path;
	r = input_prepare(options->path, &tool->report);
	if (r)
		return status_of(r);
	r = blk_dev_open(&dev, options->path, options->snapshot ? BLK_READ_SHARED : BLK_READ,
			 &tool->report);
	if (r)
		return status_of(r);
	return options->repair ? dump_repaired(options, &dev, tool)
			       : dump_strictly(options, &dev, tool);
}

const struct program program_dump = {
	.name = "dump",
	.summary = "print dm-era metadata as XML",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
