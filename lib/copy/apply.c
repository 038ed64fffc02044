/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A delta is read twice: to verify it, and to apply it.  What decides whether it belongs on TARGET
 * is known in three steps: its header against the state, TARGET's samples against the state, and
 * its trailer.
 */
#include "copy/apply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/next_step.h"
#include "base/replacement.h"
#include "base/source.h"
#include "copy/delta_reader.h"

#define STATE_SUFFIX ".era"
#define STAGING_SUFFIX ".delta"

struct apply {
	const struct apply_task *task;
	const struct apply_ends *ends;
	const struct report *rep;
	struct apply_result result;
	const char *from;    /* where the delta is read now */
	const char *staging; /* name of the staging file */
	bool streams;	     /* it can be read only once */
	bool stages;	     /* so it is copied to the staging file */
	bool is_staged;	     /* it lies there */
	struct source source;
	struct delta_reader *reader;
	struct replacement stage; /* while it is written */
	off_t staged;
	uint32_t checksum; /* of the first reading */
	struct samples_touched touched;
	struct delta_facts facts;
	bool has_facts;
	struct sample_chooser chooser;
};

static int refuse(const struct apply *a, const char *what)
{
	return report_fail(a->rep, ERA_NO_ANSWER, "%s: %s; %s", a->task->target, what,
			   NEXT_OTHER_DELTA);
}

static bool is_full(const struct apply *a)
{
	return !a->result.header.has_from;
}

/* The header and the state. */

static bool is_going(const struct delta_header *going, const struct delta_header *header)
{
	return going->size == header->size && going->has_from == header->has_from &&
	       backup_name_same(&going->to, &header->to) &&
	       (!going->has_from || backup_name_same(&going->from, &header->from));
}

static int refuse_unfinished(const struct apply *a)
{
	const struct backup_state *state = a->ends->state;
	char name[BACKUP_NAME_BYTES];

	backup_name_format(&state->going.to, name);
	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: the delta to %s was begun and not finished: apply it again%s%s",
			   a->task->target, name, state->is_staged ? ", it is " : "",
			   state->is_staged ? a->staging : "");
}

static int refuse_base(const struct apply *a)
{
	char base[BACKUP_NAME_BYTES], from[BACKUP_NAME_BYTES];

	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: wrong base: found %s, wanted %s, which the delta starts from; %s",
			   a->task->target, backup_name_format(&a->ends->state->base, base),
			   backup_name_format(&a->result.header.from, from), NEXT_OTHER_DELTA);
}

static int refuse_size(const struct apply_task *task, const struct copy_target *target,
		       const struct backup_state *state)
{
	return report_fail(task->rep, ERA_NO_ANSWER,
			   "%s: its size is not that of the backup: found %" PRIu64
			   " bytes, wanted %" PRIu64 "; %s",
			   task->target, target->size, state->size, NEXT_OTHER_DELTA);
}

static int refuse_content(const struct apply_task *task, uint64_t at)
{
	return report_fail(task->rep, ERA_NO_ANSWER,
			   "%s: was changed since it was made, or is another backup: it differs at "
			   "byte %" PRIu64 "; %s",
			   task->target, at, NEXT_OTHER_DELTA);
}

/* A device may be larger than what it holds. */
static bool has_size(const struct copy_target *target, uint64_t size)
{
	return target->is_device ? target->size >= size : target->size == size;
}

static int check_base(const struct apply *a)
{
	const struct copy_target *target = a->ends->target;
	const struct backup_state *state = a->ends->state;

	if (!target->exists)
		return refuse(a, "does not exist, and the delta is no full backup");
	if (!state->has_base)
		return refuse(a, "has no state that says which backup it is, and the delta is no "
				 "full backup");
	if (a->result.end == APPLY_FINISHED && has_size(target, a->result.header.size))
		return 0;
	return has_size(target, state->size) ? 0 : refuse_size(a->task, target, state);
}

static int check_full(const struct apply *a)
{
	const struct copy_target *target = a->ends->target;
	const struct backup_state *state = a->ends->state;

	if (a->task->force || state->has_base || state->under_way || !target->size)
		return 0;
	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: has no state: it is no backup, or another program's; --force "
			   "overwrites it",
			   a->task->target);
}

