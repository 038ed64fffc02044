/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/cmdline.h"

#include <dlfcn.h>
#include <nbdkit-filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define OWN_NAME "era"

/* Options of one letter that have an argument. */
#define WITH_ARGUMENT "DegipPtuU"

/* Long options without an argument; each of the others is followed by one. */
static const char *const plain_options[] = {
	"dump-config", "dump-plugin", "exit-with-parent", "foreground",
	"help",	       "ipv4-only",   "ipv6-only",	  "long-options",
	"new-style",   "newstyle",    "no-fork",	  "no-mc",
	"no-sr",       "old-style",   "oldstyle",	  "print-uri",
	"read-only",   "readonly",    "short-options",	  "single",
	"stdin",       "swap",	      "tls-verify-peer",  "verbose",
	"version",     "vsock",
};

static void set_pidfile(struct cmdline *cmdline, const char *path)
{
	free(cmdline->pidfile);
	cmdline->pidfile = path ? nbdkit_absolute_path(path) : NULL;
}

/* Is word, up to its '=', a name of that option, or an abbreviation that is long enough? */
static bool is_long(const char *word, const char *name, size_t least)
{
	size_t len = strcspn(word, "=");

	return len >= least && len <= strlen(name) && !strncmp(word, name, len);
}

/* A filter that is given as a file has been loaded by now, and is asked for its name, since a file
 * may be called anything. */
static const char *filter_name(const char *word)
{
	struct nbdkit_filter *(*init)(void) = NULL;
	void *file = strchr(word, '/') ? dlopen(word, RTLD_LAZY | RTLD_NOLOAD) : NULL;
	const char *name = word;

	if (file)
		*(void **)&init = dlsym(file, "filter_init");
	if (init)
		name = init()->name;
	if (file)
		dlclose(file);
	return name;
}

static void add_filter(struct cmdline *cmdline, const char *word)
{
	const char *name = filter_name(word);
	char *longer;

	if (!strcmp(name, OWN_NAME)) {
		cmdline->nr_here++;
		free(cmdline->above);
		cmdline->above = cmdline->below;
		cmdline->below = NULL;
		return;
	}
	if (asprintf(&longer, "%s%s ", cmdline->below ? cmdline->below : "", name) < 0)
		return;
	free(cmdline->below);
	cmdline->below = longer;
}

bool cmdline_has(const char *filters, const char *name)
{
	size_t len = strlen(name);

	while (filters && *filters) {
		size_t word = strcspn(filters, " ");

		if (word == len && !strncmp(filters, name, len))
			return true;
		filters += word + 1;
	}
	return false;
}

static bool is_plain(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain_options); i++)
		if (is_long(word, plain_options[i], 2))
			return true;
	return false;
}

/* Returns whether the next word is its argument. */
static bool read_long(struct cmdline *cmdline, const char *word, const char *next)
{
	const char *equals = strchr(word, '='), *value = equals ? equals + 1 : next;

	if (is_long(word, "readonly", 2) || is_long(word, "read-only", 2))
		cmdline->is_readonly = true;
	else if (is_long(word, "run", 2))
		cmdline->runs = true;
	else if (is_long(word, "filter", 2) && value)
		add_filter(cmdline, value);
	else if (is_long(word, "pidfile", 2) || is_long(word, "pid-file", 2))
		set_pidfile(cmdline, value);
	return !equals && !is_plain(word);
}

/* Returns whether the next word is the argument of the last letter. */
static bool read_short(struct cmdline *cmdline, const char *letters, const char *next)
{
	for (; *letters; letters++) {
		if (*letters == 'r')
			cmdline->is_readonly = true;
		if (!strchr(WITH_ARGUMENT, *letters))
			continue;
		if (*letters == 'P')
			set_pidfile(cmdline, letters[1] ? letters + 1 : next);
		return !letters[1];
	}
	return false;
}

static void read_words(struct cmdline *cmdline, const char *word, const char *end)
{
	bool is_argument = true; /* the program's name */

	while (word < end && strcmp(word, "--")) {
		const char *next = word + strlen(word) + 1;
		const char *after = next < end ? next : NULL;

		if (is_argument)
			is_argument = false;
		else if (!strncmp(word, "--", 2))
			is_argument = read_long(cmdline, word + 2, after);
		else if (word[0] == '-')
			is_argument = read_short(cmdline, word + 1, after);
		else if (!cmdline->plugin)
			cmdline->plugin = strdup(word);
		word = next;
	}
}

void cmdline_read(struct cmdline *cmdline)
{
	FILE *file = fopen("/proc/self/cmdline", "re");
	size_t size = 0;
	char *words = NULL;
	ssize_t len = file ? getdelim(&words, &size, EOF, file) : -1;

	if (len > 0)
		read_words(cmdline, words, words + len);
	free(words);
	if (file)
		fclose(file);
}

void cmdline_free(struct cmdline *cmdline)
{
	free(cmdline->pidfile);
	free(cmdline->above);
	free(cmdline->below);
	free(cmdline->plugin);
	*cmdline = (struct cmdline){.pidfile = NULL};
}
