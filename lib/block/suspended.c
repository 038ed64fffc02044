/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/suspended.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/holders.h"

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

/* There is at least one, and all are suspended. */
static bool holders_are_suspended(dev_t dev)
{
	struct holders holders = holders_of(dev);

	return holders.nr && holders.nr == holders.nr_suspended;
}

int suspended_check(const struct blk_dev *dev)
{
	struct stat st;

	if (fstat(dev->fd, &st))
		return report_errno(dev->rep, dev->path, "cannot find what it is");
	if (!S_ISBLK(st.st_mode) || !holders_are_suspended(st.st_rdev))
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

int shared_check(const struct blk_dev *dev)
{
	struct stat st;
	unsigned nr = !fstat(dev->fd, &st) && S_ISBLK(st.st_mode) ? holders_of(st.st_rdev).nr : 0;

	if (nr <= 1)
		return 0;
	return report_fail(
		dev->rep, ERA_NO_ANSWER,
		"%s: is held by %u devices: of two targets with the same metadata neither "
		"knows what the other one marks; remove one, and let all blocks count as "
		"written, as by " ERA_PROGRAM " setup mark",
		dev->path, nr);
}
