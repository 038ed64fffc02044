/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command lines as tables.
 *
 * A program has a struct of options, and a row for each option that says where in the struct its
 * value goes.  With a device as argument the struct begins with `const char *path`; a bool that says
 * what was given never comes first.  What is wrong with a command line ends the
 * program with status 2 and a message; so does an option with a value that is given twice, since
 * one of the two values would be lost.  -h, --usage and -V are everybody's.
 */
#ifndef ERA_TOOLS_OPTIONS_H
#define ERA_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "tools/status.h"

enum option_form {
	OPTION_FLAG,        /* bool */
	OPTION_TEXT,        /* const char * */
	OPTION_U32,         /* uint32_t */
	OPTION_SIZE,        /* uint64_t: bytes, a multiple of 512 */
	OPTION_BLOCK_SIZE,  /* uint32_t: sectors, of a positive multiple of 4 KiB */
	OPTION_CHOICE,      /* unsigned: the index of one of `choices` */
};

struct option_row {
	const char *name;
	char key; /* of the short form, or 0 */
	const char *arg, *help;
	enum option_form form;
	size_t value;               /* offset of the value in the options */
	size_t given;               /* offset of a bool that is set with it, or 0 */
	const char *const *choices; /* ended by NULL */
	bool required;
};

struct option_devices {
	char *const *paths; /* as on the command line */
	unsigned nr;
};

struct option_table {
	const struct option_row *rows; /* may be NULL */
	size_t nr_rows;
	bool takes_device; /* one argument that is no option: goes to path, and must be there */
	const char *device; /* what it is called; NULL: a metadata device */
	/* May be NULL: one more argument, which must be there, of form OPTION_CHOICE. */
	const struct option_row *word;
	/* With word: offset of a struct option_devices that gets all arguments but the last one, of which
	 * path is the first; 0: one device is taken. */
	size_t devices;
	const char *args_doc;
	/* What the help says before the options and, after a '\v', behind them. */
	const char *doc;
	/* What each exit status means; NULL: it is not used.  STATUS_USAGE means the same everywhere. */
	const char *statuses[NR_STATUSES];
	/* May be NULL: what the rows can't say.  Errors go to options_error(). */
	void (*check)(void *options);
};

/* Errors end the program. */
void options_parse(const struct option_table *table, int argc, char **argv, void *options);

/* Prints "NAME (era-tools) VERSION". */
void options_print_version(void);

/* What is wrong with the command line; ends the program. */
_Noreturn void options_error(const char *fmt, ...) format_printf(1, 2);

/* How many blocks of block_sectors track a device of so many bytes; too many are an error. */
uint32_t options_count_blocks(uint64_t device_bytes, uint32_t block_sectors);

/* An output that is the input, by whatever name, is an error.  NULL is standard input, or standard
 * output.  So are messages that would go to the input. */
void options_check_output(const char *input, const char *output);

/* NULL for "-", where that is standard input or output. */
const char *options_stream(const char *name);

#endif
