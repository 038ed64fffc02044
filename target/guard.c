/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/guard.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "target/log.h"
#include "witness/witness.h"

#define WHY_MAX 1024u
#define REFUTED ".refuted" /* after the witness's name: a copy of one that was */
#define REFUTED_PATH_MAX (PATH_MAX + 32)

static struct {
	bool is_set;
	const char *path;
	struct witness *old; /* NULL: it could not be read */
	uint64_t proven_to;  /* the last era that the witness proves; 0: it proves none */
	uint64_t remembered; /* the last one that may have been remembered from other metadata */
	uint64_t begun;	     /* the first one of this server; UINT64_MAX: it begins none */
	char why[WHY_MAX];   /* nothing is proven */
} guard = {.begun = UINT64_MAX};

static int compare(const struct target_view *target_view, bool *is_refuted)
{
	struct witness_task task = {.old = guard.old, .listed_from = UINT64_MAX};
	struct witness_subject subject = {
		.path = target_view->metadata->dev.path,
		.rep = &log_report,
		.is_snapshot = target_view->is_snapshot,
	};
	struct era_changes changes;
	struct era_view *view;
	int r = target_view_open(target_view, &view);

	if (r)
		return r;
	subject.sb = era_view_sb(view);
	r = witness_read_changes(view, &subject, 0, &task, &changes);
	if (!r)
		era_changes_free(&changes);
	era_view_close(view);
	*is_refuted = task.is_refuted;
	return r;
}

/* It has been reported why. */
static void prove_nothing(void)
{
	text_copy(guard.why, sizeof(guard.why), log_last_error());
	log_error("era-witness: the exports since=N are refused for eras before this start");
}

/* One that is missing is the first one; of any other it is not known what was remembered with
 * it. */
static int read_witness(void)
{
	int r;

	if (access(guard.path, F_OK) && errno == ENOENT)
		return report_fail(&log_report, ERA_NO_ANSWER, "%s: there is no witness yet",
				   guard.path);
	r = witness_load(&guard.old, guard.path, &log_report);
	guard.remembered = r ? UINT64_MAX : guard.old->era + UINT64_C(1);
	return r;
}

static int refuse_new(bool *is_refuted)
{
	*is_refuted = true;
	return report_fail(&log_report, ERA_NO_ANSWER,
			   "the metadata are new, so they are not those of the witness %s",
			   guard.path);
}

/* NULL if there is none. */
static int read_refuted(const char *path, struct witness **refuted)
{
	*refuted = NULL;
	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	return witness_load(refuted, path, &log_report);
}

static void refuted_path(char path[REFUTED_PATH_MAX], unsigned n)
{
	int len = snprintf(path, REFUTED_PATH_MAX, "%s" REFUTED, guard.path);

	if (n > 1)
		snprintf(path + len, REFUTED_PATH_MAX - (size_t)len, ".%u", n);
}

static int refuse_refuted(void)
{
	return report_fail(&log_report, ERA_NO_ANSWER,
			   "%s: the witness was refuted at an earlier start: the metadata "
			   "were others then, or older ones",
			   guard.path);
}

/* Ends at the first that isn't there, whose name `path` then is. */
static int check_refuted(char path[REFUTED_PATH_MAX])
{
	struct witness *refuted;
	bool is_same;
	int r;

	for (unsigned n = 1;; n++) {
		refuted_path(path, n);
		r = read_refuted(path, &refuted);
		if (r || !refuted)
			return r;
		is_same = witness_is_same(refuted, guard.old);
		free(refuted);
		if (is_same)
			return refuse_refuted();
	}
}

/* As the eras go on nothing may contradict it any more. */
static int keep_refuted(const char *path)
{
	if (!witness_save(guard.old, path, &log_report))
		return 0;
	log_error(
		"era-witness: the witness is refuted, and that can't be remembered: make room, or "
		"take a full backup and remove %s",
		guard.path);
	return -1;
}

static int judge(char kept[REFUTED_PATH_MAX], const struct target_view *view, bool *is_refuted)
{
	int r = read_witness();

	if (!r)
		r = check_refuted(kept);
	if (r)
		return r;
	return view ? compare(view, is_refuted) : refuse_new(is_refuted);
}

int guard_compare(const char *path, const struct target_view *view, bool begins_eras)
{
	char kept[REFUTED_PATH_MAX];
	bool is_refuted = false;

	guard.is_set = true;
	guard.path = path;
	if (judge(kept, view, &is_refuted)) {
		prove_nothing();
		return is_refuted && begins_eras ? keep_refuted(kept) : 0;
	}
	guard.proven_to = guard.remembered;
	guard.remembered = 0;
	return 0;
}

void guard_begin(uint32_t era)
{
	guard.begun = era;
}

static bool is_allowed(uint32_t since, uint32_t current)
{
	if (!guard.is_set || since <= guard.proven_to)
		return true;
	return !since || (since >= guard.begun && since <= current && since > guard.remembered);
}

int guard_check(uint32_t since, uint32_t current)
{
	if (is_allowed(since, current))
		return 0;
	if (guard.proven_to)
		log_error("era %" PRIu32 " was not remembered with the witness %s, which is of era "
			  "%" PRIu32 ", nor was it begun by this server: take a full backup",
			  since, guard.path, guard.old->era);
	else
		log_error("era %" PRIu32 ": take a full backup, since nothing proves that these "
			  "metadata have tracked it: %s",
			  since, guard.why);
	return -1;
}

uint64_t guard_listed_from(uint32_t since)
{
	return guard.proven_to && since <= guard.proven_to ? guard.old->nr_blocks : UINT64_MAX;
}

void guard_free(void)
{
	free(guard.old);
	guard.old = NULL;
	guard.is_set = false;
	guard.proven_to = 0;
}
