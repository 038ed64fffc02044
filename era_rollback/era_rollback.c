/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Rolls the storage below a dm-cache back, and lets the cache forget what was written since. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"
#include "era_backup/cancel.h"
#include "era_backup/hook.h"
#include "era_rollback/rollback.h"
#include "tools/program.h"

#define DEFAULT_LIMIT_S 600u

static const struct option_row rows[] = {
	{.name = "era",
	 .arg = "N",
	 .help = "The era that was remembered with the snapshot of the storage",
	 .form = OPTION_U32,
	 .value = offsetof(struct rollback_options, era),
	 .given = offsetof(struct rollback_options, has_era)},
	{.name = "exec",
	 .arg = "COMMAND",
	 .help = "The command that rolls the storage back, for the shell",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct rollback_options, exec)},
	{.name = "witness",
	 .arg = "FILE",
	 .help = "Compare with the witness that was made with the snapshot",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct rollback_options, witness)},
	{.name = "drop-all",
	 .help = "Empty the cache; what only it has is given up",
	 .value = offsetof(struct rollback_options, drop_all)},
	{.name = "limit",
	 .arg = "SECONDS",
	 .help = "How long a writeback cache may take to become clean (default: 600)",
	 .form = OPTION_U32,
	 .value = offsetof(struct rollback_options, limit_s),
	 .given = offsetof(struct rollback_options, has_limit)},
	{.name = "tables",
	 .arg = "FILE",
	 .help = "Of a cache that is not active: the tables of it and of the era device, as "
		 "dmsetup table prints them",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct rollback_options, tables)},
	{.name = "dry-run",
	 .help = "Look at everything, print what would be done, and change nothing",
	 .value = offsetof(struct rollback_options, dry_run)},
	{.name = "done",
	 .help = "The storage has been rolled back by an earlier run: do the rest",
	 .value = offsetof(struct rollback_options, done)},
	{.name = "cancel",
	 .help = "Put the devices back that an earlier run has stopped",
	 .value = offsetof(struct rollback_options, cancel)},
	{.name = "quick",
	 .help = "Of what the cache keeps, compare only samples before and after COMMAND",
	 .value = offsetof(struct rollback_options, quick)},
	{.name = "status",
	 .help = "Say how far an earlier run came, and what to do",
	 .value = offsetof(struct rollback_options, status)},
	{.name = "state",
	 .arg = "FILE",
	 .help = "Where it is kept what has been done (default: in /var/lib/era-tools)",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct rollback_options, state)},
	{.name = "json",
	 .help = "Print what was done as JSON",
	 .value = offsetof(struct rollback_options, json)},
	{.name = "quiet",
	 .key = 'q',
	 .help = "Print only errors",
	 .value = offsetof(struct rollback_options, quiet)},
};

static void check_options(void *arg)
{
	struct rollback_options *options = arg;
	unsigned others = (unsigned)options->status + options->cancel;
	bool rolls_back = options->has_era || options->exec || options->done;

	if (others > 1 || (others && (rolls_back || options->dry_run)))
		options_error("--status, --cancel and a rollback exclude each other");
	if (!others && !options->has_era)
		options_error("--era is missing");
	if (options->exec && options->done)
		options_error("--exec and --done exclude each other");
	if (!others && !options->exec && !options->done && !options->dry_run)
		options_error("--exec is missing");
	if (!*options->path)
		options_error("the name of the cache is empty");
	if (!options->has_limit)
		options->limit_s = DEFAULT_LIMIT_S;
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.device = "cache",
	.shows_progress = true,
	.check = check_options,
	.args_doc = "--era=N --exec=COMMAND CACHE\n--era=N --done CACHE\n--status CACHE\n--cancel "
		    "CACHE",
	.example = "--era=1795862410 --exec=/usr/local/sbin/merge-S1 cache",
	.doc = "Rolls the storage below the dm-cache CACHE, and the era device below that, back by "
	       "COMMAND, so that the cache keeps what has not been written since era N, and "
	       "nothing else.\v"
	       "The cache is cleaned, if it is in writeback mode, and stopped with its era device. "
	       "It gets new metadata without the stale mappings, and what was written since N is "
	       "marked in a new era, so that every era that was remembered stays right. Then "
	       "COMMAND runs, and both devices are started with the tables they had.\n\n"
	       "A run that was interrupted is finished by running it again.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "metadata, tables or the witness are damaged",
			[STATUS_SYSTEM] = "system error, a device is in use, or COMMAND failed or "
					  "did nothing",
			[STATUS_NO_ANSWER] = "there is no safe answer; nothing was changed",
		},
};

