/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A process that undoes something if this one can't.
 *
 * The guard holds one end of a pipe.  When the other end is closed, because the process that holds
 * it has ended, however that came about, the guard undoes what that process had done; so it does
 * when its time is over.  It is in a session of its own and ignores signals, so that what ends the
 * process, its group or its shell does not end the guard; its memory is locked, and it holds no
 * file open that anybody waits for.  Only what kills both of them at once, as a cgroup's kill does,
 * leaves things as they are, for whoever began it all (suspend.c).
 *
 * Begin one before what it is to undo.
 */
#ifndef ERA_DM_GUARD_H
#define ERA_DM_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/report.h"

struct guard {
	pid_t pid;
	int life; /* this process lives; an exec closes it */
	int gone; /* ends when the guard has ended */
};

/* Undoes it; also called where there is nothing to undo.  false: it failed, and is tried again, for
 * ten seconds. */
typedef bool guard_undo(void *ctx);

/* Returns when the guard is ready.  limit_ms: after this time it undoes, too; 0: never.  Errors are
 * reported, with `what` in front. */
int guard_begin(struct guard *guard, guard_undo *undo, void *ctx, uint32_t limit_ms,
		const char *what, const struct report *rep) must_check;

/* There is nothing to undo any more: the guard ends.  false: it had ended before that, because its
 * time was over or it was killed. */
bool guard_dismiss(struct guard *guard);

#endif
