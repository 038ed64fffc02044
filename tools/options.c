/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/options.h"

#include <argp.h>
#include <assert.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/io.h"
#include "base/utf8.h"
#include "tools/human.h"
#include "tools/input.h"
#include "tools/progress.h"
#include "tools/size.h"
#include "tools/status.h"
#include "tools/tool.h"

#define SECTOR_BYTES 512u
#define BLOCK_UNIT_BYTES 4096u
#define NAME_MAX_BYTES 512u

enum keys {
	KEY_USAGE = 0x100,
	KEY_PROGRESS_FD,
	KEY_ROWS, /* the row's index is added, for those without a short form */
};

#define MAX_ROWS 24u

static const struct argp_option common[] = {
	{"help", 'h', NULL, 0, "Print this help", -1},
	{"usage", KEY_USAGE, NULL, 0, "Print a short usage message", -1},
	{"version", 'V', NULL, 0, "Print the version", -1},
};

static const struct argp_option progress_option =
	{"progress-fd",
	 KEY_PROGRESS_FD,
	 "N",
	 0,
	 "Write progress as JSON, one object per line, to descriptor N",
	 0};

#define MAX_OPTIONS (MAX_ROWS + ARRAY_SIZE(common) + 2)

/* argp prints the help; it does not parse, since it prints errors, with names, as it likes. */
struct parse {
	const struct option_table *table;
	void *options;
	bool has_word;
	bool given[MAX_ROWS];
	struct argp_option help[MAX_OPTIONS];
	struct option longs[MAX_OPTIONS];
	char shorts[2 * MAX_OPTIONS + 2];
};

void options_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tool_usage_error(fmt, args);
	va_end(args);
	exit(STATUS_USAGE);
}

/* Plain decimal digits, up to the first other character. */
static bool parse_digits(const char **text, uint64_t *value)
{
	uint64_t n = 0;
	const char *c = *text;

	for (; *c >= '0' && *c <= '9'; c++)
		if (!checked_mul(n, 10, &n) || !checked_add(n, (uint64_t)(*c - '0'), &n))
			return false;
	if (c == *text)
		return false;
	*text = c;
	*value = n;
	return true;
}

static uint32_t parse_u32(const char *option, const char *text)
{
	const char *rest = text;
	uint64_t value = 0;

	if (!parse_digits(&rest, &value) || *rest || value > UINT32_MAX)
		options_error("--%s: found '%s', wanted a number from 0 to %" PRIu32, option, text,
			      UINT32_MAX);
	return (uint32_t)value;
}

static uint64_t parse_size(const char *option, const char *text)
{
	uint64_t bytes = 0;

	switch (size_parse(text, &bytes)) {
	case SIZE_OK:
		break;
	case SIZE_UNCLEAR:
		options_error(
			"--%s: found '%s', wanted a number of bytes, or one with a suffix: %s "
			"(powers of 1024, s: sectors)",
			option, text, SIZE_SUFFIXES);
	case SIZE_FRACTION:
		options_error("--%s: found '%s', which is not a whole number of bytes", option,
			      text);
	case SIZE_TOO_LARGE:
		options_error("--%s: found '%s', wanted at most %" PRId64 " bytes", option, text,
			      INT64_MAX);
	}
	if (bytes % SECTOR_BYTES)
		options_error("--%s: found '%s', wanted whole sectors of %u bytes", option, text,
			      SECTOR_BYTES);
	return bytes;
}

static uint32_t parse_block_size(const char *option, const char *text)
{
	uint64_t bytes = parse_size(option, text);

	if (!bytes || bytes % BLOCK_UNIT_BYTES || bytes / SECTOR_BYTES > UINT32_MAX)
		options_error("--%s: found '%s', wanted a positive multiple of %u bytes", option,
			      text, BLOCK_UNIT_BYTES);
	return (uint32_t)(bytes / SECTOR_BYTES);
}

static unsigned parse_choice(const struct option_row *row, const char *dashes, const char *text)
{
	char all[256] = "";

	for (unsigned i = 0; row->choices[i]; i++)
		if (!strcmp(row->choices[i], text))
			return i;
	for (unsigned i = 0; row->choices[i]; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 row->choices[i]);
	options_error("%s%s: found '%s', wanted one of %s", dashes, row->name, text, all);
}

