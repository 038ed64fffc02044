/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A command of era as a table, and what all commands do before and after their own work.
 *
 * The directory of a command exports one struct program; era/main.c lists them.
 */
#ifndef ERA_TOOLS_PROGRAM_H
#define ERA_TOOLS_PROGRAM_H

#include "tools/options.h"
#include "tools/tool.h"

struct program {
	const char *name;    /* with '_' between words */
	const char *summary; /* as in NAME of its manual page */
	const struct option_table *options;
	size_t options_size; /* of the struct that `options` fills, which is zeroed first */
	/* options: that struct.  Returns a status that the table `options` explains. */
	enum exit_status (*run)(struct tool *tool, void *options);
};

extern const struct program program_apply;
extern const struct program program_backup;
extern const struct program program_check;
extern const struct program program_ctl;
extern const struct program program_dump;
extern const struct program program_format;
extern const struct program program_invalidate;
extern const struct program program_mark;
extern const struct program program_metadata_size;
extern const struct program program_repair;
extern const struct program program_restore;
extern const struct program program_revert;
extern const struct program program_rollback;
extern const struct program program_setup;
extern const struct program program_stat;

/* The only argument by which a shell asks for words, of a command or of era itself. */
#define PROGRAM_WORDS "--complete-words"

/* Parses the arguments after argv[0], and runs the command.  Messages begin with `called`, the
 * words by which it was called.  The tool has been started; this call ends it. */
enum exit_status program_run(const struct program *program, const char *called, struct tool *tool,
			     int argc, char **argv);

#endif
