/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * One program for all commands.  The name that it is run by decides: a link whose name ends in
 * _COMMAND is that command, whatever comes before it; under any other name the first argument is
 * the command.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "era/nearest.h"
#include "era/versions.h"
#include "tools/program.h"

#define NAME_MAX_BYTES 512u

static const struct program *const programs[] = {
	&program_apply,		&program_backup, &program_check,      &program_ctl,
	&program_dump,		&program_format, &program_invalidate, &program_mark,
	&program_metadata_size, &program_repair, &program_restore,    &program_revert,
	&program_rollback,	&program_setup,	 &program_stat,
};

static char as_typed(char c)
{
	return (char)(c == '_' ? '-' : c);
}

static bool is_command(const char *word, const char *name)
{
	for (; *word && as_typed(*word) == as_typed(*name); word++)
		name++;
	return !*word && !*name;
}

static const struct program *find_command(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (is_command(word, programs[i]->name))
			return programs[i];
	return NULL;
}

/* The longest name of a command that stands behind a '_' at the end. */
static const struct program *find_link(const char *file)
{
	const struct program *best = NULL;
	size_t len = strlen(file), best_len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		size_t n = strlen(programs[i]->name);

		if (n <= best_len || n >= len || file[len - n - 1] != '_' ||
		    strcmp(file + len - n, programs[i]->name))
			continue;
		best = programs[i];
		best_len = n;
	}
	return best;
}

static const char *shown_name(const struct program *program)
{
	static char shown[NAME_MAX_BYTES];
	size_t i;

	for (i = 0; program->name[i]; i++)
		shown[i] = as_typed(program->name[i]);
	shown[i] = '\0';
	return shown;
}

static void print_usage(FILE *to)
{
	char name[NAME_MAX_BYTES];

	utf8_escape(program_invocation_short_name, name, sizeof(name));
	fprintf(to, "Usage: %s COMMAND [ARGUMENT...]\n", name);
	fprintf(to, "  or:  %s help [COMMAND]\n", name);
	fprintf(to, "  or:  %s --version\n", name);
}

static void print_overview(FILE *to)
{
	print_usage(to);
	fprintf(to,
		"Checks and changes dm-era metadata, lists the blocks written since an era.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		fprintf(to, "  %-15s %s\n", shown_name(programs[i]), programs[i]->summary);
	fprintf(to, "\nThe help of a command explains its options and its exit statuses.\n");
}

static _Noreturn void unknown_command(const char *word)
{
	const struct program *best = programs[0];

	if (*word == '-')
		options_error("unknown option '%s'", word);
	for (size_t i = 1; i < ARRAY_SIZE(programs); i++)
		if (word_distance(word, programs[i]->name) < word_distance(word, best->name))
			best = programs[i];
	options_error("unknown command '%s', the nearest is '%s'", word, shown_name(best));
}

static enum exit_status run_command(struct tool *tool, const char *word, int argc, char **argv)
{
	static char called[NAME_MAX_BYTES];
	const struct program *program = find_command(word);

	if (!program)
		unknown_command(word);
	snprintf(called, sizeof(called), "%s %s", program_invocation_short_name, word);
	return program_run(program, called, tool, argc, argv);
}

static void refuse_arguments(int argc, char **argv, int most)
{
	if (argc > most)
		options_error("unexpected argument '%s'", argv[most]);
}

static enum exit_status help(struct tool *tool, int argc, char **argv)
{
	char *words[] = {argv[1], (char[]){"--help"}, NULL};

	refuse_arguments(argc, argv, 2);
	if (argc == 2 && strcmp(argv[1], "help"))
		return run_command(tool, argv[1], 2, words);
	print_overview(stdout);
	return tool_close_stdout(tool);
}

static enum exit_status usage(struct tool *tool, int argc, char **argv)
{
	refuse_arguments(argc, argv, 1);
	print_usage(stdout);
	return tool_close_stdout(tool);
}

static enum exit_status words(struct tool *tool, int argc, char **argv)
{
	refuse_arguments(argc, argv, 1);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		printf("%s\t\t\t%s\n", shown_name(programs[i]), programs[i]->summary);
	printf("help\t\t\tprint the list of commands, or the help of one\n");
	return tool_close_stdout(tool);
}

static enum exit_status version(struct tool *tool, int argc, char **argv)
{
	refuse_arguments(argc, argv, 1);
	options_print_version();
	versions_print();
	return tool_close_stdout(tool);
}

/* argv[0] is the word. */
static const struct {
	const char *word;
	enum exit_status (*run)(struct tool *tool, int argc, char **argv);
} own_words[] = {
	{"help", help},		{"--help", help}, {"-h", help},		  {"--usage", usage},
	{"--version", version}, {"-V", version},  {PROGRAM_WORDS, words},
};

static enum exit_status run_word(struct tool *tool, int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_words); i++)
		if (!strcmp(argv[0], own_words[i].word))
			return own_words[i].run(tool, argc, argv);
	return run_command(tool, argv[0], argc, argv);
}

int main(int argc, char **argv)
{
	const struct program *link = find_link(program_invocation_short_name);
	struct tool tool;

	tool_start(&tool);
	if (link)
		return (int)program_run(link, program_invocation_short_name, &tool, argc, argv);
	if (argc > 1)
		return (int)run_word(&tool, argc - 1, argv + 1);
	print_overview(stderr);
	return STATUS_USAGE;
}
