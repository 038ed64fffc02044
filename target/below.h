/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of nbdkit's own filters that may stand below this one.
 *
 * nbdkit does not tell a filter which others there are; its command line and the parameters that are
 * passed on do.
 */
#ifndef ERA_TARGET_BELOW_H
#define ERA_TARGET_BELOW_H

#include "base/compiler.h"
#include "target/cmdline.h"

/* In .config: a parameter that goes to the layers below. */
void below_look_at(const char *key, const char *value);

/* In .get_ready: 0, or -1, reported, when a filter below would break what a checkpoint promises. */
int below_check(const struct cmdline *cmdline) must_check;

/* Does a parameter that was passed on name the same file or device as path?  0, or -1, reported: `what` is
 * the parameter that names path here. */
int below_check_path(const char *what, const char *path) must_check;

/* Says in the log what below keeps less than it should. */
void below_warn(const struct cmdline *cmdline);

void below_free(void);

#endif
