/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/err.h"
#include "dmera/dmera_internal.h"

#define META_BLOCK_BYTES 4096u

const char *dmera_version(void)
{
	return PACKAGE_VERSION;
}

static void on_error(void *ctx, const char *text)
{
	struct dmera *era = ctx;

	text_copy(era->error, sizeof(era->error), text);
	if (era->on_error)
		era->on_error(era->error_ctx, era->error);
}

static void on_note(void *ctx, const char *text)
{
	struct dmera *era = ctx;

	if (era->on_note)
		era->on_note(era->note_ctx, text);
}

/* Whatever is told of here is read from a metadata device. */
static void on_progress(void *ctx, const struct progress *progress)
{
	struct dmera *era = ctx;

	if (era->on_progress)
		era->on_progress(era->progress_ctx, progress->done / META_BLOCK_BYTES,
				 progress->total / META_BLOCK_BYTES);
}

/* For a call that was ended by a problem which nothing else has put into words. */
static void remember_problem(struct dmera *era, const struct dmera_problem *p)
{
	if (p->severity != DMERA_NOTE && !*era->error && era->path)
		text_format(era->error, sizeof(era->error), "%s: %s", era->path, p->text);
}

/* An enum problem_severity has the values of an enum dmera_severity. */
_Static_assert((int)PROBLEM_FATAL == (int)DMERA_FATAL && (int)PROBLEM_NOTE == (int)DMERA_NOTE &&
		       (int)PROBLEM_NON_FATAL == (int)DMERA_NON_FATAL,
	       "severities");

static void on_problem(void *ctx, const struct problem *p)
{
	char found[PROBLEM_TEXT_MAX], wanted[PROBLEM_TEXT_MAX], text[PROBLEM_LINE_MAX];
	struct dmera *era = ctx;
	const struct dmera_problem problem = {
		.name = problem_name(p),
		.severity = problem_severity(p),
		.repairable = problem_is_repairable(p),
		.block = p->block,
		.nr_blocks = p->nr_blocks ? p->nr_blocks : 1,
		.where = p->where,
		.what = problem_what(p),
		.found = found,
		.wanted = wanted,
		.text = text,
	};

	problem_found(p, found, sizeof(found));
	problem_wanted(p, wanted, sizeof(wanted));
	problem_line(p, text, sizeof(text));
	remember_problem(era, &problem);
	if (era->on_problem)
		era->on_problem(era->problem_ctx, &problem);
}

struct dmera *dmera_create(void)
{
	struct dmera *era = calloc(1, sizeof(*era));

	if (!era)
		return NULL;
	era->report = (struct report){
		.ctx = era,
		.problem = on_problem,
		.error = on_error,
		.note = on_note,
		.progress = on_progress,
	};
	era->old_size = UINT64_MAX;
	era->snapshot_era = DMERA_LIVE_ERA;
	return era;
}

void dmera_destroy(struct dmera *era)
{
	if (!era)
		return;
	dmera_close(era);
	free(era);
}

const char *dmera_error(const struct dmera *era)
{
	return era->error;
}

void dmera_set_error_callback(struct dmera *era, dmera_error_fn fn, void *ctx)
{
	era->on_error = fn;
	era->error_ctx = ctx;
}

void dmera_set_note_callback(struct dmera *era, dmera_note_fn fn, void *ctx)
{
	era->on_note = fn;
	era->note_ctx = ctx;
}

void dmera_set_problem_callback(struct dmera *era, dmera_problem_fn fn, void *ctx)
{
	era->on_problem = fn;
	era->problem_ctx = ctx;
}

void dmera_set_progress_callback(struct dmera *era, dmera_progress_fn fn, void *ctx)
{
	era->on_progress = fn;
	era->progress_ctx = ctx;
}

void dmera_begin(struct dmera *era, const char *path)
{
	era->error[0] = '\0';
	era->path = path;
}

int dmera_end(struct dmera *era, int r)
{
	era->path = NULL;
	switch (r) {
	case 0:
		era->error[0] = '\0';
		return DMERA_OK;
	case ERA_DAMAGED:
		return DMERA_DAMAGED;
	case ERA_NO_ANSWER:
		return DMERA_NO_ANSWER;
	default:
		return DMERA_SYSTEM;
	}
}

int dmera_misused(struct dmera *era, const char *text)
{
	on_error(era, text);
	return DMERA_INVALID;
}

void dmera_copy_out(void *to, size_t size, const void *from, size_t has)
{
	memset(to, 0, size);
	memcpy(to, from, size < has ? size : has);
}
