/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/cow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "target/log.h"

#define OWNER_MODE 0600

static int refuse_existing(const char *path)
{
	return report_fail(
		&log_report, ERA_SYS,
		"%s: is there already: what old contents are copied to must be a new file", path);
}

/* Removes an empty file that is nobody's. */
static int make_room_for(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : report_errno(&log_report, path, "cannot look at it");
	if (!S_ISREG(st.st_mode) || st.st_size || st.st_nlink != 1 || st.st_uid != geteuid())
		return refuse_existing(path);
	return unlink(path) ? report_errno(&log_report, path, "cannot remove") : 0;
}

int cow_open(struct cow *cow, const char *path)
{
	int r = make_room_for(path);

	if (r)
		return r;
	cow->path = strdup(path);
	if (!cow->path)
		return report_nomem(&log_report);
	cow->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, OWNER_MODE);
	if (cow->fd >= 0 && !unlink(path))
		return 0;
	r = report_errno(&log_report, path, "cannot make a file for old contents");
	cow_close(cow);
	return r;
}

void cow_close(struct cow *cow)
{
	if (cow->fd >= 0)
		close(cow->fd);
	free(cow->path);
	*cow = (struct cow)COW_CLOSED;
}

int cow_write(const struct cow *cow, const void *buf, size_t len, uint64_t offset)
{
	return io_write_at(cow->fd, buf, len, (off_t)offset);
}

int cow_read(const struct cow *cow, void *buf, size_t len, uint64_t offset)
{
	return io_read_at(cow->fd, buf, len, (off_t)offset);
}

int cow_empty(const struct cow *cow)
{
	return ftruncate(cow->fd, 0) ? errno : 0;
}
