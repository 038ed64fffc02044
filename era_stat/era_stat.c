/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Tells how much was written in which era. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/sink.h"
#include "dmera.h"
#include "dmera/own.h"
#include "era_stat/print.h"
#include "tools/document.h"
#include "tools/document.h"
#include "tools/input.h"
#include "tools/program.h"

struct options {
	const char *path, *svg;
	bool all, bytes, json, map, repair, snapshot, has_since, has_snapshot_era, quiet;
	uint32_t since, snapshot_era;
};

static const struct option_row rows[] = {
	{"all", 'a', NULL, "Print one row for each era, however many", OPTION_FLAG,
	 offsetof(struct options, all), 0, NULL, false},
	{"since", 0, "ERA", "Print only how much was written in ERA or later", OPTION_U32,
	 offsetof(struct options, since), offsetof(struct options, has_since), NULL, false},
	{"map", 0, NULL, "Print the device as a picture, too: its ages by colour", OPTION_FLAG,
	 offsetof(struct options, map), 0, NULL, false},
	{"svg", 0, "FILE", "Write the picture as SVG to FILE ('-': standard output), and no table",
	 OPTION_TEXT, offsetof(struct options, svg), 0, NULL, false},
	{"metadata-snapshot", 'm', NULL, "Read the metadata snapshot; the device may be in use",
	 OPTION_FLAG, offsetof(struct options, snapshot), 0, NULL, false},
	{"snapshot-era", 0, "ERA",
	 "With --since: the snapshot is of this era (default: the era of the live metadata)",
	 OPTION_U32, offsetof(struct options, snapshot_era),
	 offsetof(struct options, has_snapshot_era), NULL, false},
	{"repair", 'r', NULL, "Read damaged metadata: what is unknown counts as written",
	 OPTION_FLAG, offsetof(struct options, repair), 0, NULL, false},
	{"bytes", 'b', NULL, "Print sizes as exact numbers of bytes", OPTION_FLAG,
	 offsetof(struct options, bytes), 0, NULL, false},
	{"json", 0, NULL, "Print JSON, with one element for each era", OPTION_FLAG,
	 offsetof(struct options, json), 0, NULL, false},
	{"quiet", 'q', NULL, "Print no messages but errors", OPTION_FLAG,
	 offsetof(struct options, quiet), 0, NULL, false},
};

static void check_options(void *input)
{
	const struct options *options = input;

	if (options->has_snapshot_era && !(options->snapshot && options->has_since))
		options_error("--snapshot-era is for --since with --metadata-snapshot only");
	if (options->has_since && (options->all || options->map || options->svg))
		options_error("--since prints a sum alone: no --all, --map or --svg");
	if (options->json && (options->map || options->svg))
		options_error("--json excludes --map and --svg");
	options_check_output(options->path, options_stream(options->svg));
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.takes_stdin = true,
	.shows_progress = true,
	.args_doc = "DEV",
	.example = "--metadata-snapshot --map /dev/vg/era_meta",
	.doc = "Tells how many blocks of the tracked device were last written in which era, how "
	       "many a list since that era would have, and how full the metadata on DEV, a device "
	       "or a file ('-': standard input), are. Many eras are put together, the older the "
	       "more.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "damaged",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] =
				"no metadata snapshot is held, no safe answer (--since), a device "
				"that was untracked, or a flush of the origin has failed",
			[STATUS_UNKNOWN] = "done but something was unknown (--repair)",
		},
	.check = check_options,
};