/* What is to be done, and whether the state allows it. */
static int judge_header(struct apply *a)
{
	const struct delta_header *header = &a->result.header;
	const struct backup_state *state = a->ends->state;

	a->result.end = APPLY_DONE;
	if (state->under_way && is_going(&state->going, header))
		a->result.end = APPLY_FINISHED;
	else if (!state->under_way && state->has_base && !(is_full(a) && a->task->force) &&
		 backup_name_same(&state->base, &header->to))
		a->result.end = APPLY_ALREADY;
	if (a->result.end != APPLY_ALREADY && is_full(a))
		return check_full(a);
	if (a->result.end == APPLY_DONE && state->under_way)
		return refuse_unfinished(a);
	if (a->result.end == APPLY_DONE && state->has_base &&
	    !backup_name_same(&state->base, &header->from))
		return refuse_base(a);
	return check_base(a);
}

/* TARGET's samples: those that the delta, if it was begun, may have changed say nothing. */
static int check_samples(struct apply *a, const struct samples_touched *touched)
{
	uint64_t at;
	int r = samples_compare(&a->ends->state->samples, a->ends->target, touched, &at);

	return r > 0 ? 0 : r ? r : refuse_content(a->task, at);
}

/* Samples past the end of the smaller size may be cut off. */
static void touch_end(struct apply *a)
{
	const struct samples *samples = &a->ends->state->samples;

	for (uint32_t i = 0; i < samples->nr; i++)
		if (samples->at[i].offset + samples->at[i].length > a->result.header.size)
			a->touched.is[i] = true;
}

static int check_samples_before(struct apply *a)
{
	if (a->result.end == APPLY_FINISHED || (is_full(a) && a->result.end != APPLY_ALREADY))
		return 0;
	return check_samples(a, NULL);
}

static int check_samples_after(struct apply *a)
{
	if (a->result.end != APPLY_FINISHED || is_full(a))
		return 0;
	touch_end(a);
	return check_samples(a, &a->touched);
}

/* The trailer. */

static int check_origin(const struct apply *a)
{
	const struct backup_state *state = a->ends->state;

	if (!is_full(a) || a->task->force || !state->has_base || !*state->origin ||
	    !*a->facts.origin || !strcmp(state->origin, a->facts.origin))
		return 0;
	return report_fail(a->rep, ERA_NO_ANSWER,
			   "%s: is a backup of another origin: found %s, wanted %s; --force "
			   "overwrites it",
			   a->task->target, state->origin, a->facts.origin);
}

static int check_facts(struct apply *a)
{
	const struct delta_facts *facts = delta_reader_facts(a->reader);
	const struct backup_state *state = a->ends->state;

	if (!facts && !delta_reader_covers(a->reader, is_full(a) ? 0 : state->size))
		return refuse(a, "is smaller, and what was added is not in the delta");
	if (!facts && a->task->no_checksum)
		return 0;
	if (!facts)
		return report_fail(a->rep, ERA_DAMAGED,
				   "%s: delta: ends without a checksum: if rbd has merged it, "
				   "--no-checksum takes it",
				   a->source.name);
	a->has_facts = true;
	a->facts = *facts;
	if (!is_full(a) && a->result.end != APPLY_ALREADY && facts->from_size != state->size)
		return refuse(a, "its size is not that of the delta's base");
	return check_origin(a);
}

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
	return check_facts(a);
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

	state->under_way = true;
	state->going = a->result.header;
	state->is_staged = a->is_staged;
	return a->ends->save(a->ends->ctx, state);
}

static void fill_state(struct apply *a, struct backup_state *state)
{
	state->has_base = true;
	state->base = a->result.header.to;
	state->size = a->result.header.size;
	state->witness_size = 0;
	state->under_way = state->is_staged = false;
	state->going = (struct delta_header){0};
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
	int r = copy_target_flush(a->ends->target);

	if (!r)
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
	int r = target->exists ? 0 : copy_target_create(target);

	samples_begin(&a->chooser, &a->result.header, block_size);
	if (!r)
		r = copy_target_set_limit(target, a->result.header.size);
	if (!r)
		r = write_records(a, is_first);
	if (!r)
		r = is_first ? check_facts(a) : compare_passes(a);
	if (!r && is_first)
		r = check_samples_after(a);
	if (!r)
		r = copy_target_cut(target);
	return r ? r : complete(a);
}

