/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Makes a backup of a tracked disk: of what was written since the last one. */
#include <inttypes.h>
#include <stdlib.h>

#include "copy/clone.h"
#include "era_backup/backup.h"
#include "era_backup/collection.h"
#include "era_backup/print.h"
#include "tools/program.h"

#define OFFSET(member) offsetof(struct backup_options, member)

static const struct option_row rows[] = {
	{"offline", 0, "META", "Nobody writes: META, the metadata, and the source are held",
	 OPTION_TEXT, OFFSET(offline), 0, NULL, false},
	{"snapshot", 0, "COMMAND", "Makes a snapshot of the storage, which --source then is",
	 OPTION_TEXT, OFFSET(snapshot), 0, NULL, false},
	{"release", 0, "COMMAND", "Runs when that snapshot is no longer needed", OPTION_TEXT,
	 OFFSET(release), 0, NULL, false},
	{"converge", 0, NULL, "Copies what is in use in rounds, and holds writers for the last one",
	 OPTION_FLAG, OFFSET(converge), 0, NULL, false},
	{"converge-limit", 0, "SIZE", "With --converge: copy at most so much in it (default: 8M)",
	 OPTION_SIZE, OFFSET(converge_limit), OFFSET(has_converge_limit), NULL, false},
	{"converge-rounds", 0, "N", "With --converge: give up after N rounds (default: 16)",
	 OPTION_U32, OFFSET(converge_rounds), OFFSET(has_converge_rounds), NULL, false},
	{"freeze", 0, "MOUNT",
	 "Freezes the filesystem on MOUNT while the source is brought to a stand", OPTION_TEXTS,
	 OFFSET(freeze), 0, NULL, false},
	{"source", 0, "PATH", "What is copied: a device, a file, or an NBD URI", OPTION_TEXT,
	 OFFSET(source), 0, NULL, false},
	{"state", 0, "FILE", "The state of the backup (default: TARGET.era)", OPTION_TEXT,
	 OFFSET(state), 0, NULL, false},
	{"base", 0, "FILE", "With TARGET '-': the state of the backup that the delta starts from",
	 OPTION_TEXT, OFFSET(base), 0, NULL, false},
	{"keep", 0, "N", "Keep the N backups before this one, too, as clones of TARGET", OPTION_U32,
	 OFFSET(keep), OFFSET(has_keep), NULL, false},
	{"in-place", 0, NULL, "Write to TARGET itself, also where a clone could replace it",
	 OPTION_FLAG, OFFSET(in_place), 0, NULL, false},
	{"full", 0, NULL, "Copy everything", OPTION_FLAG, OFFSET(full), 0, NULL, false},
	{"incremental-only", 0, NULL, "Refuse where only a full backup is possible", OPTION_FLAG,
	 OFFSET(incremental_only), 0, NULL, false},
	{"force", 0, NULL, "A full backup may overwrite anything", OPTION_FLAG, OFFSET(force), 0,
	 NULL, false},
	{"dry-run", 'n', NULL, "Say what would be copied, and copy nothing", OPTION_FLAG,
	 OFFSET(dry_run), 0, NULL, false},
	{"verify", 0, NULL, "Compare all of the source with TARGET afterwards", OPTION_FLAG,
	 OFFSET(verify), 0, NULL, false},
	{"limit", 0, "RATE", "Read at most so many bytes per second", OPTION_SIZE, OFFSET(limit), 0,
	 NULL, false},
	{"timeout", 0, "SECONDS", "How long a target may take to answer", OPTION_U32,
	 OFFSET(timeout_s), 0, NULL, false},
	{"json", 0, NULL, "Print what was done as JSON", OPTION_FLAG, OFFSET(json), 0, NULL, false},
	{"quiet", 'q', NULL, "Print no messages", OPTION_FLAG, OFFSET(quiet), 0, NULL, false},
};

static const struct option_row target_row = {
	.name = "target",
	.arg = "TARGET",
	.form = OPTION_TEXT,
	.value = OFFSET(target),
	.help = "the backup",
};

#define CONVERGE_LIMIT (UINT64_C(8) << 20)
#define CONVERGE_LIMIT_MAX (UINT64_C(1) << 30) /* it is memory that is locked */
#define CONVERGE_ROUNDS 16u

static void check_converge(struct backup_options *options)
{
	if (!options->converge && (options->has_converge_limit || options->has_converge_rounds))
		options_error("--converge-limit and --converge-rounds go with --converge only");
	if (!options->has_converge_limit)
		options->converge_limit = CONVERGE_LIMIT;
	if (!options->has_converge_rounds)
		options->converge_rounds = CONVERGE_ROUNDS;
	if (options->converge_limit > CONVERGE_LIMIT_MAX)
		options_error("--converge-limit: found %" PRIu64 " bytes, wanted at most 1G: so "
			      "much memory is locked",
			      options->converge_limit);
	if (!options->converge_rounds)
		options_error("--converge-rounds: found 0, wanted at least 1");
	if (options->converge && (options->offline || options->snapshot || options->release))
		options_error("--converge, --offline and --snapshot exclude each other");
	if (options->converge && options->verify)
		options_error("--verify compares with a source that stands still: not with "
			      "--converge");
}

