/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The life of the kernel's targets: created, activated at each start, and stopped. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/state_directory.h"
#include "dm/era.h"
#include "era_setup/device_name.h"
#include "era_setup/origin.h"
#include "era_setup/print_json.h"
#include "era_setup/setup.h"
#include "tools/program.h"

enum request_trait {
	TAKES_NAME = 1,
	WANTS_NAME = 2 | TAKES_NAME,
	CREATES = 4,
	IS_BRIEF = 8,
	TAKES_ALL = 16, /* --all; and one wrong line of the table leaves the others */
	NO_TABLE = 32,
};

enum request {
	CREATE,
	ACTIVATE,
	DEACTIVATE,
	DISABLE,
	REMEMBER,
	RESIZE,
	MARK,
	MOVE,
	SETTLE,
	LIST,
	STATUS,
	NR_REQUESTS
};

static const char *const request_names[NR_REQUESTS + 1] = {
	[CREATE] = "create",   [ACTIVATE] = "activate", [DEACTIVATE] = "deactivate",
	[DISABLE] = "disable", [REMEMBER] = "remember", [RESIZE] = "resize",
	[MARK] = "mark",       [MOVE] = "move",		[SETTLE] = "settle",
	[LIST] = "list",       [STATUS] = "status",
};

static const struct {
	setup_request *run;
	unsigned traits; /* of enum request_trait */
} requests[NR_REQUESTS] = {
	[CREATE] = {setup_create, WANTS_NAME | CREATES | IS_BRIEF},
	[ACTIVATE] = {setup_activate, WANTS_NAME | TAKES_ALL},
	[DEACTIVATE] = {setup_deactivate, WANTS_NAME | TAKES_ALL},
	[DISABLE] = {setup_disable, WANTS_NAME | IS_BRIEF},
	[REMEMBER] = {setup_remember, WANTS_NAME | IS_BRIEF | TAKES_ALL},
	[RESIZE] = {setup_resize, WANTS_NAME | IS_BRIEF},
	[MARK] = {setup_mark, WANTS_NAME | IS_BRIEF},
	[MOVE] = {setup_move, WANTS_NAME | IS_BRIEF},
	[SETTLE] = {setup_settle, IS_BRIEF | NO_TABLE},
	[LIST] = {setup_list, IS_BRIEF},
	[STATUS] = {setup_status, TAKES_NAME},
};

static const struct option_row rows[] = {
	{.name = "origin",
	 .arg = "DEV",
	 .help = "With create: the device to track",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct setup_options, origin)},
	{.name = "metadata",
	 .arg = "DEV",
	 .help = "With create and move: the device for the metadata, which is overwritten",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct setup_options, metadata)},
	{.name = "block-size",
	 .arg = "SIZE",
	 .help = "With create: the size of a data block (default: 64k)",
	 .form = OPTION_BLOCK_SIZE,
	 .value = offsetof(struct setup_options, block_sectors),
	 .given = offsetof(struct setup_options, has_block_size)},
	{.name = "pass-discards",
	 .help = "With create: let discards pass, which are not tracked",
	 .value = offsetof(struct setup_options, pass_discards)},
	{.name = "enable",
	 .help = "With create: let systemd know of it at once",
	 .value = offsetof(struct setup_options, enable)},
	{.name = "all",
	 .help = "With activate, deactivate and remember: each device of the table",
	 .value = offsetof(struct setup_options, all)},
	{.name = "force",
	 .help = "With create and move: overwrite the device for the metadata, whatever it holds",
	 .value = offsetof(struct setup_options, force)},
	{.name = "dry-run",
	 .help = "Look at everything, print what would be done, and change nothing",
	 .value = offsetof(struct setup_options, dry_run)},
	{.name = "eratab",
	 .arg = "FILE",
	 .help = "The table of tracked devices (default: " ERATAB_PATH ")",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct setup_options, eratab)},
	{.name = "json",
	 .help = "Print what was done, and the devices, as JSON",
	 .value = offsetof(struct setup_options, json)},
	{.name = "quiet",
	 .key = 'q',
	 .help = "Print only errors, and what was asked for",
	 .value = offsetof(struct setup_options, quiet)},
};

static const struct option_row request_row = {
	.name = "request",
	.arg = "request",
	.help = "What to do",
	.form = OPTION_CHOICE,
	.value = offsetof(struct setup_options, request),
	.choices = request_names,
};

