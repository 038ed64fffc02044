/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/discards.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"

#define PATH_BYTES 96u
#define LIMIT_BYTES 32u
#define NO_DISCARDS "0\n"

static void find_attribute(const struct mapper_info *info, const char *attribute,
			   char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "/sys/dev/block/%" PRIu32 ":%" PRIu32 "/%s", info->major,
		 info->minor, attribute);
}

static void find_path(const struct mapper_info *info, char path[PATH_BYTES])
{
	find_attribute(info, "queue/discard_max_bytes", path);
}

static bool read_limit(const char *path, char text[LIMIT_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, LIMIT_BYTES - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

static bool write_limit(const char *path, const char *text)
{
	ssize_t len = (ssize_t)strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, (size_t)len) == len;

	if (fd >= 0)
		close(fd);
	return written;
}

enum discards discards_look(const struct mapper_info *info)
{
	char path[PATH_BYTES], text[LIMIT_BYTES];

	find_path(info, path);
	if (!read_limit(path, text))
		return DISCARDS_UNKNOWN;
	return strcmp(text, NO_DISCARDS) ? DISCARDS_ON : DISCARDS_OFF;
}

/* The kernel counts them since the device is there, whatever its table was; the number of requests
 * is the twelfth of its figures. */
bool discards_were_done(const struct mapper_info *info)
{
	char path[PATH_BYTES];
	uint64_t nr = 1;
	FILE *from;

	find_attribute(info, "stat", path);
	from = fopen(path, "re");
	if (!from)
		return true;
	if (fscanf(from, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &nr) != 1)
		nr = 1;
	fclose(from);
	return nr;
}

int discards_switch_off(const char *name, const struct mapper_info *info, const struct report *rep)
{
	char path[PATH_BYTES];

	if (discards_look(info) == DISCARDS_OFF)
		return 0;
	find_path(info, path);
	if (write_limit(path, NO_DISCARDS) && discards_look(info) == DISCARDS_OFF)
		return 0;
	return report_fail(
		rep, ERA_SYS,
		"%s: discards, which are not tracked, can't be switched off by %s: mount "
		"/sys for writing",
		name, path);
}

/* The kernel takes only multiples of the granularity, even if the limit is none.  Linux 7.2 forgets
 * the granularity while discards are off, and takes nothing. */
static bool restore_limit(const char *dir, const char *text)
{
	char path[PATH_BYTES], granularity[LIMIT_BYTES], rounded[LIMIT_BYTES];
	uint64_t limit = strtoull(text, NULL, 10), unit;

	snprintf(path, sizeof(path), "%s/discard_granularity", dir);
	unit = read_limit(path, granularity) ? strtoull(granularity, NULL, 10) : 0;
	snprintf(rounded, sizeof(rounded), "%" PRIu64, unit ? limit - limit % unit : limit);
	snprintf(path, sizeof(path), "%s/discard_max_bytes", dir);
	return write_limit(path, rounded);
}

/* A partition has the queue of its disk. */
void discards_hold(const char *numbers, struct held_discards *held)
{
	static const char *const places[] = {"", "/.."};
	char path[PATH_BYTES];

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(held->dir, sizeof(held->dir), "/sys/dev/block/%.32s%s/queue", numbers,
			 places[i]);
		snprintf(path, sizeof(path), "%s/discard_max_bytes", held->dir);
		if (read_limit(path, held->limit))
			break;
	}
	if (!strcmp(held->limit, NO_DISCARDS) || !write_limit(path, NO_DISCARDS))
		held->limit[0] = '\0';
}

void discards_release(const struct held_discards *held, const char *name, const struct report *rep)
{
	if (*held->limit && !restore_limit(held->dir, held->limit))
		report_note(rep,
			    "%s: its origin takes no discards until its table is loaded anew, or "
			    "the machine boots: the kernel does not let the limit in %s be what "
			    "it was",
			    name, held->dir);
}
