/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "target/cmdline.h"

#include <nbdkit-filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_NAME "era"

/* Options of one letter that have an argument. */
#define WITH_ARGUMENT "DegipPtuU"

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

/* Of a filter that is given by its path nbdkit's own name is left: /x/nbdkit-NAME-filter.so. */
static void add_filter(struct cmdline *cmdline, const char *path)
{
	static const char prefix[] = "nbdkit-", suffix[] = "-filter.";
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *end;
	char *longer;

	if (!strncmp(name, prefix, strlen(prefix)))
		name += strlen(prefix);
	end = strstr(name, suffix);
	if (!end)
		end = name + strlen(name);
	if ((size_t)(end - name) == strlen(OWN_NAME) && !strncmp(name, OWN_NAME, strlen(OWN_NAME))) {
		cmdline->nr_here++;
		free(cmdline->below);
		cmdline->below = NULL;
		return;
	}
	if (asprintf(&longer, "%s%.*s ", cmdline->below ? cmdline->below : "", (int)(end - name), name) < 0)
		return;
	free(cmdline->below);
	cmdline->below = longer;
}

static void read_long(struct cmdline *cmdline, const char *word, const char *next)
{
	const char *value = strchr(word, '=');

	value = value ? value + 1 : next;
	if (is_long(word, "readonly", 2) || is_long(word, "read-only", 2))
		cmdline->is_readonly = true;
	else if (is_long(word, "run", 2))
		cmdline->runs = true;
	else if (is_long(word, "filter", 2) && value)
		add_filter(cmdline, value);
	else if (is_long(word, "pidfile", 2) || is_long(word, "pid-file", 2))
		set_pidfile(cmdline, value);
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
			read_long(cmdline, word + 2, after);
		else if (word[0] == '-')
			is_argument = read_short(cmdline, word + 1, after);
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
	free(cmdline->below);
	cmdline->pidfile = cmdline->below = NULL;
}