static void add_text(const char *option, struct option_texts *to, const char *text)
{
	if (to->nr == OPTION_TEXTS_MAX)
		options_error("--%s: is given more than %u times", option, OPTION_TEXTS_MAX);
	to->texts[to->nr++] = text;
}

static void set_value(struct parse *parse, const struct option_row *row, const char *arg)
{
	void *value = (char *)parse->options + row->value;

	switch (row->form) {
	case OPTION_FLAG:
		*(bool *)value = true;
		break;
	case OPTION_TEXT:
		*(const char **)value = arg;
		break;
	case OPTION_TEXTS:
		add_text(row->name, value, arg);
		break;
	case OPTION_U32:
		*(uint32_t *)value = parse_u32(row->name, arg);
		break;
	case OPTION_SIZE:
		*(uint64_t *)value = parse_size(row->name, arg);
		break;
	case OPTION_BLOCK_SIZE:
		*(uint32_t *)value = parse_block_size(row->name, arg);
		break;
	case OPTION_CHOICE:
		*(unsigned *)value = parse_choice(row, row == parse->table->word ? "" : "--", arg);
		break;
	}
	if (row->given)
		*(bool *)((char *)parse->options + row->given) = true;
}

static void set_option(struct parse *parse, size_t i, const char *arg)
{
	const struct option_row *row = &parse->table->rows[i];

	if (parse->given[i] && row->form != OPTION_FLAG && row->form != OPTION_TEXTS)
		options_error("--%s is given twice", row->name);
	parse->given[i] = true;
	set_value(parse, row, arg);
}

static void add_device(struct parse *parse, char *const *arg)
{
	struct option_devices *devices = (void *)((char *)parse->options + parse->table->devices);

	if (!devices->nr++)
		devices->paths = arg;
}

/* is_last: no other argument follows. */
static void set_argument(struct parse *parse, char *const *at, bool is_last)
{
	const struct option_table *table = parse->table;
	const char **path = parse->options, *arg = *at;

	if (table->devices && (!*path || !is_last))
		add_device(parse, at);
	if (table->devices && *path && !is_last)
		return;
	if (!table->takes_device || (parse->has_word && (!table->word_is_first || *path)))
		options_error("unexpected argument '%s'", arg);
	if (table->word && !parse->has_word && (*path || table->word_is_first)) {
		set_value(parse, table->word, arg);
		parse->has_word = true;
	} else if (*path) {
		options_error("found a second device '%s', wanted one", arg);
	} else {
		*path = table->takes_stdin ? input_path(arg) : arg;
	}
}

static void check_all(struct parse *parse)
{
	const struct option_table *table = parse->table;

	if (table->takes_device && !table->word_is_first && !*(const char **)parse->options)
		options_error("no %s given", table->device ? table->device : "metadata device");
	if (table->word && !table->word_is_optional && !parse->has_word)
		options_error("no %s given", table->word->name);
	for (size_t i = 0; i < table->nr_rows; i++)
		if (table->rows[i].required && !parse->given[i])
			options_error("--%s is missing", table->rows[i].name);
	if (table->check)
		table->check(parse->options);
}

static _Noreturn void end_after_printing(void)
{
	struct tool tool = {.path = ""};

	exit((int)tool_close_stdout(&tool));
}

/* With the statuses at the end; NULL, which is a help without words, when memory is short. */
static char *make_doc(const struct option_table *table, const char *name)
{
	char *doc = NULL;
	size_t size;
	FILE *to = open_memstream(&doc, &size);

	if (!to)
		return NULL;
	fprintf(to, "%s%sExample: %s %s\n\nExit status:", table->doc,
		strchr(table->doc, '\v') ? "\n\n" : "\v", name, table->example);
	for (unsigned i = 0; i < NR_STATUSES; i++)
		if (i == STATUS_USAGE)
			fprintf(to, ", %u wrong usage", i);
		else if (table->statuses[i])
			fprintf(to, "%s %u %s", i ? "," : "", i, table->statuses[i]);
	fprintf(to, ".");
	fclose(to);
	return doc;
}

