/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/above.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_DEPTH 16u
#define PATH_BYTES 512u

enum answer { NO, YES, UNKNOWN };

/* The device that the file in /sys names; 0: none. */
static dev_t read_number(const char *path)
{
	FILE *from = fopen(path, "re");
	unsigned major_nr = 0, minor_nr = 0;

	if (!from)
		return 0;
	if (fscanf(from, "%u:%u", &major_nr, &minor_nr) != 2)
		major_nr = minor_nr = 0;
	fclose(from);
	return makedev(major_nr, minor_nr);
}

/* The device of the filesystem in which the file of a loop device lies; 0: it is none. */
static dev_t read_backing(const char *dir)
{
	char path[PATH_BYTES + 32], file[PATH_MAX];
	struct stat st;
	FILE *from;
	bool found;

	snprintf(path, sizeof(path), "%s/loop/backing_file", dir);
	from = fopen(path, "re");
	if (!from)
		return 0;
	found = fgets(file, sizeof(file), from) != NULL;
	fclose(from);
	file[strcspn(file, "\n")] = '\0';
	if (!found || stat(file, &st))
		return 0;
	return S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
}

static enum answer is_above(dev_t dev, dev_t below, unsigned depth);

static enum answer look_at_slaves(const char *dir, dev_t below, unsigned depth)
{
	char path[PATH_BYTES + 320];
	enum answer found = NO;
	struct dirent *entry;
	DIR *slaves;

	snprintf(path, sizeof(path), "%s/slaves", dir);
	slaves = opendir(path);
	while (slaves && found != YES && (entry = readdir(slaves))) {
		enum answer one;

		if (*entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/slaves/%s/dev", dir, entry->d_name);
		one = is_above(read_number(path), below, depth + 1);
		found = one == NO ? found : one;
	}
	if (slaves)
		closedir(slaves);
	return found;
}

/* A partition is on its disk, a loop device on what its file lies in, all else on its slaves. */
static enum answer is_above(dev_t dev, dev_t below, unsigned depth)
{
	char dir[PATH_BYTES], path[PATH_BYTES + 32];
	dev_t next;

	if (dev == below)
		return YES;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	if (!major(dev) || depth > MAX_DEPTH || access(dir, F_OK))
		return UNKNOWN;
	snprintf(path, sizeof(path), "%s/partition", dir);
	if (!access(path, F_OK)) {
		snprintf(path, sizeof(path), "%s/../dev", dir);
		return is_above(read_number(path), below, depth + 1);
	}
	next = read_backing(dir);
	return next ? is_above(next, below, depth + 1) : look_at_slaves(dir, below, depth);
}

int above_check_mounts(const char *const *mounts, unsigned nr, struct mapper *m, const char *name,
		       const struct report *rep)
{
	struct mapper_info info;
	struct stat st;
	int r = nr ? mapper_info(m, name, &info) : 0;

	for (unsigned i = 0; i < nr && !r; i++) {
		if (stat(mounts[i], &st))
			r = report_errno(rep, mounts[i], "cannot open");
		else if (is_above(st.st_dev, makedev(info.major, info.minor), 0) == NO)
			r = report_fail(rep, ERA_SYS,
					"%s: its filesystem is not on %s, so to freeze it does "
					"nothing for the copy: leave --freeze out, or name the "
					"mount that is",
					mounts[i], name);
	}
	return r;
}