/* To FILE, or to standard output if it is NULL. */
static int print(const char *file, void (*write)(struct sink *sink, const void *ctx),
		 const void *ctx, const struct report *rep)
{
	struct sink sink;
	int r = sink_open(&sink, file, rep);

	if (r)
		return r;
	write(&sink, ctx);
	r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

struct telling {
	const struct options *options;
	struct answer answer;
};

static bool wants_picture(const struct options *options)
{
	return options->map || options->svg;
}

static void write_answer(struct sink *sink, const void *ctx)
{
	const struct telling *t = ctx;

	if (t->options->svg) {
		print_svg(sink, &t->answer);
	} else {
		if (t->options->map)
			print_map(sink, &t->answer);
		print_table(sink, &t->answer);
	}
}

static bool make_map(struct telling *t)
{
	struct answer *a = &t->answer;

	a->terminal = terminal_find();
	return map_make(&a->map, a->facts.nr_blocks,
			t->options->svg ? SVG_MAX_CELLS : map_max_cells(&a->terminal),
			a->facts.era);
}

static bool make_rows(struct telling *t)
{
	struct answer *a = &t->answer;
	enum row_form form = t->options->all || t->options->json ? ROWS_ALL : ROWS_FIT;

	return rows_make(&a->rows, &a->stat, a->facts.era, form) &&
	       (!wants_picture(t->options) ||
		rows_make(&a->ages, &a->stat, a->facts.era, ROWS_AGES));
}

/* The facts are asked for once more at the end: with repair, reading may have met more problems. */
static int find_out(struct dmera *era, struct telling *t, const struct report *rep)
{
	struct answer *a = &t->answer;
	const struct era_chunk_listener listener = map_listener(&a->map);
	int r = dmera_get_facts(era, &a->facts, sizeof(a->facts));

	if (!r && wants_picture(t->options) && !make_map(t))
		r = report_nomem(rep);
	if (!r)
		r = dmera_get_stat(era, a->map.cells ? &listener : NULL, &a->stat);
	if (!r)
		r = dmera_get_facts(era, &a->facts, sizeof(a->facts));
	if (!r && !make_rows(t))
		r = report_nomem(rep);
	return r;
}

static int print_all(const struct telling *t, struct tool *tool)
{
	const struct answer *a = &t->answer;

	if (!t->options->json)
		return print(options_stream(t->options->svg), write_answer, t, &tool->report);
	return document_print(tool,
			      tool_status_of_unknown(a->stat.counts.nr_unknown,
						     a->facts.nr_problems),
			      print_json, a);
}

static enum exit_status tell_all(struct dmera *era, const struct options *options,
				 struct tool *tool)
{
	struct telling t = {
		.options = options,
		.answer = {.path = options->path, .in_bytes = options->bytes},
	};
	const struct answer *a = &t.answer;
	int r = find_out(era, &t, &tool->report);
	enum exit_status status;

	if (!r)
		r = print_all(&t, tool);
	status = r ? status_of(r)
		   : tool_repair_status(tool, a->stat.counts.nr_unknown, a->facts.nr_problems,
					"blocks");
	rows_free(&t.answer.ages);
	rows_free(&t.answer.rows);
	dmera_stat_free(&t.answer.stat);
	map_free(&t.answer.map);
	return status;
}

static void write_sum(struct sink *sink, const void *ctx)
{
	print_sum(sink, ctx);
}

static enum exit_status print_changes(struct dmera *era, const struct dmera_changes *changes,
				      const struct options *options, struct tool *tool)
{
	enum exit_status status;
	struct dmera_totals totals;
	struct sum_answer answer = {
		.since = options->since,
		.in_bytes = options->bytes,
	};
	int r = dmera_get_facts(era, &answer.facts, sizeof(answer.facts));

	if (r)
		return status_of(r);
	dmera_changes_get_totals(changes, &totals, sizeof(totals));
	answer.nr_blocks = totals.nr_changed;
	answer.nr_unknown = totals.nr_unknown;
	status = tool_status_of_unknown(totals.nr_unknown, totals.nr_problems);
	r = options->json ? document_print(tool, status, print_sum_json, &answer)
			  : print(NULL, write_sum, &answer, &tool->report);
	if (r)
		return status_of(r);
	return tool_repair_status(tool, totals.nr_unknown, totals.nr_problems, "blocks");
}

static enum exit_status tell_since(struct dmera *era, const struct options *options,
				   struct tool *tool)
{
	struct dmera_changes *changes;
	enum exit_status status;
	int r;

	if (options->has_snapshot_era)
		dmera_set_snapshot_era(era, options->snapshot_era);
	r = dmera_changes_in_blocks(era, options->since, &changes);
	if (r)
		return status_of(r);
	status = print_changes(era, changes, options, tool);
	dmera_changes_free(changes);
	return status;
}

static enum exit_status tell(struct dmera *era, const struct options *options, struct tool *tool)
{
	unsigned flags =
		(options->snapshot ? DMERA_SNAPSHOT : 0) | (options->repair ? DMERA_REPAIR : 0);
	int r = dmera_open(era, options->path, flags);

	if (r)
		return status_of(r);
	return options->has_since ? tell_since(era, options, tool) : tell_all(era, options, tool);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct dmera *era = dmera_create();
	enum exit_status status;
	int r;

	tool->path = options->path;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	if (!era)
		return status_of(report_nomem(&tool->report));
	tool_listen(tool, era);
	r = input_prepare(options->path, &tool->report);
	status = r ? status_of(r) : tell(era, options, tool);
	dmera_destroy(era);
	return status;
}

const struct program program_stat = {
	.name = "stat",
	.summary = "tell how much was written in which era",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
