/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A device is suspended for a moment, and is resumed whatever happens.
 *
 * Who writes to a suspended device waits, and that may include what this program needs to go on:
 * its memory, its terminal, its log.  So the suspend, what is done in between, and the resume are
 * the work of a child whose memory is locked, that blocks signals and prints nothing; and a guard
 * (dm/guard.h) resumes the device if the child is killed.  If this program ends meanwhile, the
 * child is killed.  A child that hangs is killed after the mapper's time limit: a suspend that
 * waits for writes in flight is then given up, and the device goes on.  Where there is work, the
 * guard keeps the same time, also while this program is stopped.
 *
 * What only a cgroup's kill can leave suspended, mapper_resume() mends.
 */
#ifndef ERA_DM_SUSPEND_H
#define ERA_DM_SUSPEND_H

#include "dm/dm.h"

/* May send no message to the device, ask for its status, or read or write it: all of these would
 * wait for its own end.  It has no output but its result, 0 or an errno, since the process that
 * calls it ends. */
typedef int suspended_work(struct mapper *m, const char *name, void *ctx);

/* For this work: loads a table that comes into use at its end.  Returns 0 or an errno. */
int suspended_load(struct mapper *m, const char *name, const struct mapper_table *table) must_check;

struct suspension {
	const char *name;
	/* Freeze the filesystem that is mounted from the device itself, unless it is frozen. */
	bool lockfs;
	suspended_work *work; /* NULL: the device is resumed at once */
	void *ctx;
	uint32_t limit_ms; /* for all of it; 0: the mapper's.  Then it is resumed, and that fails */
	uint64_t *waited_us; /* may be NULL: from the suspend to the resume, as writers saw it */
};

/* Suspends, works, resumes.  All writes that were in flight are done when the device is suspended,
 * but not flushed.  0: it was suspended without a break, and the work succeeded.  A device that is
 * suspended already, or that has a table loaded, is refused. */
int mapper_while_suspended(struct mapper *m, const struct suspension *suspension) must_check;

#endif
