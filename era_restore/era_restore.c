/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes dm-era metadata from XML. */
#include "base/source.h"
#include "era/build.h"
#include "tools/tool.h"
#include "xml/reader.h"

struct options {
	const char *input, *output;
	bool quiet, tight;
};

static const struct argp_option option_table[] = {
	{"input", 'i', "XML", 0, "Read XML, plain or compressed with gzip ('-': standard input)", 0},
	{"output", 'o', "DEV", 0, "Write the metadata to DEV, a device or a file", 0},
	{"quiet", 'q', NULL, 0, "Print nothing", 0},
	{"tight", 't', NULL, 0, "Accept a DEV that has no room for the kernel to work", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'i':
		options->input = arg;
		return 0;
	case 'o':
		options->output = arg;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case 't':
		options->tight = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		if (!options->input)
			argp_error(state, "no input given (--input)");
		if (!options->output)
			argp_error(state, "no output given (--output)");
		tool_check_output(state, options->input, options->output);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	option_table, parse_option, "-i XML -o DEV",
	"Makes dm-era metadata on DEV from XML that era_dump has printed.\v"
	"DEV is written only when all of XML has been read and is valid; a file that does not exist "
	"is created.\n\n"
	"Exit status: 0 done, 1 invalid XML, 2 wrong usage, 3 system error, or DEV is too small.",
	NULL, NULL, NULL,
};

static int read_xml(const char *path, struct era_build *build, struct tool *tool)
{
	struct era_stream stream = era_build_stream(build);
	struct source source;
	int r = source_open(&source, path, &tool->report);

	if (r)
		return r;
	r = xml_read(&source, &stream, XML_READ_FAST);
	source_close(&source);
	return r;
}

static int restore(const struct options *options, struct tool *tool)
{
	struct era_build build;
	int r = era_build_open(&build, options->output, options->tight, &tool->report);

	if (r)
		return r;
	r = read_xml(options->input, &build, tool);
	if (!r)
		r = era_build_commit(&build);
	era_build_close(&build);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct tool tool;
	int r;

	tool_start(&tool);
	tool_parse(&argp, argc, argv, &options);
	tool.path = options.output;
	tool.quiet = options.quiet;
	r = restore(&options, &tool);
	tool_end(&tool);
	return (int)status_of(r);
}
