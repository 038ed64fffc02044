/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/tmpfile.h"

#define MODE 0600

static const char *scratch_directory(void)
{
	const char *directory = getenv("TMPDIR");

	return directory && *directory ? directory : "/var/tmp";
}

/* Nameless files aren't known to every file system. */
static int open_and_unlink(const char *directory)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/era-XXXXXX", directory) < 0)
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

static int fail(int error, const char *what, const struct report *rep)
{
	errno = error;
	return report_errno(rep, scratch_directory(), what);
}

int scratch_open(const struct report *rep)
{
	int fd = tmpfile_open(scratch_directory(), MODE);

	if (fd < 0)
		fd = open_and_unlink(scratch_directory());
	return fd < 0 ? fail(errno, "cannot create a temporary file", rep) : fd;
}

int scratch_open_near(const char *path, const struct report *rep)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd;

	if (!directory)
		return report_nomem(rep);
	fd = tmpfile_open(directory, MODE);
	if (fd < 0)
		fd = open_and_unlink(directory);
	if (fd < 0)
		fd = report_errno(rep, directory, "cannot create a temporary file");
	free(directory);
	return fd;
}

int scratch_write(int fd, const void *data, size_t len, off_t at, const struct report *rep)
{
	int error = io_write_at(fd, data, len, at);

	return error ? fail(error, "cannot write a temporary file", rep) : 0;
}

int scratch_read(int fd, void *data, size_t len, off_t at, const struct report *rep)
{
	int error = io_read_at(fd, data, len, at);

	return error ? fail(error, "cannot read back a temporary file", rep) : 0;
}

int scratch_set_size(int fd, off_t size, const struct report *rep)
{
	return ftruncate(fd, size) ? fail(errno, "cannot set the size of a temporary file", rep)
				   : 0;
}