void rollback_say(const struct rollback *r, const char *fmt, ...)
{
	char *text;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if (r->options->dry_run && !r->options->json)
		tool_print("would: %s", text);
	else
		tool_say(r->tool, r->options->dry_run ? "would: %s" : "%s", text);
	free(text);
}

/* An earlier rollback is finished before another one is begun; where its command has ended well, it
 * is. */
static int check_progress(struct rollback *r)
{
	if (r->step == STEP_NONE || r->since == r->options->era)
		return 0;
	if (r->step == STEP_DONE) {
		tool_say(r->tool,
			 "%s: an earlier run has rolled the storage back to era %" PRIu32
			 ", and is over",
			 r->cache.name, r->since);
		r->step = STEP_NONE;
		r->marks = 0;
		return 0;
	}
	return report_fail(r->rep, ERA_SYS,
			   "%s: a rollback to era %" PRIu32 " was interrupted: finish or cancel it "
			   "first; %s",
			   r->cache.name, r->since, progress_advice(r));
}

/* The numbers of the tables were those of another boot. */
static int refuse_old_tables(const struct rollback *r)
{
	if (r->cache.active || r->is_trusted || r->options->tables || !r->has_progress)
		return 0;
	return report_fail(
		r->rep, ERA_SYS,
		"%s: a rollback to era %" PRIu32 " was interrupted before this boot: "
		"activate the devices as at each start, which is safe, and run it again; "
		"or give their tables by --tables",
		r->cache.name, r->since);
}

static int check_discards(const struct rollback *r)
{
	if (!r->passes_discards || r->options->drop_all)
		return 0;
	return report_fail(
		r->rep, ERA_NO_ANSWER,
		"%s: passes discards to %s, which does not track them, so what has "
		"changed is not known: --drop-all empties the cache and marks all blocks",
		r->cache.name, r->era.name);
}

static int find(struct rollback *r)
{
	int e = progress_read(r);

	if (!e)
		e = mapper_open(&r->mapper, 0, r->rep);
	return e ? e : stack_find(r);
}

/*
 * After a failure: as it was, but for mappings that are gone and marks that are there.  A cache
 * that was not active when this run began stays so: activated after a crash, it would write to the
 * origin.
 */
static void put_back(struct rollback *r)
{
	int e;

	if (!r->was_active) {
		if (!r->has_progress && progress_forget(r))
			return;
		tool_say(r->tool, "%s: was not active, and is not", r->cache.name);
		return;
	}
	e = r->cache.active ? clean_undo(r) : 0;
	if (!e && !r->stopped && r->step != STEP_STOPPING)
		return;
	if (e || stack_start(r) || progress_forget(r)) {
		report_note(r->rep, "%s: " ERA_PROGRAM " rollback --cancel %s puts it back",
			    r->cache.name, r->cache.name);
		return;
	}
	tool_say(r->tool, "%s: the devices are as they were", r->cache.name);
}

static int prepare(struct rollback *r)
{
	int e;

	r->was_active = r->cache.active;
	r->resumes = r->step >= STEP_COMMAND;
	r->was_done = r->step == STEP_DONE && !r->options->done;
	e = clean_cache(r);

	if (!e)
		e = progress_write(r, STEP_STOPPING);
	if (!e)
		e = stack_stop(r);
	if (!e && cancel_noted)
		e = ERA_CANCELLED;
	if (!e)
		e = work_prepare(r, NULL);
	if (!e && cancel_noted)
		e = ERA_CANCELLED;
	if (e)
		put_back(r);
	return e;
}

static int refuse_pending(const struct rollback *r)
{
	return report_fail(
		r->rep, ERA_SYS,
		"%s: LVM has not merged the snapshot yet, and will when the volume is activated "
		"the next time, so nothing is started: find what holds the volume open, "
		"deactivate and activate it, then run " ERA_PROGRAM " rollback --era %" PRIu32
		" --done %s",
		r->cache.name, rollback_era(r), r->cache.name);
}

