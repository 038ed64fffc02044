/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/untracked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/replacement.h"
#include "era_setup/state.h"

#define PATH_BYTES 256u

static void find_path(const char *name, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, STATE_DIRECTORY "/%s.untracked", name);
}

bool untracked_since(const char *name, char since[UNTRACKED_SINCE_BYTES])
{
	char path[PATH_BYTES];
	ssize_t n;
	int fd;

	snprintf(since, UNTRACKED_SINCE_BYTES, "an unknown time");
	find_path(name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT && errno != ENOTDIR;
	n = read(fd, since, UNTRACKED_SINCE_BYTES - 1);
	close(fd);
	if (n > 0)
		since[strcspn(since, "\n")] = '\0';
	return true;
}

static size_t print_now(char text[UNTRACKED_SINCE_BYTES])
{
	time_t now = time(NULL);
	struct tm tm;

	return gmtime_r(&now, &tm)
		       ? strftime(text, UNTRACKED_SINCE_BYTES, "%Y-%m-%d %H:%M:%S UTC\n", &tm)
		       : 0;
}

int untracked_note(const char *name, const struct report *rep)
{
	char path[PATH_BYTES], since[UNTRACKED_SINCE_BYTES];
	int r;

	if (untracked_since(name, since))
		return 0;
	find_path(name, path);
	r = state_make_directory(rep);
	if (r)
		return r;
	errno = io_flush_directory(STATE_DIRECTORY);
	if (errno)
		return report_errno(rep, STATE_DIRECTORY, "cannot flush its directory");
	return replacement_write(path, since, print_now(since), rep);
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
