/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata from standard input: the argument '-'.
 *
 * A file or device that is standard input is opened by this name.  What comes from a pipe is first
 * copied to a temporary file without a name, which becomes standard input, so that it can be read
 * at any place and as often as needed.
 */
#ifndef ERA_TOOLS_INPUT_H
#define ERA_TOOLS_INPUT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/report.h"

/* The name that stands for '-'; others are returned as they are. */
const char *input_path(const char *path);

bool input_is_stdin(const char *path);

/* To be called before path is opened: if it is standard input, makes that readable as a device.
 * Returns 0, or ERA_SYS, reported. */
int input_prepare(const char *path, const struct report *rep) must_check;

#endif
