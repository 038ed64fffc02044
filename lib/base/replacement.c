/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/replacement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attributes.h"
#include "base/io.h"

#define NEW_MODE 0666
#define PRIVATE_MODE 0600

/* A new file's path has no links to resolve but those of its directory. */
static char *resolve(const char *path)
{
	char *target = realpath(path, NULL);
	struct stat st;

	if (target || errno != ENOENT)
		return target;
	if (!lstat(path, &st)) {
		errno = ENOENT;
		return NULL;
	}
	return strdup(path);
}

/* What replaces another file is its owner's alone until it has the other's mode. */
int replacement_open(struct replacement *r, const char *path, const char *shown,
		     const struct report *rep)
{
	struct stat st;

	*r = (struct replacement){.target = resolve(path), .file = {.fd = -1}};
	if (!r->target)
		return report_errno(rep, shown, "cannot create");
	r->replaces = !lstat(r->target, &st);
	if (!r->replaces && errno != ENOENT)
		return report_errno(rep, shown, "cannot create");
	errno = newfile_open(&r->file, r->target, r->replaces ? PRIVATE_MODE : NEW_MODE);
	return errno ? report_errno(rep, shown, "cannot create") : 0;
}

static int keep_attributes(const struct replacement *r, const char *shown, const struct report *rep)
{
	const char *what;
	struct stat st;

	if (!lstat(r->target, &st) && !S_ISREG(st.st_mode))
		return replacement_refuse(shown, rep);
	errno = attributes_keep(r->file.fd, r->target, &what);
	return errno ? report_errno(rep, shown, what) : 0;
}

static int take_name(struct replacement *r, const char *shown, const struct report *rep)
{
	int error;

	if (r->replaces) {
		errno = newfile_replace(&r->file, r->target);
		return errno ? report_errno(rep, shown, "cannot put it in its place") : 0;
	}
	error = newfile_create(&r->file, r->target);
	if (error)
		return newfile_refuse(error, shown, rep);
	newfile_keep(&r->file);
	return 0;
}

int replacement_commit(struct replacement *r, const char *shown, const struct report *rep)
{
	int error = r->replaces ? keep_attributes(r, shown, rep) : 0;

	if (!error && fsync(r->file.fd))
		error = report_errno(rep, shown, "cannot flush");
	if (!error)
		error = take_name(r, shown, rep);
	if (error)
		return error;
	errno = io_flush_directory(r->target);
	return errno ? report_errno(rep, shown, "cannot flush its directory") : 0;
}

int replacement_write(const char *path, const void *data, size_t len, const struct report *rep)
{
	struct replacement file;
	int r = replacement_open(&file, path, path, rep);

	if (!r) {
		errno = io_write_at(file.file.fd, data, len, 0);
		r = errno ? report_errno(rep, path, "cannot write")
			  : replacement_commit(&file, path, rep);
	}
	if (file.file.fd >= 0)
		close(file.file.fd);
	replacement_close(&file);
	return r;
}

int replacement_refuse(const char *shown, const struct report *rep)
{
	return report_fail(rep, ERA_SYS, "%s: is another kind of file than it was", shown);
}

void replacement_close(struct replacement *r)
{
	newfile_drop(&r->file);
	free(r->target);
	r->target = NULL;
}
