/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "boot/same_device.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEV "/dev/"
#define MAPPER "/dev/mapper/"

/* A - in one of the names of a volume is doubled in that of device mapper. */
static size_t double_dashes(const char *from, const char *end, char *to, size_t at)
{
	for (; from != end && at < PATH_MAX - 2; from++) {
		to[at++] = *from;
		if (*from == '-')
			to[at++] = '-';
	}
	to[at] = '\0';
	return at;
}

/* The path below /dev/mapper of a path with two words, if it is that of a volume. */
static bool find_mapper_path(const char *path, char to[PATH_MAX])
{
	const char *volume = strncmp(path, DEV, strlen(DEV)) ? NULL : path + strlen(DEV);
	const char *slash = volume ? strchr(volume, '/') : NULL;
	size_t len;

	if (!slash || strchr(slash + 1, '/') || !strncmp(path, MAPPER, strlen(MAPPER)))
		return false;
	len = (size_t)snprintf(to, PATH_MAX, MAPPER);
	len = double_dashes(volume, slash, to, len);
	if (len < PATH_MAX - 2)
		to[len++] = '-';
	double_dashes(slash + 1, slash + strlen(slash), to, len);
	return true;
}

static bool is_volume_at(const char *path, const char *mapper_path)
{
	char found[PATH_MAX];

	return find_mapper_path(path, found) && !strcmp(found, mapper_path);
}

static bool leads_to_one(const char *a, const char *b)
{
	struct stat at_a, at_b;

	return !stat(a, &at_a) && !stat(b, &at_b) && S_ISBLK(at_a.st_mode) &&
	       S_ISBLK(at_b.st_mode) && at_a.st_rdev == at_b.st_rdev;
}

bool is_same_device(const char *a, const char *b)
{
	return !strcmp(a, b) || is_volume_at(a, b) || is_volume_at(b, a) || leads_to_one(a, b);
}
