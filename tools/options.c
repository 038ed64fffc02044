/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "tools/status.h"
#include "tools/tool.h"

#define SECTOR_BYTES 512u
#define BLOCK_UNIT_BYTES 4096u

enum keys {
	KEY_USAGE = 0x100,
	KEY_ROWS, /* the row's index is added, for those without a short form */
};

struct parse {
	const struct option_table *table;
	void *options;
	bool has_word;
};

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

static uint32_t parse_u32(struct argp_state *state, const char *option, const char *text)
{
	const char *rest = text;
	uint64_t value = 0;

	if (!parse_digits(&rest, &value) || *rest || value > UINT32_MAX)
		argp_error(state, "--%s: found '%s', wanted a number from 0 to %" PRIu32, option,
			   text, UINT32_MAX);
	return (uint32_t)value;
}

static uint64_t parse_size(struct argp_state *state, const char *option, const char *text)
{
	static const struct {
		char suffix;
		uint64_t factor;
	} units[] = {
		{'\0', 1},
		{'s', SECTOR_BYTES},
		{'k', UINT64_C(1) << 10},
		{'K', UINT64_C(1) << 10},
		{'M', UINT64_C(1) << 20},
		{'G', UINT64_C(1) << 30},
		{'T', UINT64_C(1) << 40},
	};
	const char *rest = text;
	uint64_t value = 0;

	if (parse_digits(&rest, &value) && (!*rest || !rest[1]))
		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (units[i].suffix == *rest && checked_mul(value, units[i].factor, &value) &&
			    value <= INT64_MAX && value % SECTOR_BYTES == 0)
				return value;
	argp_error(state,
		   "--%s: found '%s', wanted whole sectors of %u bytes: a number of bytes, or with one "
		   "of the suffixes s k M G T",
		   option, text, SECTOR_BYTES);
	return 0;
}

static uint32_t parse_block_size(struct argp_state *state, const char *option, const char *text)
{
	uint64_t bytes = parse_size(state, option, text);

	if (!bytes || bytes % BLOCK_UNIT_BYTES || bytes / SECTOR_BYTES > UINT32_MAX)
		argp_error(state, "--%s: found '%s', wanted a positive multiple of %u bytes", option,
			   text, BLOCK_UNIT_BYTES);
	return (uint32_t)(bytes / SECTOR_BYTES);
}

static unsigned parse_choice(struct argp_state *state, const struct option_row *row,
			     const char *text)
{
	const struct parse *parse = state->input;
	char all[256] = "";

	for (unsigned i = 0; row->choices[i]; i++)
		if (!strcmp(row->choices[i], text))
			return i;
	for (unsigned i = 0; row->choices[i]; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 row->choices[i]);
	argp_error(state, "%s%s: found '%s', wanted one of %s", row == parse->table->word ? "" : "--",
		   row->name, text, all);
	return 0;
}

static void set_option(struct argp_state *state, const struct option_row *row, char *arg)
{
	struct parse *parse = state->input;
	void *value = (char *)parse->options + row->value;

	switch (row->form) {
	case OPTION_FLAG:
		*(bool *)value = true;
		break;
	case OPTION_TEXT:
		*(const char **)value = arg;
		break;
	case OPTION_U32:
		*(uint32_t *)value = parse_u32(state, row->name, arg);
		break;
	case OPTION_SIZE:
		*(uint64_t *)value = parse_size(state, row->name, arg);
		break;
	case OPTION_BLOCK_SIZE:
		*(uint32_t *)value = parse_block_size(state, row->name, arg);
		break;
	case OPTION_CHOICE:
		*(unsigned *)value = parse_choice(state, row, arg);
		break;
	}
	if (row->given)
		*(bool *)((char *)parse->options + row->given) = true;
}

static void set_argument(struct argp_state *state, char *arg)
{
	struct parse *parse = state->input;
	const struct option_table *table = parse->table;
	const char **path = parse->options;

	if (!table->takes_device || parse->has_word)
		argp_error(state, "unexpected argument '%s'", arg);
	if (*path && table->word) {
		set_option(state, table->word, arg);
		parse->has_word = true;
	} else if (*path) {
		argp_error(state, "found a second device '%s', wanted one", arg);
	} else {
		*path = arg;
	}
}

