/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/next_step.h"
#include "base/source.h"
#include "copy/clone.h"
#include "era_backup/backup.h"

struct apply_task base_task(const struct backup *b)
{
	return (struct apply_task){
		.delta = b->staging_path,
		.target = b->options->target,
		.state = b->options->state,
		.clones = !b->options->in_place,
		.rep = b->rep,
	};
}

int base_save_state(void *ctx, const struct backup_state *state)
{
	const struct backup *b = ctx;

	if (state->has_base || state->under_way || state->has_snapshot_era)
		return backup_state_save(state, b->state_path, b->rep);
	return unlink(b->state_path) && errno != ENOENT
		       ? report_errno(b->rep, b->state_path, "cannot remove")
		       : 0;
}

int base_give_up(struct backup *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vformat(b->why, sizeof(b->why), fmt, args);
	va_end(args);
	b->is_full = true;
	if (b->options->reverts)
		return report_fail(b->rep, ERA_NO_ANSWER,
				   "%s: what differs from it is not known: %s; copy all of it to "
				   "the disk",
				   b->options->target, b->why);
	if (b->options->incremental_only)
		return report_fail(b->rep, ERA_NO_ANSWER,
				   "%s: no increment is possible: %s; leave out --incremental-only "
				   "for a full backup",
				   b->options->target, b->why);
	report_note(b->rep, "%s: a full backup: %s", b->options->target, b->why);
	return 0;
}

static int give_up_refuted(struct backup *b)
{
	return base_give_up(b, "an earlier run has found metadata that are not those of the last "
			       "backup, or older ones, or another device beside the target");
}

/* Other programs that merge deltas leave out what ours alone have. */
static int give_up_unknown(struct backup *b)
{
	return base_give_up(b, "it was made from a delta that does not say which metadata it is "
			       "from, as a merged one");
}

/* The base of a delta for somebody else. */

static int read_base(struct backup *b, char *text, size_t *len)
{
	struct source source;
	int n = 0, r = source_open(&source, b->options->base, b->rep);

	if (r)
		return r;
	while (*len < BACKUP_STATE_MAX_BYTES &&
	       (n = source_read(&source, text + *len, (unsigned)(BACKUP_STATE_MAX_BYTES - *len))) >
		       0)
		*len += (size_t)n;
	source_close(&source);
	return n < 0 ? n : 0;
}

static int take_base(struct backup *b)
{
	char *text = malloc(BACKUP_STATE_MAX_BYTES);
	size_t len = 0;
	int r = text ? read_base(b, text, &len) : report_nomem(b->rep);

	if (!r)
		r = backup_state_decode(b->state, b->options->base, text, len, b->rep);
	free(text);
	if (!r && (b->state->under_way || !b->state->has_base))
		return base_give_up(b, "%s: its delta is not finished", b->options->base);
	if (!r && b->state->is_refuted)
		return give_up_refuted(b);
	return r || b->state->witness_size ? r : give_up_unknown(b);
}

static int open_stdout(struct backup *b)
{
	if (isatty(STDOUT_FILENO))
		return report_fail(b->rep, ERA_SYS,
				   "standard output: is a terminal; a delta goes to a pipe or a "
				   "file");
	if (!b->options->base)
		return base_give_up(b, "no --base says what to start from");
	return take_base(b);
}

/* The base here. */

static int refuse_device(const struct backup *b)
{
	return report_fail(b->rep, ERA_SYS,
			   "%s: is a device, beside which no state lasts: --state says where it is",
			   b->options->target);
}

static int load(struct backup *b)
{
	int r = backup_state_load(b->state, b->state_path, b->rep);

	return r > 0 || (r == ERA_DAMAGED && b->options->force) ? 0 : r;
}

static int open_files(struct backup *b)
{
	const struct apply_task task = base_task(b);
	int r;

	b->state_path = apply_state_path(&task);
	b->staging_path = apply_staging_path(&task);
	if (!b->state_path || !b->staging_path)
		return report_nomem(b->rep);
	r = copy_target_open(&b->target, b->options->target,
			     b->options->dry_run || b->options->reverts ? TARGET_READ
									: TARGET_WRITE,
			     b->rep);
	if (!r && b->options->reverts && !b->target.exists)
		r = report_fail(b->rep, ERA_SYS, "%s: there is no such backup", b->options->target);
	if (!r && b->target.is_device && !b->options->state)
		r = refuse_device(b);
	if (!r && b->options->has_keep && b->target.is_device)
		r = report_fail(b->rep, ERA_SYS, "%s: is a device, which --keep can't clone",
				b->options->target);
	if (!r && b->options->has_keep)
		r = clone_wants_support(b->options->target, b->rep);
	return r ? r : load(b);
}

