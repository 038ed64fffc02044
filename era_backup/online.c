/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The disk is in use, and a snapshot of its storage is the source.
 *
 * Barrier, snapshot of the storage, list: a write that the storage's snapshot has was marked before
 * it, so it is in the list, which is made after it.  And a write that it has not is done after the
 * barrier, so it has the era to remember, or a later one, and is in the next list.
 *
 * The metadata snapshot is noted in the state, with the era that it will have, before it is taken.
 * So if this is killed, the next run knows it as its own, and drops it; nobody else's is touched.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "copy/served.h"
#include "era_backup/backup.h"
#include "era_backup/hook.h"
#include "era_backup/online.h"
#include "era_ctl/requests.h"
#include "open/untracked.h"

#define PROC_FD_BYTES 32
#define SECTOR_BYTES 512u
#define ORIGIN_BYTES "origin_bytes " /* in the statistics of a target in userspace */
#define MS_PER_S 1000u
#define US_PER_MS 1000
#define SILENT_S 60u /* a server that is the source, if nothing else is wanted */
#define FROZEN_S 60u /* while a command runs, if nothing else is wanted */

int online_cancelled(void)
{
	return cancel_noted ? ERA_CANCELLED : 0;
}

int online_open_source(struct backup *b)
{
	uint32_t s = b->options->timeout_s;
	const struct served_patience patience = {s ? s : SILENT_S, &cancel_noted};

	return copy_source_open_any(&b->source, b->options->source, &patience, b->rep);
}

/* Filesystems. */

int online_freeze(const struct online *o, struct freeze *freeze, uint32_t limit_ms)
{
	const struct option_texts *mounts = &o->b->options->freeze;

	int r = target_check_mounts(&o->target, mounts);

	return r ? r : freeze_begin(freeze, mounts->texts, mounts->nr, limit_ms, o->b->rep);
}

int online_thaw(struct online *o, struct freeze *freeze, int r)
{
	const struct option_texts *mounts = &o->b->options->freeze;
	const char *early = freeze_end(freeze, mounts->texts);

	if (mounts->nr)
		o->b->waited_us += (uint64_t)(clock_ms() - freeze->began_ms) * US_PER_MS;
	if (r || !early)
		return r;
	return report_fail(o->b->rep, ERA_SYS,
			   "%s: was thawed too early, by somebody or after %" PRIu32
			   " s: there is no backup; give more time (--timeout)",
			   early, freeze->limit_ms / MS_PER_S);
}

/* Where its metadata are, and what its origin is. */

static int find_path(const struct online *o, int fd, const char *numbers, char **path)
{
	char link[PROC_FD_BYTES];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	*path = realpath(link, NULL);
	return *path ? 0 : report_errno(o->b->rep, numbers, "cannot find it");
}

static int find_kernels(struct online *o)
{
	struct mapper *m = o->target.mapper;
	int r = era_device_table(m, o->target.name, &o->table);

	if (r)
		return r;
	o->bytes = o->table.sectors * SECTOR_BYTES;
	o->fd = mapper_open_device(m, o->table.metadata, O_RDONLY);
	o->origin_fd = o->fd < 0 ? -1 : mapper_open_device(m, o->table.origin, O_RDONLY);
	if (o->origin_fd < 0)
		return ERA_SYS;
	r = find_path(o, o->fd, o->table.metadata, &o->metadata);
	if (!r)
		r = find_path(o, o->origin_fd, o->table.origin, &o->origin);
	if (!r)
		r = untracked_refuse_origin(o->origin, o->b->rep);
	return r ? r : identity_of(o->origin, o->b->origin, o->b->rep);
}

static int find_bytes(struct online *o)
{
	const char *line;
	int r = target_ask(&o->target, "stats", true);

	if (r)
		return r;
	line = strstr(o->target.peer.reply, "\n" ORIGIN_BYTES);
	o->bytes = line ? strtoull(line + strlen("\n" ORIGIN_BYTES), NULL, 10) : 0;
	return o->bytes ? 0
			: report_fail(o->b->rep, ERA_SYS,
				      "%s: does not say how large its origin is: it is of an older "
				      "release",
				      o->target.path);
}

/* Leaves out the last word of text; false if it is the only one. */
static bool leave_out_last_word(char *text)
{
	char *blank = strrchr(text, ' ');

	if (blank)
		*blank = '\0';
	return blank != NULL;
}