#define FROZEN_MAX_S 600u

static void check_freeze(const struct backup_options *options)
{
	if (options->freeze.nr && options->offline)
		options_error("--freeze goes with --snapshot and --converge only");
	if (options->freeze.nr && options->timeout_s > FROZEN_MAX_S)
		options_error("--timeout: found %" PRIu32 ", wanted at most %u: so long a "
			      "filesystem may be frozen",
			      options->timeout_s, FROZEN_MAX_S);
}

static void check_way(struct backup_options *options)
{
	check_converge(options);
	check_freeze(options);
	if (options->offline && options->target)
		options_error("--offline takes one argument, TARGET");
	if (options->offline && (options->snapshot || options->release))
		options_error("--offline needs no snapshot of the storage: no --snapshot, "
			      "--release");
	if (options->offline) {
		options->target = options->path;
		options->path = NULL;
	}
	if (!options->target)
		options_error("no TARGET given");
	if (!options->offline && !options->snapshot && !options->converge)
		options_error("--offline, --snapshot or --converge says when the source stands "
			      "still");
	if (!options->source && !options->converge)
		options_error("--source is missing");
}

static void check_stdout(const struct backup_options *options)
{
	if (options_stream(options->target)) {
		if (options->base)
			options_error("--base is for TARGET '-'; otherwise the state says it");
		return;
	}
	if (options->json || options->verify || options->state)
		options_error("with TARGET '-' there is no --json, --verify or --state");
	if (options->has_keep || options->in_place)
		options_error("with TARGET '-' there is no --keep or --in-place");
}

static void check_options(void *input)
{
	struct backup_options *options = input;

	check_way(options);
	if (options->has_keep && !options->keep)
		options_error("--keep: found 0, wanted at least 1");
	check_stdout(options);
	if (options->incremental_only && (options->full || options->force))
		options_error("--incremental-only contradicts --full and --force");
	if (!options_stream(options->target))
		return;
	if (options->source)
		options_check_output(options->source, options->target);
	if (options->offline)
		options_check_output(options->offline, options->target);
	if (options->state) {
		if (options->source)
			options_check_output(options->source, options->state);
		if (options->offline)
			options_check_output(options->offline, options->state);
		options_check_output(options->target, options->state);
	}
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.shows_progress = true,
	.device = "target",
	.word = &target_row,
	.word_is_optional = true,
	.args_doc = "DISK TARGET\n"
		    "--offline META TARGET",
	.example = "--offline /dev/vg/meta --source /dev/vg/data /backups/data",
	.doc = "Makes TARGET, a file or a device, the backup of a disk, by copying what was "
	       "written since TARGET was made.  TARGET '-' is a delta on standard output, for era "
	       "apply.\v"
	       "DISK is an era device of the kernel, or the control socket of a target in "
	       "userspace.  Where an increment is not possible, the backup is a full one, and that "
	       "is said first.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "the metadata or the state are damaged, or --verify "
					   "found a difference",
			[STATUS_SYSTEM] = "system error",
			[STATUS_NO_ANSWER] = "refused: nothing was changed",
		},
	.check = check_options,
};

static int copy(struct backup *b)
{
	int r = delta_make(b);

	if (!r && !b->to_stdout)
		r = delta_put_into_target(b);
	if (!r && b->options->verify)
		r = delta_verify(b);
	if (!r && b->options->has_keep)
		r = clone_prune(b->options->target, b->options->keep, b->rep);
	return r;
}

static int begin(struct backup *b)
{
	if (b->options->converge)
		return converge_begin(b);
	return b->options->offline ? offline_begin(b) : online_begin(b);
}

static int back_up(struct backup *b)
{
	int e, r = base_open(b);

	if (!r)
		r = begin(b);
	if (!r && !b->options->dry_run)
		r = copy(b);
	e = online_end(b);
	if (!r)
		r = e;
	return r ? r : print_backup(b);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct backup_options *options = arg;
	struct backup *b = calloc(1, sizeof(*b));
	int r;

	tool->path = options->target;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	if (!b)
		return status_of(report_nomem(&tool->report));
	b->options = options;
	b->tool = tool;
	b->rep = &tool->report;
	b->to_stdout = !options_stream(options->target);
	b->source.fd = b->target.fd = -1;
	cancel_listen();
	r = back_up(b);
	question_close(b);
	base_close(b);
	collection_free(b->collection);
	free(b->delta_facts);
	free(b);
	if (r)
		cancel_obey();
	return status_of(r);
}

const struct program program_backup = {
	.name = "backup",
	.summary = "back up what was written since the last backup",
	.options = &table,
	.options_size = sizeof(struct backup_options),
	.run = run,
};
