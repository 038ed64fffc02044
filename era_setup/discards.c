/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/discards.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 96u

static void find_path(const struct mapper_info *info, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "/sys/dev/block/%" PRIu32 ":%" PRIu32 "/queue/discard_max_bytes",
		 info->major, info->minor);
}

enum discards discards_look(const struct mapper_info *info)
{
	char path[PATH_BYTES], text[32] = "";
	ssize_t n;
	int fd;

	find_path(info, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return DISCARDS_UNKNOWN;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return DISCARDS_UNKNOWN;
	return strcmp(text, "0\n") ? DISCARDS_ON : DISCARDS_OFF;
}

int discards_switch_off(const char *name, const struct mapper_info *info, const struct report *rep)
{
	char path[PATH_BYTES];
	bool written;
	int fd;

	if (discards_look(info) == DISCARDS_OFF)
		return 0;
	find_path(info, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	written = fd >= 0 && write(fd, "0", 1) == 1;
	if (fd >= 0)
		close(fd);
	if (written && discards_look(info) == DISCARDS_OFF)
		return 0;
	return report_fail(
		rep, ERA_SYS,
		"%s: discards, which are not tracked, can't be switched off by %s: mount "
		"/sys for writing",
		name, path);
}
