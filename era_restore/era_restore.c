/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes dm-era metadata from XML. */
#include "base/compiler.h"
#include "base/source.h"
#include "build/build.h"
#include "tools/program.h"
#include "xml/reader.h"

struct options {
	const char *input, *output;
	bool quiet, tight;
};

struct input {
	const char *path;
	const struct report *rep;
};

static const struct option_row rows[] = {
	{"input", 'i', "XML", "Read XML, plain or compressed by gzip ('-': standard input)",
	 OPTION_TEXT, offsetof(struct options, input), 0, NULL, true},
	{"output", 'o', "DEV", "Write the metadata to DEV, a device or a file", OPTION_TEXT,
	 offsetof(struct options, output), 0, NULL, true},
	{"quiet", 'q', NULL, "Print nothing", OPTION_FLAG, offsetof(struct options, quiet), 0, NULL,
	 false},
	{"tight", 't', NULL, "Accept a DEV that is too small for the kernel to work on",
	 OPTION_FLAG, offsetof(struct options, tight), 0, NULL, false},
};

static void check_options(void *input)
{
	const struct options *options = input;

	options_check_output(options_stream(options->input), options->output);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.args_doc = "-i XML -o DEV",
	.doc = "Creates dm-era metadata on DEV from XML printed by " ERA_PROGRAM " dump.\v"
	       "DEV is written only after all of XML has been read and found valid; a file that "
	       "does not exist is created.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "invalid XML",
			[STATUS_SYSTEM] = "system error, or DEV is too small",
		},
	.check = check_options,
};

/* The output is opened first, so that one that is in use is refused before XML is waited for. */
static int read_xml(void *ctx, const struct era_stream *to)
{
	struct input *input = ctx;
	struct source source;
	int r = source_open(&source, input->path, input->rep);

	if (r)
		return r;
	r = xml_read(&source, to, XML_READ_FAST);
	source_close(&source);
	return r;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct input input = {options->input, &tool->report};

	tool->path = options->output;
	tool->quiet = options->quiet;
	return status_of(
		era_build_all(options->output, options->tight, read_xml, &input, &tool->report));
}

const struct program program_restore = {
	.name = "restore",
	.summary = "create dm-era metadata from XML",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