/* It was another snapshot, so nothing that the cache holds can be believed, and everything may have
 * changed. */
static int empty_cache(struct rollback *r)
{
	int e;

	report_fail(r->rep, ERA_SYS,
		    "%s: blocks have changed that were not written since era %" PRIu32
		    ": the storage was not rolled back to that era; the cache is emptied, and all "
		    "blocks are marked",
		    r->cache.name, rollback_era(r));
	r->drops_all = true;
	r->marks_all = true;
	e = work_prepare(r, NULL);
	if (!e)
		e = stack_start(r);
	if (!e)
		e = progress_forget(r);
	return e ? e : ERA_SYS;
}

/* Are blocks no longer what they were before the run that was interrupted began COMMAND? */
static bool has_changed(const struct rollback *r, enum sample_set set, const struct sampled *before)
{
	const struct sampled now = storage_sampled(r, set);

	return r->resumes && r->use != USE_WRITTEN && now.which == before->which &&
	       now.held != before->held;
}

static bool was_done_before(const struct rollback *r)
{
	return has_changed(r, SAMPLES_LISTED, &r->listed);
}

static bool is_another(const struct rollback *r)
{
	return r->is_another || has_changed(r, SAMPLES_UNLISTED, &r->unlisted);
}

/* What a run that was interrupted has done, COMMAND has not to do again. */
static int refuse_same(struct rollback *r)
{
	if (was_done_before(r)) {
		report_note(
			r->rep,
			"%s: the command has changed nothing, so the interrupted run had done it, "
			"unless the storage was written to since",
			r->cache.name);
		return 0;
	}
	r->has_begun = false;
	if (progress_write(r, STEP_READY))
		return ERA_SYS;
	return report_fail(
		r->rep, ERA_SYS,
		"%s: the command has changed none of %zu blocks that were written since "
		"era %" PRIu32
		", so nothing is started: if it had nothing to do, or will change nothing any "
		"more, run " ERA_PROGRAM " rollback --era %" PRIu32 " --done %s, otherwise see why",
		r->cache.name, r->samples[SAMPLES_LISTED].nr, rollback_era(r), rollback_era(r),
		r->cache.name);
}

/* What COMMAND has read by the cache before it rolled the storage back is there once more. */
static int empty_used(struct rollback *r)
{
	int e = stack_refuse_active(r);

	if (e)
		return e;
	report_note(r->rep,
		    "%s: the command has used the devices, so what the cache holds may be stale: "
		    "it is emptied",
		    r->cache.name);
	r->drops_all = true;
	e = work_prepare(r, NULL);
	r->was_used = e != 0;
	return e;
}

/* What failed and changed nothing leaves everything usable. */
static int command_failed(struct rollback *r, int e, enum storage_change change)
{
	if (change == STORAGE_SAME || change == STORAGE_UNKNOWN) {
		put_back(r);
		return e;
	}
	return report_fail(r->rep, e,
			   "%s: the command failed after it had changed blocks, so nothing is "
			   "started; %s",
			   r->cache.name, progress_advice(r));
}

static int judge(struct rollback *r, int e)
{
	enum storage_change change = STORAGE_UNKNOWN;
	int compared = 0;

	if (storage_is_pending(r))
		return refuse_pending(r);
	if (!r->options->done)
		compared = storage_compare(r, &change);
	if (!compared)
		compared = work_look_whether_used(r);
	if (!compared && r->was_used)
		compared = progress_write(r, STEP_COMMAND);
	if (compared)
		return compared;
	if (change == STORAGE_UNEXPECTED || is_another(r))
		return empty_cache(r);
	if (e)
		return command_failed(r, e, change);
	e = change == STORAGE_SAME ? refuse_same(r) : 0;
	return e || !r->was_used ? e : empty_used(r);
}