static _Noreturn void print_help(struct parse *parse, unsigned flags)
{
	const struct option_table *table = parse->table;
	struct argp argp = {.options = parse->help, .args_doc = table->args_doc};
	char *doc, name[NAME_MAX_BYTES];

	utf8_escape(program_invocation_short_name, name, sizeof(name));
	doc = make_doc(table, name);
	argp.doc = doc;
	argp_help(&argp, stdout, flags, name);
	free(doc);
	end_after_printing();
}

void options_print_version(void)
{
	tool_print("%s (%s) %s", program_invocation_short_name, PACKAGE, VERSION);
}

/* The end of standard input, and the answer, are not for it; what may be a device is refused. */
static void set_progress_fd(const char *arg)
{
	uint32_t fd = parse_u32(progress_option.name, arg);
	int flags = fd > STDOUT_FILENO && fd <= INT32_MAX ? fcntl((int)fd, F_GETFL) : -1;
	struct stat st;

	if (progress_fd() >= 0)
		options_error("--%s is given twice", progress_option.name);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat((int)fd, &st) ||
	    S_ISBLK(st.st_mode))
		options_error("--%s: found %s, wanted 2 or a higher number of a descriptor that is "
			      "open for writing, and no block device",
			      progress_option.name, arg);
	progress_set_fd((int)fd);
}

static int row_key(const struct option_table *table, size_t i)
{
	return table->rows[i].key ? table->rows[i].key : KEY_ROWS + (int)i;
}

static void set_by_key(struct parse *parse, int key, const char *arg)
{
	for (size_t i = 0; i < parse->table->nr_rows; i++)
		if (key == row_key(parse->table, i))
			set_option(parse, i, arg);
}

static const char *long_name(const struct parse *parse, int key)
{
	for (size_t i = 0; parse->longs[i].name; i++)
		if (parse->longs[i].val == key)
			return parse->longs[i].name;
	return NULL;
}

static _Noreturn void unknown_long(const struct parse *parse, const char *arg)
{
	size_t len = strcspn(arg, "="), nr = 0;

	for (size_t i = 0; parse->longs[i].name; i++)
		nr += len > 2 && !strncmp(parse->longs[i].name, arg + 2, len - 2);
	options_error(nr ? "'%s' is short for more than one option" : "unknown option '%s'", arg);
}

/* What getopt_long() says of the option that it has just passed: that the value is missing, or
 * there and not wanted, or that there is no such option. */
static _Noreturn void bad_option(const struct parse *parse, int key, char *const *argv)
{
	const char *name = optopt ? long_name(parse, optopt) : NULL;

	if (name && key == ':')
		options_error("--%s needs a value", name);
	if (name)
		options_error("--%s takes no value", name);
	if (optopt)
		options_error("unknown option '-%c'", optopt);
	unknown_long(parse, argv[optind - 1]);
}

static void parse_option(struct parse *parse, int key, char *const *argv)
{
	switch (key) {
	case 'h':
		print_help(parse, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK);
	case KEY_USAGE:
		print_help(parse, ARGP_HELP_USAGE);
	case 'V':
		options_print_version();
		end_after_printing();
	case KEY_PROGRESS_FD:
		set_progress_fd(optarg);
		break;
	case ':':
	case '?':
		bad_option(parse, key, argv);
	default:
		set_by_key(parse, key, optarg);
	}
}

static void make_help(struct parse *parse)
{
	const struct option_table *table = parse->table;
	struct argp_option *next = parse->help;

	for (size_t i = 0; i < table->nr_rows; i++)
		*next++ = (struct argp_option){table->rows[i].name, row_key(table, i),
					       table->rows[i].arg,  0,
					       table->rows[i].help, 0};
	if (table->shows_progress)
		*next++ = progress_option;
	memcpy(next, common, sizeof(common));
}

/* The same for getopt_long(), which with a ':' in front tells of missing values. */
static void make_forms(struct parse *parse)
{
	char *c = parse->shorts;

	*c++ = ':';
	for (size_t i = 0; parse->help[i].name; i++) {
		const struct argp_option *option = &parse->help[i];
		bool has_value = option->arg;

		parse->longs[i] = (struct option){option->name, has_value, NULL, option->key};
		if (option->key > UINT8_MAX)
			continue;
		*c++ = (char)option->key;
		if (has_value)
			*c++ = ':';
	}
}

