/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/tmpfile.h"

#define NAME_TRIES 100
#define RESERVED_MODE 0600

static char *beside(const char *target, unsigned try)
{
	char *name;

	if (asprintf(&name, "%s.%ld-%u.tmp", target, (long)getpid(), try) < 0)
		return NULL;
	return name;
}

static int make(struct newfile *file, const char *name, mode_t mode)
{
	file->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	return file->fd < 0 ? errno : 0;
}

/* Makes the file under a name beside the target, or gives it one. */
static int name_beside(struct newfile *file, const char *target, mode_t mode)
{
	int error = EEXIST;

	for (unsigned try = 0; error == EEXIST && try < NAME_TRIES; try++) {
		char *name = beside(target, try);

		if (!name)
			return ENOMEM;
		if (file->fd < 0)
			error = make(file, name, mode);
		else
			error = tmpfile_link(file->fd, name) ? errno : 0;
		if (error)
			free(name);
		else
			file->named = name;
	}
	return error;
}

int newfile_open(struct newfile *file, const char *target, mode_t mode)
{
	char *directory = io_directory_of(target);

	*file = (struct newfile){.fd = -1};
	if (!directory)
		return ENOMEM;
	file->fd = tmpfile_open(directory, mode);
	free(directory);
	return file->fd < 0 ? name_beside(file, target, mode) : 0;
}

/* For a file system that can't rename to what must not exist, and perhaps not link either: the name
 * is reserved with an empty file. */
static int rename_to_reserved(const char *name, const char *target)
{
	int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, RESERVED_MODE), error;

	if (fd < 0)
		return errno;
	close(fd);
	if (!rename(name, target))
		return 0;
	error = errno;
	unlink(target);
	return error;
}

/* Of musl only the newest have it. */
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
static int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
#endif

static int rename_to_new(const char *name, const char *target)
{
	if (!renameat2(AT_FDCWD, name, AT_FDCWD, target, RENAME_NOREPLACE))
		return 0;
	return errno == EINVAL || errno == ENOSYS ? rename_to_reserved(name, target) : errno;
}

int newfile_create(struct newfile *file, const char *target)
{
	char *name = strdup(target);
	int error;

	if (!name)
		return ENOMEM;
	if (file->named)
		error = rename_to_new(file->named, target);
	else
		error = tmpfile_link(file->fd, target) ? errno : 0;
	if (error) {
		free(name);
		return error;
	}
	free(file->named);
	file->named = name;
	return 0;
}

int newfile_refuse(int error, const char *target, const struct report *rep)
{
	if (error == EEXIST)
		return report_fail(
			rep, ERA_SYS,
			"%s: cannot create: a file has appeared there meanwhile, and stays as "
			"it is",
			target);
	errno = error;
	return report_errno(rep, target, "cannot create");
}

int newfile_replace(struct newfile *file, const char *target)
{
	int error = file->named ? 0 : name_beside(file, target, 0);

	if (error)
		return error;
	if (rename(file->named, target))
		return errno;
	newfile_keep(file);
	return 0;
}

void newfile_drop(struct newfile *file)
{
	if (file->named)
		unlink(file->named);
	newfile_keep(file);
}

void newfile_keep(struct newfile *file)
{
	free(file->named);
	file->named = NULL;
}