static bool is_given(const struct parse *parse, const struct option_row *row)
{
	const char *options = parse->options;

	if (row->form == OPTION_TEXT)
		return *(const char *const *)(const void *)(options + row->value);
	return *(const bool *)(options + row->given);
}

static void check_all(struct argp_state *state)
{
	struct parse *parse = state->input;
	const struct option_table *table = parse->table;

	if (table->takes_device && !*(const char **)parse->options)
		argp_error(state, "no %s given", table->device ? table->device : "metadata device");
	if (table->word && !parse->has_word)
		argp_error(state, "no %s given", table->word->name);
	for (size_t i = 0; i < table->nr_rows; i++)
		if (table->rows[i].required && !is_given(parse, &table->rows[i]))
			argp_error(state, "--%s is missing", table->rows[i].name);
	if (table->check)
		table->check(state, parse->options);
}

static int row_key(const struct option_table *table, size_t i)
{
	return table->rows[i].key ? table->rows[i].key : KEY_ROWS + (int)i;
}

static error_t parse_row(int key, char *arg, struct argp_state *state)
{
	const struct option_table *table = ((struct parse *)state->input)->table;

	for (size_t i = 0; i < table->nr_rows; i++) {
		if (key != row_key(table, i))
			continue;
		set_option(state, &table->rows[i], arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void end_after_printing(void)
{
	struct tool tool = {.path = ""};

	exit((int)tool_close_stdout(&tool));
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK);
		end_after_printing();
		return 0;
	case KEY_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
		end_after_printing();
		return 0;
	case 'V':
		printf("%s (%s) %s\n", program_invocation_short_name, PACKAGE, VERSION);
		end_after_printing();
		return 0;
	case ARGP_KEY_ARG:
		set_argument(state, arg);
		return 0;
	case ARGP_KEY_END:
		check_all(state);
		return 0;
	default:
		return parse_row(key, arg, state);
	}
}

/* The only thing that keeps argp from parsing: it exits itself when the command line is wrong. */
static void out_of_memory(void)
{
	fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
	exit(STATUS_SYSTEM);
}

void options_parse_table(const struct option_table *table, int argc, char **argv, void *options)
{
	static const struct argp_option common[] = {
		{"help", 'h', NULL, 0, "Print this help", -1},
		{"usage", KEY_USAGE, NULL, 0, "Print a short usage message", -1},
		{"version", 'V', NULL, 0, "Print the version", -1},
	};
	struct argp_option *all = calloc(table->nr_rows + ARRAY_SIZE(common) + 1, sizeof(*all));
	struct argp argp = {all, parse_option, table->args_doc, table->doc, NULL, NULL, NULL};
	struct parse parse = {table, options, false};

	if (!all)
		out_of_memory();
	for (size_t i = 0; i < table->nr_rows; i++)
		all[i] = (struct argp_option){table->rows[i].name, row_key(table, i),
					      table->rows[i].arg,  0,
					      table->rows[i].help, 0};
	memcpy(all + table->nr_rows, common, sizeof(common));
	argp_err_exit_status = STATUS_USAGE;
	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &parse))
		out_of_memory();
	free(all);
}

uint32_t options_count_blocks(struct argp_state *state, uint64_t device_bytes,
			      uint32_t block_sectors)
{
	uint64_t nr = div_up(device_bytes, (uint64_t)block_sectors * SECTOR_BYTES);

	if (nr > INT32_MAX)
		argp_error(state,
			   "a device of %" PRIu64 " bytes has %" PRIu64
			   " blocks of that size, more than the %d that dm-era can track",
			   device_bytes, nr, INT32_MAX);
	return (uint32_t)nr;
}

/* Two names of one device or file; a name that stands for nothing is like no other. */
static bool is_same(const char *a, const char *b)
{
	struct stat sa, sb;

	if (stat(a, &sa) || stat(b, &sb))
		return false;
	if (S_ISBLK(sa.st_mode) && S_ISBLK(sb.st_mode))
		return sa.st_rdev == sb.st_rdev;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

void options_check_output(struct argp_state *state, const char *input, const char *output)
{
	if (input && output && is_same(input, output))
		argp_error(state, "input and output are the same: %s", output);
}
