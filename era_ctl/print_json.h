/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The reply of a target as JSON. */
#ifndef ERA_CTL_PRINT_JSON_H
#define ERA_CTL_PRINT_JSON_H

#include "tools/tool.h"

/* Prints the document of a request that the target has answered: with one line, or as many as there
 * are, without the last newline.  A reply of another form than it should have is an error. */
enum exit_status reply_print_json(struct tool *tool, const char *request, const char *reply);

#endif
