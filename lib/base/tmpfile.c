/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tmpfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int tmpfile_open(const char *folder, mode_t mode)
{
	return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

const char *tmpfile_scratch_folder(void)
{
	const char *folder = getenv("TMPDIR");

	return folder && *folder ? folder : "/var/tmp";
}

/* Nameless files aren't known to every file system. */
int tmpfile_open_scratch(void)
{
	const char *folder = tmpfile_scratch_folder();
	char path[4096];
	int fd = tmpfile_open(folder, 0600);

	if (fd >= 0)
		return fd;
	if (snprintf(path, sizeof(path), "%s/era-XXXXXX", folder) >= (int)sizeof(path))
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int tmpfile_link(int fd, const char *path)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}
