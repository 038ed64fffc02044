/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/tmpfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Without /proc it could not get a name. */
int tmpfile_open(const char *directory, mode_t mode)
{
	if (access("/proc/self/fd", X_OK))
		return -1;
	return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

int tmpfile_link(int fd, const char *path)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}