static int run_command(struct rollback *r)
{
	int e;

	if (!r->resumes) {
		r->listed = storage_sampled(r, SAMPLES_LISTED);
		r->unlisted = storage_sampled(r, SAMPLES_UNLISTED);
	}
	e = progress_write(r, STEP_COMMAND);
	if (e) {
		put_back(r);
		return e;
	}
	mapper_rest(r->mapper);
	r->has_begun = true;
	if (!r->options->done)
		e = hook_run_kept(r->options->exec, r->rep);
	e = judge(r, e);
	return e ? e : progress_write(r, STEP_DONE);
}

static int take_earlier(struct rollback *r)
{
	tool_say(r->tool,
		 "%s: the storage was rolled back by an earlier run, and nothing was written since",
		 r->cache.name);
	r->nr_marked = 0;
	return progress_write(r, STEP_DONE);
}

static int finish(struct rollback *r)
{
	int e = stack_start(r);

	if (e) {
		report_note(r->rep, "%s: %s", r->cache.name, progress_advice(r));
		return e;
	}
	return progress_forget(r);
}

static int dry_run(struct rollback *r)
{
	int e = clean_cache(r);

	rollback_say(r, "%s: 0 %" PRIu64 " cache %s", r->cache.name, r->cache.sectors,
		     r->cache.params);
	rollback_say(r, "%s: 0 %" PRIu64 " era %s", r->era.name, r->era.sectors, r->era.params);
	if (!e)
		e = work_dry(r);
	if (!e)
		rollback_say(r, "run, with both devices removed: %s",
			     r->options->exec ? r->options->exec : "nothing");
	return e ? e : print_answer(r);
}

static int roll_back(struct rollback *r)
{
	int e = find(r);

	if (!e)
		e = check_progress(r);
	if (!e)
		e = refuse_old_tables(r);
	if (!e)
		e = check_discards(r);
	if (!e && r->options->dry_run)
		return dry_run(r);
	if (!e)
		e = prepare(r);
	if (!e)
		e = r->is_over ? take_earlier(r) : run_command(r);
	if (!e)
		e = finish(r);
	return e ? e : print_answer(r);
}

/* COMMAND may have changed the storage, to another snapshot even, or have used the devices. */
static int compare_again(struct rollback *r)
{
	int e = prepare(r);

	return e || !is_another(r) ? e : empty_cache(r);
}

static int cancel(struct rollback *r)
{
	int e = find(r);

	if (!e && r->step == STEP_NONE) {
		tool_say(r->tool, "%s: no rollback was interrupted", r->cache.name);
		return print_answer(r);
	}
	if (!e)
		e = refuse_old_tables(r);
	if (!e && !r->cache.active && storage_is_pending(r))
		return refuse_pending(r);
	if (!e && r->step == STEP_COMMAND && (!r->cache.active || r->was_used))
		e = compare_again(r);
	if (!e)
		e = clean_undo(r);
	if (!e)
		e = finish(r);
	if (!e)
		tool_say(r->tool, "%s: the devices are as they were", r->cache.name);
	return e ? e : print_answer(r);
}

static int status(struct rollback *r)
{
	int e = progress_read(r);

	if (e)
		return e;
	if (r->options->json)
		return print_answer(r);
	if (r->step == STEP_NONE)
		tool_print("%s: no rollback was interrupted", r->options->path);
	else
		tool_print("%s: a rollback to era %" PRIu32 " was interrupted: %s%s",
			   r->options->path, r->since, progress_advice(r),
			   r->is_trusted ? ""
					 : "; the machine was started since: activate the devices "
					   "first");
	return 0;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct rollback_options *options = arg;
	struct rollback r = {.options = options,
			     .tool = tool,
			     .rep = &tool->report,
			     .lock = -1,
			     .drops_all = options->drop_all};
	int e;

	tool->path = options->path;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	if (!options->status)
		cancel_listen();
	e = options->status ? status(&r) : options->cancel ? cancel(&r) : roll_back(&r);
	mapper_close(r.mapper);
	free(r.file);
	free(r.marked);
	storage_free(&r);
	if (r.lock >= 0)
		close(r.lock);
	if (e == ERA_CANCELLED)
		cancel_obey();
	return e ? status_of(e) : tool_close_stdout(tool);
}

const struct program program_rollback = {
	.name = "rollback",
	.summary = "roll the storage below a dm-cache back",
	.options = &table,
	.options_size = sizeof(struct rollback_options),
	.run = run,
};
