/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Command lines as tables.
 *
 * A command has a struct of options, and for each option a row that says where in the struct its
 * value goes. If it takes a device as argument, the struct begins with `const char *path`; a bool
 * that says whether an option was given never comes first.  An error in a command line ends the
 * program with status 2 and a message.  So does an option with a value that is given twice, since
 * one of the two values would be lost, unless it takes several. All commands have -h, --usage and
 * -V.
 */
#ifndef ERA_TOOLS_OPTIONS_H
#define ERA_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "tools/status.h"

enum option_form {
	OPTION_FLAG,	   /* bool */
	OPTION_TEXT,	   /* const char * */
	OPTION_TEXTS,	   /* struct option_texts: may be given several times */
	OPTION_U32,	   /* uint32_t */
	OPTION_SIZE,	   /* uint64_t: bytes, a multiple of 512 */
	OPTION_BLOCK_SIZE, /* uint32_t: in sectors, a positive multiple of 4 KiB */
	OPTION_CHOICE,	   /* unsigned: the index of one of `choices` */
};

#define OPTION_TEXTS_MAX 16

struct option_texts {
	const char *texts[OPTION_TEXTS_MAX];
	unsigned nr;
};

struct option_row {
	const char *name;
	char key; /* of the short form, or 0 */
	const char *arg, *help;
	enum option_form form;
	size_t value;		    /* offset of the value in the options */
	size_t given;		    /* offset of a bool that is set with the value, or 0 */
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
	bool takes_device;  /* requires one argument that is not an option: it goes to path */
	const char *device; /* its name; NULL: a metadata device */
	bool takes_stdin;   /* '-' is standard input, see tools/input.h */
	/* May be NULL: one more argument, of form OPTION_CHOICE or OPTION_TEXT.  It is required,
	 * unless `check` decides that. */
	const struct option_row *word;
	bool word_is_optional;
	bool word_is_first; /* then `check` decides whether the device is required, too */
	/* With word: offset of a struct option_devices that gets all arguments but the last one;
	 * path is the first of them.  0: there is one device. */
	size_t devices;
	bool shows_progress; /* has --progress-fd, see tools/progress.h */
	/* Offset of a char *const *, which gets the words of another command that stand behind a
	 * "--", ended by NULL; NULL: there are none.  0: the command takes none. */
	size_t command;
	const char *args_doc;
	/* Arguments of a typical call, for the help; one that an option needs must be among
	 * them. */
	const char *example;
	/* What the help says before the options and, after a '\v', behind them. */
	const char *doc;
	/* What each exit status means; NULL: it is not used.  STATUS_USAGE means the same
	 * everywhere. */
	const char *statuses[NR_STATUSES];
	/* May be NULL: checks that the rows can't express.  It reports errors by
	 * options_error(). */
	void (*check)(void *options);
};

/* Parses a command line into *options.  Errors end the program. */
void options_parse(const struct option_table *table, int argc, char **argv, void *options);

/*
 * Prints what a shell completes a command line with: for each option a line of its name, the name
 * of its value, or nothing, what the value may be, if there are names for it, and its help, with a
 * tab after each but the last.  A last line that begins with a tab is of an argument that must be
 * one of some words.
 */
void options_print_words(const struct option_table *table);

/* Prints "NAME (era-tools) VERSION". */
void options_print_version(void);

/* Reports an error in the command line, and ends the program. */
_Noreturn void options_error(const char *fmt, ...) format_printf(1, 2);

/* How many blocks of block_sectors a device of that size has; more than dm-era can track are an
 * error. */
uint32_t options_count_blocks(uint64_t device_bytes, uint32_t block_sectors);

/* An output that is the input, under any name, is an error.  NULL is standard input, or standard
 * output. Messages that would go to the input are an error, too. */
void options_check_output(const char *input, const char *output);

/* Progress that would be written into the output, or between the lines of standard output (NULL),
 * is an error.  options_check_output() asks for it, too. */
void options_check_progress(const char *output);

/* NULL for "-", which is standard input or output; otherwise the name. */
const char *options_stream(const char *name);

#endif