static bool has_trait(const struct setup_options *options, enum request_trait trait)
{
	return (requests[options->request].traits & trait) == trait;
}

/* Options that go with some requests only; those that are required with them. */
static void check_partners(const struct setup_options *options)
{
	const char *request = request_names[options->request];
	bool creates = has_trait(options, CREATES), moves = options->request == MOVE;
	bool takes_all = has_trait(options, TAKES_ALL);
	const struct {
		const char *option;
		bool given, allowed, required;
	} partners[] = {
		{"origin", options->origin, creates, creates},
		{"metadata", options->metadata, creates || moves, creates || moves},
		{"block-size", options->has_block_size, creates, false},
		{"pass-discards", options->pass_discards, creates, false},
		{"enable", options->enable, creates, false},
		{"all", options->all, takes_all, false},
		{"force", options->force, creates || moves, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(partners); i++) {
		if (partners[i].given && !partners[i].allowed)
			options_error("--%s: does not go with %s", partners[i].option, request);
		if (partners[i].required && !partners[i].given)
			options_error("%s: --%s is missing", request, partners[i].option);
	}
}

static void check_options(void *arg)
{
	struct setup_options *options = arg;
	const char *request = request_names[options->request];

	if (options->path && options->all)
		options_error("%s: --all and a name exclude each other", request);
	if (!options->path && !options->all && has_trait(options, WANTS_NAME))
		options_error("%s: the name of the device is missing", request);
	if (options->path && !has_trait(options, TAKES_NAME))
		options_error("%s: takes no name, found '%s'", request, options->path);
	if (options->path && !*options->path)
		options_error("%s: the name of the device is empty", request);
	check_partners(options);
	if (!options->has_block_size)
		options->block_sectors = 128;
	if (!options->eratab)
		options->eratab = ERATAB_PATH;
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.device = "name",
	.word = &request_row,
	.word_is_first = true,
	.check = check_options,
	.args_doc = "create --origin=DEV --metadata=DEV NAME\n"
		    "activate|deactivate|remember NAME|--all\ndisable|resize|mark NAME\n"
		    "move --metadata=DEV NAME\nsettle\nlist\nstatus [NAME]",
	.example = "activate data",
	.doc = "Creates, starts and stops the kernel's era target NAME, as " ERATAB_PATH
	       " has it.\v"
	       "create makes the metadata and adds a line to the table. activate checks the "
	       "metadata and starts the target, whose device is /dev/mapper/NAME; deactivate "
	       "stops it; disable takes the line away. remember notes what the origin of an active "
	       "target is. resize follows an origin that has grown, "
	       "or one that has become smaller while the target was stopped. mark lets all "
	       "blocks count as written, and move copies the metadata to another device; these "
	       "want a target that is stopped. settle, which is run at boot, carries notes of "
	       "devices that are not tracked to " STATE_DIRECTORY
	       ". list and status print what there is.\n\n"
	       "An origin that is mounted or used by another device is refused. Blocks by which "
	       "it has grown count as written. Discards, which the kernel does not track, are "
	       "switched off.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_DAMAGED] = "the table or the metadata are damaged",
			[STATUS_SYSTEM] = "system error, or a device is in use, missing or too "
					  "small",
			[STATUS_NO_ANSWER] = "no first era can be chosen",
		},
};

struct tracked tracked_of(const struct eratab_entry *entry)
{
	struct tracked t = {.entry = entry};

	device_path(entry->origin, t.origin);
	device_path(entry->metadata, t.metadata);
	return t;
}

struct untracked tracked_untracked(const struct tracked *t)
{
	return (struct untracked){t->entry->name, t->metadata, t->origin};
}

void setup_say(const struct setup *s, const char *fmt, ...)
{
	char *text;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if (s->options->dry_run && s->options->json)
		tool_say(s->tool, "would: %s", text);
	else if (s->options->dry_run)
		tool_print("would: %s", text);
	else
		tool_say(s->tool, "%s", text);
	free(text);
}

int setup_change_table(struct setup *s, setup_request *change)
{
	int lock = eratab_lock(s->options->eratab, s->rep), r;

	if (lock < 0)
		return lock;
	eratab_free(&s->tab);
	r = eratab_read(&s->tab, s->options->eratab, s->rep);
	if (!r)
		r = change(s);
	close(lock);
	return r;
}

