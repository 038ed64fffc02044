/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/copy_source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "block/loop.h"
#include "copy/served.h"

static int fail(const struct copy_source *source, const char *what)
{
	return report_errno(source->rep, source->path, what);
}

static int busy(const struct copy_source *source)
{
	return report_fail(source->rep, ERA_SYS, "%s: is in use", source->path);
}

static int hold_file(const struct copy_source *source, const struct stat *st)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	if (fcntl(source->fd, F_OFD_SETLK, &lock))
		return errno == EAGAIN || errno == EACCES ? busy(source)
							  : fail(source, "cannot lock");
	return loop_find_use(st) != LOOP_UNUSED ? busy(source) : 0;
}

static int hold(const struct copy_source *source, const struct stat *st)
{
	if (!source->is_device)
		return hold_file(source, st);
	return loop_file_is_locked(source->fd, st, F_RDLCK) ? busy(source) : 0;
}

static int find_size(struct copy_source *source, const struct stat *st)
{
	source->size = (uint64_t)st->st_size;
	if (source->is_device && ioctl(source->fd, BLKGETSIZE64, &source->size))
		return fail(source, "cannot find its size");
	return source->size ? 0 : report_fail(source->rep, ERA_SYS, "%s: is empty", source->path);
}

static int open_directly(struct copy_source *source, int flags)
{
	source->fd = open(source->path, flags | O_DIRECT);
	if (source->fd < 0 && errno == EINVAL && !source->is_device)
		source->fd = open(source->path, flags);
	if (source->fd >= 0)
		return 0;
	return errno == EBUSY ? busy(source) : fail(source, "cannot open");
}

/* The type is looked at first, since opening a FIFO may wait for ever. */
static int open_path(struct copy_source *source, bool holds)
{
	int flags = O_RDONLY | O_CLOEXEC;
	struct stat st;
	int r;

	if (stat(source->path, &st))
		return fail(source, "cannot open");
	source->is_device = S_ISBLK(st.st_mode);
	if (!source->is_device && !S_ISREG(st.st_mode))
		return report_fail(source->rep, ERA_SYS, "%s: Not a block device or regular file",
				   source->path);
	r = open_directly(source, flags | (holds && source->is_device ? O_EXCL : 0));
	if (r)
		return r;
	if (fstat(source->fd, &st))
		return fail(source, "cannot open");
	r = holds ? hold(source, &st) : 0;
	return r ? r : find_size(source, &st);
}

static bool is_uri(const char *path)
{
	static const char *const schemes[] = {
		"nbd://", "nbds://", "nbd+unix://", "nbds+unix://", "nbd+vsock://", "nbds+vsock://",
	};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (!strncmp(path, schemes[i], strlen(schemes[i])))
			return true;
	return false;
}

static void prepare(struct copy_source *source, const char *path, const struct report *rep)
{
	*source = (struct copy_source){.path = path, .rep = rep, .fd = -1};
}

int copy_source_open(struct copy_source *source, const char *path, enum copy_source_use use,
		     const struct report *rep)
{
	bool holds = use == COPY_SOURCE_EXCLUSIVE;

	prepare(source, path, rep);
	if (!is_uri(path))
		return open_path(source, holds);
	return report_fail(rep, ERA_SYS,
			   "%s: of a server nobody can be kept off; wanted the path of what it "
			   "serves",
			   path);
}

int copy_source_open_any(struct copy_source *source, const char *path,
			 const struct served_patience *patience, const struct report *rep)
{
	struct served_facts facts;
	int r;

	if (!is_uri(path))
		return copy_source_open(source, path, COPY_SOURCE_SHARED, rep);
	prepare(source, path, rep);
	r = served_open(&source->served, path, patience, &facts, rep);
	if (r)
		return r;
	source->size = facts.size;
	source->frozen_era = facts.frozen_era;
	return 0;
}

void copy_source_close(struct copy_source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	served_close(source->served);
	source->fd = -1;
	source->served = NULL;
}

void copy_source_free(const struct copy_source *source, uint64_t at, uint64_t len)
{
	if (fallocate(source->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		      (off_t)len))
		errno = 0; /* then it needs its space for longer */
}

/* A direct read must be of whole sectors, also at the end of a file, where it is cut short. */
static int read_path(const struct copy_source *source, void *data, size_t len, uint64_t at)
{
	size_t done = 0, wanted = (len + COPY_SOURCE_ALIGN - 1) & ~(size_t)(COPY_SOURCE_ALIGN - 1);

	while (done < len) {
		ssize_t n =
			pread(source->fd, (char *)data + done, wanted - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (!n)
			return EIO;
		done += (size_t)n;
	}
	return 0;
}

int copy_source_read(const struct copy_source *source, void *data, size_t len, uint64_t at)
{
	if (source->served)
		return served_read(source->served, data, len, at);
	return read_path(source, data, len, at);
}
