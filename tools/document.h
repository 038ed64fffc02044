/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The JSON document of a command: one object on standard output, whatever the exit status.
 *
 * A command sets tool->json.is_wanted, and prints its answer by document_print(), or between
 * document_open() and document_close().  If it has no answer, program_run() prints a document that
 * says why.  If the command line is wrong, there is none.  doc/json.md describes the members.
 */
#ifndef ERA_TOOLS_DOCUMENT_H
#define ERA_TOOLS_DOCUMENT_H

#include "output/json.h"
#include "tools/tool.h"

struct document {
	struct sink sink;
	struct json json; /* for the members of the answer */
};

/* Opens standard output, and begins the object with the names that were given.  Returns 0, or an
 * error, and then document_close() must not be called. */
int document_open(struct document *document, struct tool *tool) must_check;

/* Ends the object with the status and the first error, and closes.  Returns 0 or an error. */
int document_close(struct document *document, enum exit_status status,
		   const struct tool *tool) must_check;

/* All at once: `put` writes the members of the answer; NULL: there are none. */
int document_print(struct tool *tool, enum exit_status status,
		   void (*put)(struct json *json, const void *ctx), const void *ctx) must_check;

/* The last members, for a document that is printed by other means. */
struct json_ending document_ending(enum exit_status status, const struct tool *tool);

/* The document of a command that has no answer, unless it has begun one.  Returns the status, or
 * STATUS_SYSTEM if it can't be printed. */
enum exit_status document_without_answer(struct tool *tool, enum exit_status status);

#endif