int setup_find(struct setup *s, struct tracked *t)
{
	const struct eratab_entry *entry = eratab_find(&s->tab, s->options->path);

	if (!entry && eratab_is_wrong(&s->tab, s->options->path))
		return report_fail(s->rep, ERA_DAMAGED, "%s: its line in %s is wrong",
				   s->options->path, s->options->eratab);
	if (!entry)
		return report_fail(s->rep, ERA_SYS,
				   "%s: is not in %s; " ERA_PROGRAM " setup list prints what is",
				   s->options->path, s->options->eratab);
	*t = tracked_of(entry);
	return 0;
}

static bool is_device(const char *path, const char *numbers)
{
	char found[MAPPER_DEVICE_MAX];

	return !origin_numbers(path, found, NULL) && !strcmp(found, numbers);
}

/* All of the origin, as activate makes it if that is what the line wants. */
static int look_for_linear(const struct setup *s, struct tracked *t)
{
	char origin[MAPPER_DEVICE_MAX], params[MAPPER_DEVICE_MAX + 2];
	struct mapper_table found = {0};
	int r = mapper_table(s->mapper, t->entry->name, &found);

	t->untracked = false;
	if (!r && found.nr == 1 && !strcmp(found.targets[0].type, "linear") &&
	    !origin_numbers(t->origin, origin, NULL)) {
		snprintf(params, sizeof(params), "%s 0", origin);
		t->untracked = !strcmp(found.targets[0].params, params);
	}
	mapper_table_free(&found);
	return r;
}

int tracked_is_active(const struct setup *s, struct tracked *t, bool *active)
{
	const char *name = t->entry->name;
	struct mapper_info info;
	struct era_table found;
	int r = mapper_info(s->mapper, name, &info);

	if (r)
		return r;
	*active = info.exists;
	if (info.exists)
		r = look_for_linear(s, t);
	if (!r && info.exists && !t->untracked)
		r = era_device_table(s->mapper, name, &found);
	if (r || !info.exists || t->untracked)
		return r;
	if (is_device(t->origin, found.origin) && is_device(t->metadata, found.metadata) &&
	    found.block_sectors == t->entry->block_sectors)
		return 0;
	return report_fail(s->rep, ERA_SYS,
			   "%s: is another device than the one in line %" PRIu64
			   " of %s: it has the origin %s, metadata on %s and blocks of %" PRIu32
			   " sectors",
			   name, t->entry->line, s->options->eratab, found.origin, found.metadata,
			   found.block_sectors);
}

const char *setup_request_name(const struct setup *s)
{
	return request_names[s->options->request];
}

bool setup_is_brief(const struct setup *s)
{
	return has_trait(s->options, IS_BRIEF);
}

/* create reads the table when it is locked, and has no target. */
static int create(struct setup *s)
{
	int r = setup_create(s);

	if (r || !s->options->json)
		return r;
	eratab_free(&s->tab);
	r = eratab_read(&s->tab, s->options->eratab, s->rep);
	return r ? r : setup_print_json(s);
}

/* The line of the name is looked for before device mapper is. */
static int read_table(struct setup *s)
{
	const struct setup_options *options = s->options;
	struct tracked t;
	int r;

	if (!has_trait(options, TAKES_ALL))
		return eratab_read(&s->tab, options->eratab, s->rep);
	r = eratab_read_good(&s->tab, options->eratab, s->rep);
	return r || options->all ? r : setup_find(s, &t);
}

static int make(struct setup *s)
{
	const struct setup_options *options = s->options;
	int r;

	if (has_trait(options, CREATES))
		return create(s);
	r = has_trait(options, NO_TABLE) ? 0 : read_table(s);
	if (!r && s->tab.nr)
		r = mapper_open(&s->mapper, 0, s->rep);
	if (!r)
		r = requests[options->request].run(s);
	if (!r && options->json)
		r = setup_print_json(s);
	mapper_close(s->mapper);
	return r;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	struct setup_options *options = arg;
	struct setup s = {.tool = tool, .rep = &tool->report, .options = options};
	int r;

	if (!options->path)
		options->path = "";
	tool->path = options->path;
	tool->quiet = options->quiet;
	tool->json.is_wanted = options->json;
	r = make(&s);
	eratab_free(&s.tab);
	return r ? status_of(r) : tool_close_stdout(tool);
}

const struct program program_setup = {
	.name = "setup",
	.summary = "create, start and stop the kernel's era targets",
	.options = &table,
	.options_size = sizeof(struct setup_options),
	.run = run,
};
