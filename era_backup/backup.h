/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * One backup.
 *
 *	base	 what TARGET is now, by its state: so what is to be asked
 *	question what was written since then, by the metadata
 *	moment	 when the source stands still: offline, a snapshot of the storage, or --converge
 *	delta	 what was written is copied from the source into a delta
 *	apply	 the delta makes TARGET the new backup, as era apply does
 *
 * Nothing of TARGET changes before the delta is complete.
 */
#ifndef ERA_ERA_BACKUP_BACKUP_H
#define ERA_ERA_BACKUP_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "copy/apply.h"
#include "copy/copy_source.h"
#include "copy/delta_writer.h"
#include "dmera.h"
#include "era_backup/cancel.h"
#include "tools/options.h"
#include "tools/tool.h"

struct backup_options {
	const char *path; /* a target; with offline, NULL once the options are checked */
	const char *target;
	const char *offline, *source, *snapshot, *release, *state, *base;
	uint64_t limit, converge_limit;
	uint32_t timeout_s, converge_rounds;
	struct option_texts freeze;
	bool reverts;  /* nothing is backed up: TARGET is what the disk becomes again */
	uint32_t keep; /* older backups; with has_keep */
	bool converge, has_converge_limit, has_converge_rounds;
	bool has_keep, in_place;
	bool full, incremental_only, force, dry_run, verify, json, quiet;
};

struct backup {
	const struct backup_options *options;
	struct tool *tool;
	const struct report *rep;

	/* The base. */
	bool to_stdout; /* TARGET is -, and no state is kept here */
	char *state_path, *staging_path;
	struct copy_target target;
	struct backup_state *state;
	bool is_full;
	char why[TEXT_LINE_MAX]; /* a full one is made */

	/* The question.  Meanwhile problems are those of the metadata, and named by their path. */
	struct dmera *era;
	char *asked;
	const char *tool_path; /* for afterwards */
	struct dmera_changes *changes;
	struct dmera_facts facts;
	uint64_t listed_bytes;

	/* The moment. */
	char origin[DELTA_ORIGIN_MAX + 1];   /* its identity */
	char metadata[DELTA_ORIGIN_MAX + 1]; /* theirs, which stands for one that is unknown */
	uint32_t era_to_remember;
	bool is_snapshot_made; /* of the storage */
	struct copy_source source;

	/* With --converge: what was copied, which then is the source, and what it took. */
	struct collection *collection;
	unsigned nr_rounds;
	uint64_t waited_us, last_bytes; /* how long writers waited in all, and for how much */

	/* The delta, and what became of it. */
	struct delta_header header;
	struct delta_facts *delta_facts; /* its witness, if one was made already */
	uint64_t data_bytes, zero_bytes;
	uint64_t nr_differences, differing_bytes; /* found by --verify */
};

/* All calls return 0 or an error that they have reported. */

/* base.c.  Opens TARGET and its state, finishes a delta that was begun, and decides whether the
 * backup is a full one.  base_close() must follow, also after a failure. */
int base_open(struct backup *b) must_check;
void base_close(struct backup *b);
/* The origin is known: is it that of the base? */
int base_check_origin(struct backup *b) must_check;
/* A full backup instead, for this reason, unless only an increment is wanted. */
int base_give_up(struct backup *b, const char *fmt, ...) format_printf(2, 3) must_check;
/* What puts the delta into TARGET. */
struct apply_task base_task(const struct backup *b);
int base_save_state(void *ctx, const struct backup_state *state) must_check; /* ctx: the backup */

/* question.c.  Opens the metadata at path with flags of dmera_open(). */
int question_open(struct backup *b, const char *path, unsigned flags) must_check;
/* size: of the source; 0: unknown.  Sets b->changes, b->facts and b->listed_bytes.  Where there is
 * no safe answer, the backup becomes a full one. */
int question_ask(struct backup *b, uint64_t size) must_check;
/* What was written since an era of these same metadata; no answer is an error. */
int question_ask_again(struct backup *b, uint32_t since, uint64_t size) must_check;
void question_close(struct backup *b);
/* From now on there is no increment until a full backup is complete. */
int question_note_refuted(struct backup *b) must_check;

/* offline.c, online.c and converge.c.  Each asks the question and opens b->source. */
int offline_begin(struct backup *b) must_check;
int online_begin(struct backup *b) must_check;
int converge_begin(struct backup *b) must_check;
/* After the source has been read, whatever came of it. */
int online_end(struct backup *b) must_check;

/* delta.c. */
int delta_make(struct backup *b) must_check;
int delta_put_into_target(struct backup *b) must_check;
int delta_verify(struct backup *b) must_check;

/* identity.c.  What identifies a block device or a file, for as long as that is possible. */
int identity_of(const char *path, char identity[DELTA_ORIGIN_MAX + 1],
		const struct report *rep) must_check;
/* What stands for an origin of which nothing is known but its metadata. */
int identity_of_metadata(const char *path, char identity[DELTA_ORIGIN_MAX + 1],
			 const struct report *rep) must_check;

#endif
