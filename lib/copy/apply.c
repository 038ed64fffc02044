/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A delta is read twice: to verify it, and to apply it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "copy/apply_internal.h"

/* Reading. */

static void show_progress(const struct apply *a, enum progress_step step)
{
	report_progress(a->rep, step, a->source.done, a->source.size);
}

static int stage_write(void *ctx, const void *data, size_t size)
{
	struct apply *a = ctx;

	if (!a->stages)
		return 0;
	errno = io_write_at(a->stage.file.fd, data, size, a->staged);
	if (errno)
		return report_errno(a->rep, a->staging, "cannot write");
	a->staged += (off_t)size;
	return 0;
}

static int open_reader(struct apply *a, const struct delta_tee *tee)
{
	int r = source_open(&a->source, a->from, a->rep);

	if (!r)
		r = delta_reader_open(&a->reader, &a->source, tee);
	return r ? r : delta_read_header(a->reader, &a->result.header);
}

static void close_reader(struct apply *a)
{
	delta_reader_close(a->reader);
	a->reader = NULL;
	source_close(&a->source);
}

static void note_record(struct apply *a, const struct delta_record *record)
{
	samples_touch(&a->ends->state->samples, record, &a->touched);
	if (record->kind == DELTA_DATA)
		a->result.data_bytes += record->length;
	else
		a->result.zero_bytes += record->length;
}

static int verify(struct apply *a)
{
	struct delta_record record;
	int r;

	while ((r = delta_next(a->reader, &record)) > 0) {
		note_record(a, &record);
		show_progress(a, PROGRESS_READ_DELTA);
	}
	if (r)
		return r;
	a->checksum = delta_reader_checksum(a->reader);
	return judge_facts(a);
}

/* Writing. */

static int write_data(struct apply *a, const struct delta_record *record)
{
	const uint8_t *data;
	uint64_t at = record->offset;
	int n, r = 0;

	while (!r && (n = delta_read_data(a->reader, &data)) > 0) {
		r = copy_target_write(a->ends->target, data, (size_t)n, at);
		at += (uint64_t)n;
		show_progress(a, PROGRESS_APPLY);
	}
	return r ? r : n;
}

static int write_records(struct apply *a, bool is_first)
{
	struct delta_record record;
	int r, w = 0;

	while (!w && (r = delta_next(a->reader, &record)) > 0) {
		if (is_first)
			note_record(a, &record);
		samples_offer(&a->chooser, &record);
		w = record.kind == DELTA_DATA
			    ? write_data(a, &record)
			    : copy_target_zero(a->ends->target, record.offset, record.length);
	}
	return w ? w : r;
}

static int mark(struct apply *a)
{
	struct backup_state *state = a->ends->state;

	a->before = (struct apply_mark){state->under_way, state->is_staged, state->going};
	state->under_way = true;
	state->going = a->result.header;
	state->is_staged = a->is_staged;
	return a->ends->save(a->ends->ctx, state);
}

/* Nothing was written, so TARGET is what it was. */
static int take_back_mark(struct apply *a)
{
	struct backup_state *state = a->ends->state;

	state->under_way = a->before.under_way;
	state->is_staged = a->before.is_staged;
	state->going = a->before.going;
	return a->ends->save(a->ends->ctx, state);
}

static void fill_state(struct apply *a, struct backup_state *state)
{
	state->has_base = true;
	state->base = a->result.header.to;
	state->size = a->result.header.size;
	state->witness_size = 0;
	state->is_refuted = false;
	state->has_reverted_era = false;
	state->reverted_era = 0;
	state->under_way = state->is_staged = false;
	state->going = (struct delta_header){0};
	if (!a->has_facts && apply_is_full(a))
		*state->origin = '\0';
	if (!a->has_facts)
		return;
	state->block_size = a->facts.block_size;
	memcpy(state->origin, a->facts.origin, sizeof(state->origin));
	state->witness_size = a->facts.witness_size;
	memcpy(state->witness, a->facts.witness, a->facts.witness_size);
}

static int complete(struct apply *a)
{
	struct backup_state *state = a->ends->state;
	int r = clone_commit(&a->clone, a->ends->target);

	if (r)
		return r;
	if (!apply_is_full(a))
		samples_keep(&a->chooser, &state->samples, &state->base, state->size);
	r = samples_make(&a->chooser, a->ends->target, &state->samples);
	if (r)
		return r;
	fill_state(a, state);
	return a->ends->save(a->ends->ctx, state);
}

static int compare_passes(const struct apply *a)
{
	if (delta_reader_checksum(a->reader) == a->checksum)
		return 0;
	return report_fail(a->rep, ERA_SYS, "%s: delta: changed while it was being applied",
			   a->source.name);
}

/* is_first: it was not verified before. */
static int write_target(struct apply *a, bool is_first)
{
	struct copy_target *target = a->ends->target;
	uint32_t block_size = a->has_facts ? a->facts.block_size : a->ends->state->block_size;
	int r;

	samples_begin(&a->chooser, &a->result.header, block_size);
	r = write_records(a, is_first);
	if (!r)
		r = is_first ? judge_facts(a) : compare_passes(a);
	if (!r && is_first)
		r = judge_samples_after(a);
	if (!r)
		r = copy_target_cut(target);
	return r ? r : complete(a);
}

