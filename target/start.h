/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reporting what happens after nbdkit's fork to the process that started it.
 *
 * nbdkit forks once, for the background or for --run, and its parent proceeds at once: it exits
 * with success, or runs the command.  Here the parent waits until the child reports the outcome of
 * the start, and if that is a failure, it prints the reasons on its standard error and exits with
 * status 1.  In the foreground there is no fork, and nbdkit itself says what is wrong.
 *
 * There is one object per process.
 */
#ifndef ERA_TARGET_START_H
#define ERA_TARGET_START_H

#include <stdbool.h>

#include "base/compiler.h"
#include "target/cmdline.h"

/* In .get_ready.  cmdline must live until the start has ended.  If the process that started the
 * server ends before that, it calls give_up().  Returns 0, or -1, reported. */
int start_prepare(const struct cmdline *cmdline, void (*give_up)(void)) must_check;

/* To be called between the two: keeps what is logged for the parent, too. */
void start_keep(const char *text);

/* In .after_fork: the start has succeeded.  Returns -1, reported, if the process that waited for
 * it is gone. */
int start_succeeded(void) must_check;

/* In .after_fork: the start has failed.  Removes the sockets that nbdkit listens on, and its pid
 * file, which nbdkit would leave behind. */
void start_failed(void);

#endif