static void print_choices(const struct option_row *row)
{
	for (const char *const *choice = row ? row->choices : NULL; choice && *choice; choice++)
		printf("%s%s", choice == row->choices ? "" : " ", *choice);
}

void options_print_words(const struct option_table *table)
{
	struct parse parse = {.table = table};

	make_help(&parse);
	for (size_t i = 0; parse.help[i].name; i++) {
		const struct argp_option *option = &parse.help[i];

		printf("--%s\t%s\t", option->name, option->arg ? option->arg : "");
		print_choices(i < table->nr_rows ? &table->rows[i] : NULL);
		printf("\t%s\n", option->doc);
	}
	if (!table->word)
		return;
	printf("\t%s\t", table->word->arg);
	print_choices(table->word);
	printf("\t%s%s\n", table->word->help, table->word_is_first ? "\tfirst" : "");
}

/* How many words stand behind the first "--".  A value of an option is not looked for: none is
 * called so. */
static int count_command(const struct option_table *table, int argc, char **argv)
{
	for (int i = 1; table->command && i < argc; i++)
		if (!strcmp(argv[i], "--"))
			return argc - i - 1;
	return 0;
}

/* The arguments, of which those behind a "--" are a command, unless there are no others: then they
 * are arguments that may begin with '-'. */
static void set_arguments(struct parse *parse, int argc, char **argv, int nr_command)
{
	int end = argc - nr_command;

	if (nr_command && end > optind) {
		char *const **command = (void *)((char *)parse->options + parse->table->command);

		*command = argv + end;
	} else {
		end = argc;
	}
	for (int i = optind; i < end; i++)
		set_argument(parse, &argv[i], i == end - 1);
}

void options_parse(const struct option_table *table, int argc, char **argv, void *options)
{
	struct parse parse = {.table = table, .options = options};
	int nr_command = count_command(table, argc, argv), key;

	assert(table->nr_rows <= MAX_ROWS);
	make_help(&parse);
	make_forms(&parse);
	opterr = 0;
	while ((key = getopt_long(argc, argv, parse.shorts, parse.longs, NULL)) >= 0)
		parse_option(&parse, key, argv);
	set_arguments(&parse, argc, argv, nr_command);
	check_all(&parse);
}

uint32_t options_count_blocks(uint64_t device_bytes, uint32_t block_sectors)
{
	uint64_t nr = div_up(device_bytes, (uint64_t)block_sectors * SECTOR_BYTES);
	char size[HUMAN_SIZE_BYTES];

	if (nr > INT32_MAX)
		options_error("a device of %s has %" PRIu64
			      " blocks of that size, more than the %d that dm-era can track",
			      human_size(device_bytes, size), nr, INT32_MAX);
	return (uint32_t)nr;
}

const char *options_stream(const char *name)
{
	return name && !strcmp(name, "-") ? NULL : name;
}

static bool look(const char *name, int descriptor, struct stat *st)
{
	return !(name ? stat(name, st) : fstat(descriptor, st));
}

/* Two names of one device or file; one that stands for nothing is like no other, and what is read
 * from and written to a terminal or a socket has nothing to do with each other. */
static bool is_same(const struct stat *a, const struct stat *b)
{
	return (S_ISBLK(a->st_mode) || S_ISREG(a->st_mode) || S_ISFIFO(a->st_mode)) &&
	       io_is_same_file(a, b);
}

static bool is_told_progress(const struct stat *st)
{
	struct stat to;

	return progress_fd() >= 0 && look(NULL, progress_fd(), &to) && is_same(st, &to);
}

void options_check_progress(const char *output)
{
	struct stat out;

	if (look(output, STDOUT_FILENO, &out) && is_told_progress(&out))
		options_error("--%s: the output is the same", progress_option.name);
}

void options_check_output(const char *input, const char *output)
{
	struct stat in, out;

	options_check_progress(output);
	if (!look(input, STDIN_FILENO, &in))
		return;
	if (look(NULL, STDERR_FILENO, &out) && is_same(&in, &out))
		exit(STATUS_USAGE); /* the message would be what it warns of */
	if (is_told_progress(&in))
		options_error("--%s: the input is the same", progress_option.name);
	if (look(output, STDOUT_FILENO, &out) && is_same(&in, &out))
		options_error("input and output are the same: %s",
			      output ? output : "standard output");
}