/* TARGET as large as it must be: the first that may fail for want of space. */
static int make_room(struct apply *a)
{
	struct copy_target *target = a->ends->target;
	int r = target->exists ? 0 : copy_target_create(target);

	if (!r && a->task->clones && !target->created)
		r = clone_begin(&a->clone, target);
	return r ? r : copy_target_set_limit(target, a->result.header.size);
}

/* What was written is no part of TARGET. */
static int undo(struct apply *a, int r)
{
	struct copy_target *target = a->ends->target;

	copy_target_drop(target);
	if (clone_is_open(&a->clone)) {
		clone_end(&a->clone, target);
		target->size = a->old_size;
	}
	return take_back_mark(a) ? ERA_SYS : r;
}

/* One that was under way is none that could stay. */
static int keep(struct apply *a)
{
	const struct backup_state *state = a->ends->state;

	return a->task->keeps && state->has_base && !state->under_way
		       ? clone_keep(a->ends->target, state)
		       : 0;
}

static int write_marked(struct apply *a, bool is_first)
{
	int r = keep(a);

	a->old_size = a->ends->target->size;
	if (!r)
		r = mark(a);
	if (r)
		return r;
	r = make_room(a);
	if (r)
		return undo(a, r);
	r = write_target(a, is_first);
	if (r && clone_is_open(&a->clone))
		return undo(a, r);
	if (r)
		report_note(a->rep, "%s: is incomplete: apply the delta again%s%s", a->task->target,
			    a->is_staged ? ", it is " : "", a->is_staged ? a->staging : "");
	return r;
}

static int write_again(struct apply *a)
{
	const struct delta_header wanted = a->result.header;
	int r;

	close_reader(a);
	r = open_reader(a, NULL);
	if (!r && !apply_is_going(&wanted, &a->result.header))
		r = report_fail(a->rep, ERA_SYS, "%s: delta: changed while it was being applied",
				a->from);
	return r ? r : write_marked(a, false);
}

/* The whole. */

static bool is_stream(const char *path)
{
	struct stat st;

	return !strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode));
}

static bool changes_target(const struct apply *a)
{
	return !a->task->dry_run && a->result.end != APPLY_ALREADY;
}

static int end_staging(struct apply *a)
{
	int r = replacement_commit(&a->stage, a->staging, a->rep);

	if (r)
		return r;
	a->is_staged = true;
	a->from = a->staging;
	return 0;
}

static int go_on(struct apply *a)
{
	int r = judge_header(a);

	if (!r)
		r = judge_samples_before(a);
	a->stages = a->stages && changes_target(a);
	if (!r && a->streams && !a->stages && changes_target(a))
		return write_marked(a, true);
	if (!r)
		r = verify(a);
	if (!r)
		r = judge_samples_after(a);
	if (!r && a->stages)
		r = end_staging(a);
	return r || !changes_target(a) ? r : write_again(a);
}

static bool is_staging_file(const struct apply *a)
{
	struct stat st, staging;

	return !stat(a->task->delta, &st) && !stat(a->staging, &staging) &&
	       io_is_same_file(&st, &staging);
}

/* It has served. */
static void remove_staging(const struct apply *a)
{
	if (unlink(a->staging) && errno != ENOENT)
		report_note(a->rep, "%s: cannot remove it: %s", a->staging, strerror(errno));
}

static int open_stage(struct apply *a)
{
	return a->stages ? replacement_open(&a->stage, a->staging, a->staging, a->rep) : 0;
}

static void close_stage(struct apply *a)
{
	if (a->stage.target && a->stage.file.fd >= 0)
		close(a->stage.file.fd);
	replacement_close(&a->stage);
}

static int run(struct apply *a)
{
	const struct delta_tee tee = {stage_write, a};
	bool was_staged = a->ends->state->is_staged;
	int r;

	a->from = a->task->delta;
	a->streams = is_stream(a->from);
	a->stages = a->streams && !a->task->no_stage && !a->task->dry_run;
	a->is_staged = !a->streams && is_staging_file(a);
	r = open_stage(a);
	if (!r)
		r = open_reader(a, a->stages ? &tee : NULL);
	if (!r)
		r = go_on(a);
	close_reader(a);
	close_stage(a);
	if (!r && changes_target(a) && (a->is_staged || was_staged))
		remove_staging(a);
	return r;
}

int apply_to(const struct apply_task *task, const struct apply_ends *ends,
	     struct apply_result *result)
{
	struct apply *a = calloc(1, sizeof(*a));
	char *staging = apply_staging_path(task);
	int r;

	if (!a || !staging) {
		r = report_nomem(task->rep);
	} else {
		*a = (struct apply){.task = task,
				    .ends = ends,
				    .rep = task->rep,
				    .staging = staging};
		r = run(a);
	}
	if (!r)
		*result = a->result;
	free(staging);
	free(a);
	return r;
}
