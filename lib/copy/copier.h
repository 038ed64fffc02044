/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Copies ranges of a source into a delta or a file, or compares a source with its backup. */
#ifndef ERA_COPY_COPIER_H
#define ERA_COPY_COPIER_H

#include <signal.h>

#include "base/compiler.h"
#include "copy/delta_writer.h"
#include "copy/piece_reader.h"
#include "copy/target.h"

struct copy_task {
	const struct copy_source *source;
	const struct copy_ranges *ranges;
	uint64_t total; /* bytes in the ranges, for the progress */
	uint64_t limit; /* bytes per second; 0: none */
	/* Not 0: stop, with ERA_CANCELLED.  A signal handler may set it; may be NULL. */
	const volatile sig_atomic_t *cancelled;
	bool frees; /* each part of the source as soon as it is copied: nobody needs it any more */
	const struct report *rep;
};

/* Data and, where there is nothing else, zeroes.  Between delta_begin() and delta_end(). */
int copy_to_delta(const struct copy_task *task, struct delta_writer *writer) must_check;

/* To the same places of a target, whose limit is no less than the source's size. */
int copy_to_target(const struct copy_task *task, struct copy_target *target) must_check;

/* A range in which they differ. */
struct copy_difference {
	uint64_t offset, length;
	bool source_is_zero; /* there is nothing else in it */
};

/* Calls differ() for each range in which the target differs from the ranges of the source, in
 * ascending order; ranges that adjoin and are alike are one.  Precise to COPY_SOURCE_ALIGN bytes.
 */
int copy_compare(const struct copy_task *task, struct copy_target *target,
		 void (*differ)(void *ctx, const struct copy_difference *difference),
		 void *ctx) must_check;

#endif