static bool is_delta_gone(const struct backup *b)
{
	return access(b->staging_path, F_OK) && errno == ENOENT;
}

/* A delta of an earlier run is complete, and TARGET is half way.  If the delta is gone, or is not
 * what it was, TARGET stays half way. */
static int finish(struct backup *b)
{
	const struct apply_ends ends = {&b->target, b->state, base_save_state, b};
	const struct apply_task task = base_task(b);
	struct apply_result result;
	int r;

	if (is_delta_gone(b))
		return 0;
	if (b->options->dry_run)
		return base_give_up(b, "an earlier delta would be finished first");
	report_note(b->rep, "%s: the delta that an earlier run has begun to apply is finished",
		    b->options->target);
	r = apply_to(&task, &ends, &result);
	return r == ERA_DAMAGED || r == ERA_NO_ANSWER ? 0 : r;
}

static bool has_size(const struct copy_target *target, uint64_t size)
{
	return target->is_device ? target->size >= size : target->size == size;
}

static int compare(struct backup *b)
{
	uint64_t at;
	int r;

	if (!b->target.exists || !has_size(&b->target, b->state->size))
		return base_give_up(b, "its size is not that of the backup");
	r = samples_compare(&b->state->samples, &b->target, NULL, &at);
	if (r)
		return r < 0 ? r : 0;
	return base_give_up(b,
			    "it was changed since it was made, or is another backup: it "
			    "differs at byte %llu",
			    (unsigned long long)at);
}

static int refuse_target(const struct backup *b)
{
	return report_fail(b->rep, ERA_NO_ANSWER,
			   "%s: has no state: it is no backup, or another program's; --force "
			   "overwrites it",
			   b->options->target);
}

static int judge(struct backup *b)
{
	if (b->state->under_way && b->options->reverts)
		return base_give_up(b, "a delta was applied to it in part; finish that first");
	if (b->state->under_way)
		return base_give_up(b, "an earlier delta was applied in part, and is gone");
	if (b->state->is_refuted)
		return give_up_refuted(b);
	if (b->state->has_base && b->options->full)
		return base_give_up(b, "--full");
	if (b->state->has_base)
		return b->state->witness_size ? compare(b) : give_up_unknown(b);
	if (b->options->reverts)
		return base_give_up(b, "it has no state, so it is no backup");
	if (b->target.size && !b->options->force)
		return refuse_target(b);
	return base_give_up(b, "there is none yet");
}

int base_open(struct backup *b)
{
	int r;

	b->target.fd = -1;
	b->state = calloc(1, sizeof(*b->state));
	if (!b->state)
		return report_nomem(b->rep);
	if (b->to_stdout)
		return open_stdout(b);
	r = open_files(b);
	if (!r && b->state->under_way && b->state->is_staged && !b->options->reverts)
		r = finish(b);
	return r || b->is_full ? r : judge(b);
}

void base_close(struct backup *b)
{
	copy_target_close(&b->target);
	free(b->state);
	free(b->state_path);
	free(b->staging_path);
}

/* To overwrite the only backup of another disk takes more than a wrong word on a command line. */
int base_check_origin(struct backup *b)
{
	const struct backup_state *state = b->state;

	if (!state->has_base || !*state->origin || !strcmp(state->origin, b->origin))
		return 0;
	if (!strcmp(state->origin, b->metadata)) {
		memcpy(b->origin, b->metadata, sizeof(b->origin));
		return 0;
	}
	if (b->options->force)
		return base_give_up(b, "of another origin than it was");
	return report_fail(b->rep, ERA_NO_ANSWER,
			   "%s: is a backup of another origin: found %s, wanted %s%s",
			   b->options->target, state->origin, b->origin,
			   b->options->reverts ? "" : "; --force overwrites it");
}