/* METADATA ORIGIN SECTORS; METADATA may have blanks.  What nbdkit serves has a name only there. */
static int find_ours(struct online *o)
{
	int r = request_table(&o->target);

	if (r)
		return r;
	o->metadata = strdup(o->target.peer.reply);
	if (!o->metadata)
		return report_nomem(o->b->rep);
	if (!leave_out_last_word(o->metadata) || !leave_out_last_word(o->metadata))
		return report_fail(o->b->rep, ERA_SYS, "%s: its table is not understood: %s",
				   o->target.path, o->target.peer.reply);
	r = identity_of_metadata(o->metadata, o->b->origin, o->b->rep);
	return r ? r : find_bytes(o);
}

int online_connect(struct online *o)
{
	const struct backup_options *options = o->b->options;
	int r = target_open(&o->target, options->path, options->timeout_s, o->b->tool);

	return r ? r : target_status(&o->target, &o->status);
}

static int find(struct online *o)
{
	return target_is_kernels(&o->target) ? find_kernels(o) : find_ours(o);
}

/* The metadata snapshot. */

static int note_snapshot(struct online *o, bool has, uint32_t era)
{
	struct backup *b = o->b;

	b->state->has_snapshot_era = has;
	b->state->snapshot_era = era;
	return b->to_stdout ? 0 : base_save_state(b, b->state);
}

static int refuse_snapshot(const struct online *o)
{
	return report_fail(o->b->rep, ERA_NO_ANSWER,
			   "%s: a metadata snapshot is held that is not this backup's: when its "
			   "owner has ended, " ERA_PROGRAM " ctl %s drop_metadata_snap drops it",
			   o->target.path, o->target.path);
}

/* A target may still be carrying out the drop of the run that was killed: then there is nothing to
 * read any more, which is no error. */
static int read_snapshot_era(struct online *o, uint32_t *era)
{
	struct dmera *reader = dmera_create();
	struct dmera_facts facts = {0};
	int s, r;

	if (!reader)
		return report_nomem(o->b->rep);
	r = dmera_open(reader, o->metadata, DMERA_SNAPSHOT);
	if (!r)
		r = dmera_get_facts(reader, &facts, sizeof(facts));
	s = target_status(&o->target, &o->status);
	if (!s && r && o->status.has_snapshot)
		s = report_fail(o->b->rep, r, "%s", dmera_error(reader));
	dmera_destroy(reader);
	*era = facts.era;
	return s;
}

/* What an earlier run has left. */
static int drop_leftover(struct online *o)
{
	const struct backup_state *state = o->b->state;
	uint32_t era = 0;
	int r = 0;

	if (o->status.has_snapshot && (!state->has_snapshot_era || o->b->to_stdout))
		return refuse_snapshot(o);
	if (o->status.has_snapshot)
		r = read_snapshot_era(o, &era);
	if (r)
		return r;
	if (!o->status.has_snapshot)
		return 0;
	if (era != state->snapshot_era)
		return refuse_snapshot(o);
	report_note(o->b->rep, "%s: the metadata snapshot that an earlier run has left is dropped",
		    o->target.path);
	r = request_drop_metadata_snap(&o->target);
	return r ? r : note_snapshot(o, false, 0);
}

/* Blocks are all that metadata tell of a size: not where the last one ends.  If their number is
 * another one, there is no list. */
static int fit_source(const struct online *o)
{
	struct backup *b = o->b;
	uint64_t size = b->source.size, block = b->facts.block_size;

	if (!size || div_up(size, block) != div_up(o->bytes, block))
		return 0;
	if (size < o->bytes)
		return report_fail(b->rep, ERA_NO_ANSWER,
				   "%s: has %" PRIu64 " bytes, but %s has %" PRIu64, b->source.path,
				   size, o->target.path, o->bytes);
	b->source.size = o->bytes;
	return 0;
}

/* What the path names may be other metadata than those that the target has open: an older copy that
 * was put in their place, with a metadata snapshot of its own. */
static int is_just_taken(const struct online *o)
{
	const struct backup *b = o->b;
	uint32_t era = b->facts.era, first = b->state->snapshot_era, last = o->status.era;

	if (era >= first && era <= last)
		return 0;
	return report_fail(b->rep, ERA_NO_ANSWER,
			   "%s: has a metadata snapshot of era %" PRIu32
			   ", but %s has taken one between era %" PRIu32 " and %" PRIu32
			   ": are these other metadata than the target's?",
			   o->metadata, era, o->target.path, first, last);
}

/* If somebody else began an era meanwhile, it is not the expected one. */
static int read_list(struct online *o)
{
	struct backup *b = o->b;
	int r = question_open(b, o->metadata, DMERA_SNAPSHOT);

	if (!r)
		r = is_just_taken(o);
	if (!r && b->facts.era != b->state->snapshot_era)
		r = note_snapshot(o, true, b->facts.era);
	if (!r)
		r = fit_source(o);
	if (r)
		return r;
	dmera_set_snapshot_era(b->era, b->facts.era);
	return o->is_later ? question_ask_again(b, o->since, b->source.size)
			   : question_ask(b, b->source.size);
}

