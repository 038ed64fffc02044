/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/suspended.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#define PATH_ROOM 400
#define LINUX_MAJOR 5u
#define LINUX_MINOR 19u

static bool commits_when_suspended(void)
{
	struct utsname name;
	unsigned major, minor;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > LINUX_MAJOR || (major == LINUX_MAJOR && minor >= LINUX_MINOR);
}

/* Of a device that holds another one. */
static bool holder_is_suspended(const char *holders, const char *name)
{
	char path[PATH_ROOM];
	FILE *file;
	bool is_suspended;

	if (snprintf(path, sizeof(path), "%s/%s/dm/suspended", holders, name) >= PATH_ROOM)
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	is_suspended = fgetc(file) == '1';
	fclose(file);
	return is_suspended;
}

/* There is at least one, and all are suspended. */
static bool holders_are_suspended(const struct stat *st)
{
	char path[PATH_ROOM];
	struct dirent *entry;
	bool found = false, all = true;
	DIR *directory;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(st->st_rdev),
		 minor(st->st_rdev));
	directory = opendir(path);
	if (!directory)
		return false;
	while (all && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		found = true;
		all = holder_is_suspended(path, entry->d_name);
	}
	closedir(directory);
	return found && all;
}

int suspended_check(const struct blk_dev *dev)
{
	struct stat st;

	if (fstat(dev->fd, &st))
		return report_errno(dev->rep, dev->path, "cannot find what it is");
	if (!S_ISBLK(st.st_mode) || !holders_are_suspended(&st))
		return report_fail(dev->rep, ERA_NO_ANSWER,
				   "%s: is no metadata device of a target that is suspended",
				   dev->path);
	if (!commits_when_suspended())
		return report_fail(dev->rep, ERA_NO_ANSWER,
				   "%s: the metadata of a suspended target are complete since "
				   "Linux 5.19 only: take a metadata snapshot",
				   dev->path);
	return 0;
}
