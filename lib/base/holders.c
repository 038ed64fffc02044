/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/holders.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#define PATH_ROOM 400

static bool is_suspended(const char *holders, const char *name)
{
	char path[PATH_ROOM];
	FILE *file;
	bool is;

	if (snprintf(path, sizeof(path), "%s/%s/dm/suspended", holders, name) >= PATH_ROOM)
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	is = fgetc(file) == '1';
	fclose(file);
	return is;
}

struct holders holders_at(const char *device)
{
	struct holders holders = {0};
	char path[PATH_ROOM];
	struct dirent *entry;
	DIR *directory;

	if (snprintf(path, sizeof(path), "%s/holders", device) >= PATH_ROOM)
		return holders;
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		holders.nr++;
		holders.nr_suspended += is_suspended(path, entry->d_name);
	}
	if (directory)
		closedir(directory);
	return holders;
}

struct holders holders_of(dev_t dev)
{
	char directory[PATH_ROOM];

	snprintf(directory, sizeof(directory), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	return holders_at(directory);
}