static int drop(struct online *o)
{
	int r = request_drop_metadata_snap(&o->target);

	return r ? r : note_snapshot(o, false, 0);
}

/* Without a reply it may have been taken all the same. */
static bool is_refused(const struct online *o)
{
	return target_is_kernels(&o->target) || peer_refused(&o->target.peer);
}

/* If it cannot be taken, that may be because a target has just carried out what a run that was
 * killed had asked for: the note of that one must stay. */
static int take(struct online *o)
{
	const struct backup_state *state = o->b->state;
	bool had = state->has_snapshot_era;
	uint32_t era = state->snapshot_era;
	int r = target_status(&o->target, &o->status);

	if (!r)
		r = note_snapshot(o, true, o->status.era + 1);
	if (r)
		return r;
	r = request_take_metadata_snap(&o->target);
	if (r && is_refused(o))
		return note_snapshot(o, had, era) ? ERA_SYS : r;
	return r ? r : target_status(&o->target, &o->status);
}

/* A late request of a run that was killed may have dropped it. */
static int take_once_more(struct online *o)
{
	int r = take(o);

	return r || o->status.has_snapshot ? r : take(o);
}

int online_take_and_list(struct online *o)
{
	int d, r = take_once_more(o);

	if (r)
		return r;
	r = read_list(o);
	if (!r)
		r = online_cancelled();
	d = drop(o);
	return r ? r : d;
}

int online_refused(const struct online *o, int r)
{
	int noted = r == ERA_NO_ANSWER ? question_note_refuted(o->b) : 0;

	return noted ? noted : r;
}

/* The storage's snapshot. */

/* A socket is not kept open for as long as a command may take. */
static int run_command(struct online *o)
{
	struct backup *b = o->b;
	int r = online_refused(o, target_barrier(&o->target, &b->era_to_remember));

	target_close(&o->target);
	if (!r)
		r = online_cancelled();
	if (!r)
		r = hook_run(b->options->snapshot, b->rep);
	b->is_snapshot_made = !r;
	return r;
}

static int run_command_frozen(struct online *o)
{
	uint32_t s = o->b->options->timeout_s;
	struct freeze freeze;
	int r = online_freeze(o, &freeze, (s ? s : FROZEN_S) * MS_PER_S);

	if (r)
		return r;
	r = run_command(o);
	return online_thaw(o, &freeze, r);
}

/* What was written before the barrier is in no later list. */
static int open_snapshot(struct backup *b)
{
	int r = online_open_source(b);

	if (r || !b->source.frozen_era || b->source.frozen_era >= b->era_to_remember)
		return r;
	return report_fail(b->rep, ERA_SYS,
			   "%s: is the disk as it was when era %" PRIu32
			   " began, before this backup; wanted era %" PRIu32
			   " or later: the command of --snapshot is to freeze it",
			   b->source.path, b->source.frozen_era, b->era_to_remember);
}

static int snapshot_storage(struct online *o)
{
	struct backup *b = o->b;
	int r = run_command_frozen(o);

	if (!r)
		r = online_cancelled();
	if (!r)
		r = open_snapshot(b);
	return r ? r : online_connect(o);
}

int online_open(struct online *o, struct backup *b)
{
	int r;

	*o = (struct online){.b = b, .fd = -1, .origin_fd = -1};
	o->target.peer.fd = -1;
	r = online_connect(o);
	if (!r)
		r = find(o);
	if (!r)
		r = drop_leftover(o);
	return r ? r : base_check_origin(b);
}

void online_close(struct online *o)
{
	target_close(&o->target);
	if (o->fd >= 0)
		close(o->fd);
	if (o->origin_fd >= 0)
		close(o->origin_fd);
	free(o->metadata);
	free(o->origin);
}

int online_begin(struct backup *b)
{
	struct online *o = malloc(sizeof(*o));
	int r;

	if (!o)
		return report_nomem(b->rep);
	r = online_open(o, b);
	if (!r && !b->options->dry_run)
		r = snapshot_storage(o);
	if (!r)
		r = online_take_and_list(o);
	online_close(o);
	free(o);
	return r;
}

/* The command may need that nobody has the source open. */
int online_end(struct backup *b)
{
	bool was_made = b->is_snapshot_made;

	copy_source_close(&b->source);
	b->is_snapshot_made = false;
	return was_made && b->options->release ? hook_run(b->options->release, b->rep) : 0;
}
