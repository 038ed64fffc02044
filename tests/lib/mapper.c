/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Calls of dm/dm.h and dm/suspend.h, one a word, in the order in which they stand, until one fails:
 *
 *	create NAME TABLE	load NAME TABLE		clear NAME	remove NAME
 *	resume NAME		info NAME		find WORD
 *	reload NAME TABLE	suspends, loads, resumes
 *	break NAME		suspends, is resumed by somebody, resumes
 *	hold NAME MS		stays suspended for so long
 *
 * A TABLE is "SECTORS TYPE PARAMS".  --limit MS goes before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm/dm.h"
#include "dm/suspend.h"

struct line {
	struct mapper_target target;
	struct mapper_table table;
};

/* Cuts the text. */
static const struct mapper_table *table_of(char *text, struct line *line)
{
	char *type;

	line->target.sectors = strtoull(text, &type, 10);
	type++;
	line->target.params = strchr(type, ' ') + 1;
	*strchr(type, ' ') = '\0';
	line->target.type = type;
	line->table = (struct mapper_table){.nr = 1, .targets = &line->target};
	return &line->table;
}

static int load_it(struct mapper *m, const char *name, void *ctx)
{
	struct line line = {0};

	return mapper_load(m, name, table_of(ctx, &line)) ? EIO : 0;
}

static int resume_it(struct mapper *m, const char *name, void *ctx)
{
	(void)ctx;
	return mapper_resume(m, name, MAPPER_WITHOUT_UDEV) ? EIO : 0;
}

static int hold_it(struct mapper *m, const char *name, void *ctx)
{
	(void)m;
	(void)name;
	usleep((useconds_t)atoi(ctx) * 1000);
	return 0;
}

static int while_suspended(struct mapper *m, char **word, suspended_work *work)
{
	const struct suspension suspension = {.name = word[1],
					      .work = work,
					      .ctx = word[2],
					      .lockfs = true};

	return mapper_while_suspended(m, &suspension);
}

static int print_info(struct mapper *m, const char *name)
{
	struct mapper_info info;
	int r = mapper_info(m, name, &info);

	if (!r)
		printf("%s:%s%s%s%s\n", name, info.exists ? " exists" : "",
		       info.suspended ? " suspended" : "", info.has_table ? " table" : "",
		       info.has_loaded ? " loaded" : "");
	return r;
}

static int print_found(struct mapper *m, const char *what)
{
	char name[MAPPER_NAME_MAX] = "nothing";

	mapper_find(m, what, name);
	printf("%s is %s\n", what, name);
	return 0;
}

static int call(struct mapper *m, char **word)
{
	struct line line = {0};

	if (!strcmp(word[0], "create"))
		return mapper_create(m, word[1], NULL, table_of(word[2], &line),
				     MAPPER_WITHOUT_UDEV);
	if (!strcmp(word[0], "load"))
		return mapper_load(m, word[1], table_of(word[2], &line));
	if (!strcmp(word[0], "clear"))
		return mapper_clear(m, word[1]);
	if (!strcmp(word[0], "remove"))
		return mapper_remove(m, word[1], MAPPER_WITH_UDEV);
	if (!strcmp(word[0], "resume"))
		return mapper_resume(m, word[1], MAPPER_WITH_UDEV);
	if (!strcmp(word[0], "info"))
		return print_info(m, word[1]);
	if (!strcmp(word[0], "find"))
		return print_found(m, word[1]);
	if (!strcmp(word[0], "reload"))
		return while_suspended(m, word, load_it);
	if (!strcmp(word[0], "break"))
		return while_suspended(m, word, resume_it);
	return while_suspended(m, word, hold_it);
}

static void print_error(void *ctx, const char *text)
{
	(void)ctx;
	printf("error: %s\n", text);
}

/* How many words a call has. */
static int length(const char *word)
{
	static const char *const three[] = {"create", "load", "reload", "hold"};

	for (size_t i = 0; i < sizeof(three) / sizeof(three[0]); i++)
		if (!strcmp(word, three[i]))
			return 3;
	return 2;
}

int main(int argc, char **argv)
{
	const struct report rep = {.error = print_error};
	struct mapper *m = NULL;
	uint32_t limit = 0;
	int at = 1, r;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 3 && !strcmp(argv[1], "--limit")) {
		limit = (uint32_t)atoi(argv[2]);
		at = 3;
	}
	r = mapper_open(&m, limit, &rep);
	for (; !r && at + length(argv[at]) <= argc; at += length(argv[at])) {
		r = call(m, argv + at);
		if (at + length(argv[at]) >= argc)
			break;
	}
	mapper_close(m);
	return r ? 3 : 0;
}
