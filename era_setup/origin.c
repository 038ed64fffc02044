/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"

#define SECTOR_BYTES 512u

static int look(const char *path, struct stat *st, const struct report *rep)
{
	if (stat(path, st))
		return report_errno(rep, path, "cannot open");
	if (!S_ISBLK(st->st_mode))
		return report_fail(rep, ERA_SYS, "%s: is no block device", path);
	return 0;
}

static void put_numbers(const struct stat *st, char numbers[MAPPER_DEVICE_MAX])
{
	snprintf(numbers, MAPPER_DEVICE_MAX, "%u:%u", major(st->st_rdev), minor(st->st_rdev));
}

int origin_numbers(const char *path, char numbers[MAPPER_DEVICE_MAX], const struct report *rep)
{
	struct stat st;
	int r = look(path, &st, rep);

	if (!r)
		put_numbers(&st, numbers);
	return r;
}

int origin_find_size(struct origin *origin, const char *path, const struct report *rep)
{
	struct stat st;
	uint64_t bytes;

	if (fstat(origin->fd, &st) || !S_ISBLK(st.st_mode) ||
	    ioctl(origin->fd, BLKGETSIZE64, &bytes))
		return report_errno(rep, path, "cannot find its size");
	put_numbers(&st, origin->numbers);
	origin->sectors = bytes / SECTOR_BYTES;
	return 0;
}

static int open_by(struct origin *origin, const char *path, int flags, const struct report *rep)
{
	struct stat st;
	int r = look(path, &st, rep);

	*origin = (struct origin){.fd = -1};
	if (r)
		return r;
	origin->fd = open(path, O_RDONLY | O_DIRECT | O_NONBLOCK | O_CLOEXEC | flags);
	if (origin->fd < 0 && errno == EBUSY)
		return report_fail(
			rep, ERA_SYS,
			"%s: is mounted, or used by another device: end that first, since "
			"what is written to it directly is not tracked",
			path);
	if (origin->fd < 0)
		return report_errno(rep, path, "cannot open");
	r = origin_find_size(origin, path, rep);
	if (r)
		origin_close(origin);
	return r;
}

int origin_open(struct origin *origin, const char *path, const struct report *rep)
{
	return open_by(origin, path, O_EXCL, rep);
}

int origin_open_shared(struct origin *origin, const char *path, const struct report *rep)
{
	return open_by(origin, path, 0, rep);
}

void origin_close(struct origin *origin)
{
	if (origin->fd >= 0)
		close(origin->fd);
	origin->fd = -1;
}

int origin_count_blocks(const struct origin *origin, const char *path, uint32_t block_sectors,
			uint32_t *nr, const struct report *rep)
{
	uint64_t blocks = div_up(origin->sectors, block_sectors);

	if (!blocks || blocks > INT32_MAX)
		return report_fail(rep, ERA_SYS,
				   "%s: has %" PRIu64 " blocks of %" PRIu32
				   " sectors, wanted 1 to %d",
				   path, blocks, block_sectors, INT32_MAX);
	*nr = (uint32_t)blocks;
	return 0;
}
