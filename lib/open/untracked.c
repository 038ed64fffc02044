/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/untracked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/replacement.h"
#include "base/state_directory.h"

#define PATH_BYTES 320u
#define SUFFIX ".untracked"
#define TEXT_BYTES (UNTRACKED_SINCE_BYTES + PATH_MAX)

struct note {
	char since[UNTRACKED_SINCE_BYTES];
	char metadata[PATH_MAX]; /* "": unknown */
};

static void find_path(const char *name, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, STATE_DIRECTORY "/%s" SUFFIX, name);
}

/* A line of the text, which is moved behind it. */
static void take_line(char **text, char *to, size_t size)
{
	const char *line = strsep(text, "\n");

	snprintf(to, size, "%s", line ? line : "");
}

static bool read_note(const char *path, struct note *note)
{
	char text[TEXT_BYTES] = "", *rest = text;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*note = (struct note){.since = "an unknown time"};
	if (fd < 0)
		return errno != ENOENT && errno != ENOTDIR;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return true;
	take_line(&rest, note->since, sizeof(note->since));
	take_line(&rest, note->metadata, sizeof(note->metadata));
	return true;
}

bool untracked_since(const char *name, char since[UNTRACKED_SINCE_BYTES])
{
	char path[PATH_BYTES];
	struct note note;
	bool was;

	find_path(name, path);
	was = read_note(path, &note);
	memcpy(since, note.since, sizeof(note.since));
	return was;
}

static size_t print_note(char text[TEXT_BYTES], const char *metadata)
{
	char now[UNTRACKED_SINCE_BYTES] = "";
	time_t clock = time(NULL);
	struct tm tm;

	if (gmtime_r(&clock, &tm))
		strftime(now, sizeof(now), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return (size_t)snprintf(text, TEXT_BYTES, "%s\n%s\n", now, metadata);
}

int untracked_note(const char *name, const char *metadata, const struct report *rep)
{
	char path[PATH_BYTES], since[UNTRACKED_SINCE_BYTES], text[TEXT_BYTES];
	int r;

	if (untracked_since(name, since))
		return 0;
	find_path(name, path);
	r = state_directory_make(rep);
	if (r)
		return r;
	errno = io_flush_directory(STATE_DIRECTORY);
	if (errno)
		return report_errno(rep, STATE_DIRECTORY, "cannot flush its directory");
	return replacement_write(path, text, print_note(text, metadata), rep);
}

void untracked_forget(const char *name, const struct report *rep)
{
	char path[PATH_BYTES], since[UNTRACKED_SINCE_BYTES];

	if (!untracked_since(name, since))
		return;
	find_path(name, path);
	if (unlink(path) || io_flush_directory(path))
		report_note(rep,
			    "%s: cannot remove: all blocks will count as written once more when "
			    "the target starts again",
			    path);
}

/* A path that leads nowhere may be of the same device, whose links udev has not made yet. */
static bool is_same(const char *path, const struct stat *st, const char *noted)
{
	struct stat found;

	if (stat(noted, &found))
		return !strcmp(path, noted);
	return io_is_same_file(st, &found);
}

static bool has_suffix(const char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);

	return len > suffix && !strcmp(name + len - suffix, SUFFIX);
}

static int refuse(const char *metadata, const char *name, const struct note *note,
		  const struct report *rep)
{
	int len = (int)(strlen(name) - strlen(SUFFIX));

	return report_fail(
		rep, ERA_NO_ANSWER,
		"%s: the device %.*s was there without its target since %s, and what "
		"was written then is in no list: all blocks count as written when " ERA_PROGRAM
		" setup activate %.*s has started it again",
		metadata, len, name, note->since, len, name);
}

int untracked_refuse(const char *metadata, const struct report *rep)
{
	DIR *dir = opendir(STATE_DIRECTORY);
	struct dirent *entry;
	char path[PATH_BYTES];
	struct note note;
	struct stat st;
	int r = 0;

	if (!dir || stat(metadata, &st)) {
		if (dir)
			closedir(dir);
		return 0;
	}
	while (!r && (entry = readdir(dir))) {
		if (!has_suffix(entry->d_name))
			continue;
		snprintf(path, sizeof(path), STATE_DIRECTORY "/%s", entry->d_name);
		if (read_note(path, &note) && is_same(metadata, &st, note.metadata))
			r = refuse(metadata, entry->d_name, &note, rep);
	}
	closedir(dir);
	return r;
}