static int write_marked(struct apply *a, bool is_first)
{
	int r = mark(a);

	if (r)
		return r;
	r = write_target(a, is_first);
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
	if (!r && !is_going(&wanted, &a->result.header))
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

static int check_room(const struct apply *a)
{
	const struct copy_target *target = a->ends->target;

	if (!target->is_device || target->size >= a->result.header.size)
		return 0;
	return report_fail(a->rep, ERA_SYS,
			   "%s: is too small: found %" PRIu64 " bytes, wanted %" PRIu64,
			   a->task->target, target->size, a->result.header.size);
}

static int judge(struct apply *a)
{
	int r = judge_header(a);

	if (!r)
		r = check_room(a);
	if (!r)
		r = check_samples_before(a);
	a->stages = a->stages && changes_target(a);
	return r;
}

static int go_on(struct apply *a)
{
	int r = judge(a);

	if (!r && a->streams && !a->stages && changes_target(a))
		return write_marked(a, true);
	if (!r)
		r = verify(a);
	if (!r)
		r = check_samples_after(a);
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

static char *join(const char *path, const char *suffix)
{
	char *joined;

	return asprintf(&joined, "%s%s", path, suffix) < 0 ? NULL : joined;
}

char *apply_state_path(const struct apply_task *task)
{
	return task->state ? strdup(task->state) : join(task->target, STATE_SUFFIX);
}

char *apply_staging_path(const struct apply_task *task)
{
	return join(task->state ? task->state : task->target, STAGING_SUFFIX);
}

static int refuse_device(const struct apply_task *task)
{
	return report_fail(task->rep, ERA_SYS,
			   "%s: is a device, beside which no state lasts: --state says where it is",
			   task->target);
}

static int save(void *ctx, const struct backup_state *state)
{
	const struct apply_task *task = ctx;
	char *path = apply_state_path(task);
	int r = path ? backup_state_save(state, path, task->rep) : report_nomem(task->rep);

	free(path);
	return r;
}

/* With force, which a full backup alone heeds, a damaged one is none. */
static int load(const struct apply_task *task, struct backup_state *state)
{
	char *path = apply_state_path(task);
	int r = path ? backup_state_load(state, path, task->rep) : report_nomem(task->rep);

	free(path);
	return r > 0 || (r == ERA_DAMAGED && task->force) ? 0 : r;
}

static int compare_state(const struct apply_task *task, struct copy_target *target,
			 const struct backup_state *state)
{
	uint64_t at;
	int r;

	if (!state->has_base && !state->under_way)
		return report_fail(task->rep, ERA_NO_ANSWER, "%s: has no state; %s", task->target,
				   NEXT_FULL_BACKUP);
	if (state->under_way)
		return 0;
	if (!has_size(target, state->size))
		return refuse_size(task, target, state);
	r = samples_compare(&state->samples, target, NULL, &at);
	return r > 0 ? 0 : r ? r : refuse_content(task, at);
}

static int apply_with(const struct apply_task *task, struct copy_target *target,
		      struct backup_state *state, struct apply_result *result)
{
	struct apply_task own = *task;
	const struct apply_ends ends = {target, state, save, &own};
	int r = load(task, state);

	return r ? r : apply_to(task, &ends, result);
}

static int open_target(const struct apply_task *task, struct copy_target *target)
{
	int r = copy_target_open(target, task->target, task->dry_run ? TARGET_READ : TARGET_WRITE,
				 task->rep);

	return r || !target->is_device || task->state ? r : refuse_device(task);
}

int apply_delta(const struct apply_task *task, struct apply_result *result)
{
	struct backup_state *state = calloc(1, sizeof(*state));
	struct copy_target target;
	int r;

	if (!state)
		return report_nomem(task->rep);
	r = open_target(task, &target);
	if (!r)
		r = apply_with(task, &target, state, result);
	copy_target_close(&target);
	free(state);
	return r;
}

int apply_examine(const struct apply_task *task, struct backup_state *state)
{
	struct copy_target target;
	int r = open_target(task, &target);

	*state = (struct backup_state){0};
	if (!r)
		r = load(task, state);
	if (!r)
		r = compare_state(task, &target, state);
	copy_target_close(&target);
	return r;
}
