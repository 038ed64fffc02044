/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_ERA_BACKUP_HOOK_H
#define ERA_ERA_BACKUP_HOOK_H

#include "base/compiler.h"
#include "base/report.h"

/* Runs a command of the user by the shell, and waits for its end.  It reads nothing, and what it
 * prints goes to standard error, since standard output may be the delta.  An end with another
 * status than 0 is an error; all are reported. */
int hook_run(const char *command, const struct report *rep) must_check;

/* The same, beside a process that shares all open files of this one, and so its locks, until the
 * command has ended, even if this one is killed. */
int hook_run_kept(const char *command, const struct report *rep) must_check;

#endif
