/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens after nbdkit has forked reaches whoever started it.
 *
 * nbdkit forks once, for the background or for --run, and its parent goes on at once: exits with
 * success, or runs the command.  Here the parent waits until the child says how the start has ended, and
 * ends with status 1 and the reasons on its standard error when it has failed.  In the foreground there
 * is no fork, and nbdkit itself says what is wrong.
 *
 * One object a process.
 */
#ifndef ERA_TARGET_START_H
#define ERA_TARGET_START_H

#include <stdbool.h>

#include "base/compiler.h"
#include "target/cmdline.h"

/* In .get_ready.  cmdline must live until the start has ended.  Where the process that made the start ends
 * before that, it calls give_up().  0, or -1, reported. */
int start_prepare(const struct cmdline *cmdline, void (*give_up)(void)) must_check;

/* Between the two calls: what the log says is kept for the parent, too. */
void start_keep(const char *text);

/* In .after_fork: the start has ended well.  -1, reported, when whoever waited for it is gone. */
int start_succeeded(void) must_check;

/* In .after_fork: it has failed.  Removes the sockets that nbdkit listens on, and its pid file, which
 * nbdkit would leave behind. */
void start_failed(void);

#endif
