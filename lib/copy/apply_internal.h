/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* One delta that is applied, and what its header, TARGET and its trailer say against that. */
#ifndef ROOM_COPY
#error "for lib/copy alone"
#endif
#ifndef ERA_COPY_APPLY_INTERNAL_H
#define ERA_COPY_APPLY_INTERNAL_H

#include "base/replacement.h"
#include "base/source.h"
#include "copy/apply.h"
#include "copy/clone.h"
#include "copy/delta_reader.h"

struct apply_mark {
	bool under_way, is_staged;
	struct delta_header going;
};

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
	uint32_t checksum;	  /* of the first reading */
	struct apply_mark before; /* what the state had in place of the mark */
	struct samples_touched touched;
	struct delta_facts facts;
	bool has_facts;
	struct sample_chooser chooser;
	struct clone clone;
	uint64_t old_size; /* of TARGET */
};

static inline bool apply_is_full(const struct apply *a)
{
	return !a->result.header.has_from;
}

bool apply_is_going(const struct delta_header *going, const struct delta_header *header);

/*
 * These return 0, or an error that they have reported.
 */

/* By the header: sets a->result.end. */
int judge_header(struct apply *a) must_check;

/* By TARGET's samples, before anything is written; and, when the records are known, by those that
 * the delta does not touch. */
int judge_samples_before(struct apply *a) must_check;
int judge_samples_after(struct apply *a) must_check;

/* By the trailer, or that there is none: sets a->facts. */
int judge_facts(struct apply *a) must_check;

/* Is the target what its state says?  One that is half way is not asked. */
int judge_backup(const struct apply_task *task, struct copy_target *target,
		 const struct backup_state *state) must_check;

#endif
