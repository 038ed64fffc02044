/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What is known about nbdkit's own filters that may be below this one.
 *
 * nbdkit does not tell a filter about other filters, but its command line and the parameters that
 * are passed on show them.
 */
#ifndef ERA_TARGET_BELOW_H
#define ERA_TARGET_BELOW_H

#include <stdbool.h>

#include "base/compiler.h"
#include "target/cmdline.h"

/* A parameter that is passed on to the layers below, or names what is in use here. */
void below_look_at(const char *key, const char *value);

/* In .get_ready.  Returns 0, or -1, reported, if a filter below would break what a checkpoint
 * promises. */
int below_check(const struct cmdline *cmdline) must_check;

/* Does a parameter that was looked at name the same file or device as path?  Then -1, reported,
 * otherwise 0.  `what` is the parameter that names path here. */
int below_check_path(const char *what, const char *path) must_check;

/* Logs the filters below that lose what they have acknowledged. */
void below_warn(const struct cmdline *cmdline);

/* The name of a filter above that has one store for all exports, or NULL. */
const char *below_store_above(const struct cmdline *cmdline);

/* When the next server starts, has each write of a killed one reached the origin, or is it lost for
 * good?  true only where that is known. */
bool below_is_prompt(const struct cmdline *cmdline);

void below_free(void);

#endif
