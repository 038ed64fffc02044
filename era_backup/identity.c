/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A device's name changes with the order in which devices are found, so the first of these that it
 * has identifies it: the UUID or the name that device mapper was given, the file below a loop
 * device, what the disk says of itself.  A partition is its number on such a disk.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "base/utf8.h"
#include "era_backup/backup.h"

static const struct {
	const char *file, *prefix;
} facts[] = {
	{"dm/uuid", "dm-uuid:"},	{"dm/name", "dm-name:"},
	{"loop/backing_file", "file:"}, {"wwid", "wwid:"},
	{"device/wwid", "wwid:"},	{"serial", "serial:"},
	{"device/serial", "serial:"},
};

/* The first line of a file in /sys, without blanks around it; false if there is none. */
static bool read_fact(const char *directory, const char *file, char line[PATH_MAX])
{
	char path[PATH_MAX];
	char *start, *got;
	FILE *from;
	size_t len;

	if (snprintf(path, sizeof(path), "%s/%s", directory, file) >= (int)sizeof(path))
		return false;
	from = fopen(path, "re");
	if (!from)
		return false;
	got = fgets(line, PATH_MAX, from);
	fclose(from);
	if (!got)
		return false;
	start = line + strspn(line, " \t\n");
	len = strlen(start);
	while (len && strchr(" \t\n", start[len - 1]))
		len--;
	memmove(line, start, len);
	line[len] = '\0';
	return len;
}

static void set(char identity[DELTA_ORIGIN_MAX + 1], const char *prefix, const char *text)
{
	char escaped[4 * PATH_MAX + 1];
	size_t len = utf8_escape(text, escaped, sizeof(escaped) - 1);

	escaped[len] = '\0';
	text_format(identity, DELTA_ORIGIN_MAX + 1, "%s%s", prefix, escaped);
}

static bool identify_disk(const char *directory, char identity[DELTA_ORIGIN_MAX + 1])
{
	char line[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		if (read_fact(directory, facts[i].file, line)) {
			set(identity, facts[i].prefix, line);
			return true;
		}
	return false;
}

static void identify_device(const char *path, dev_t nr, char identity[DELTA_ORIGIN_MAX + 1])
{
	char directory[PATH_MAX], disk[PATH_MAX + 4], line[PATH_MAX];
	size_t len;

	snprintf(directory, sizeof(directory), "/sys/dev/block/%u:%u", major(nr), minor(nr));
	if (identify_disk(directory, identity))
		return;
	snprintf(disk, sizeof(disk), "%s/..", directory);
	if (read_fact(directory, "partition", line) && identify_disk(disk, identity)) {
		len = strlen(identity);
		snprintf(identity + len, DELTA_ORIGIN_MAX + 1 - len, "-part%s", line);
		return;
	}
	set(identity, "device:", path);
}

int identity_of(const char *path, char identity[DELTA_ORIGIN_MAX + 1], const struct report *rep)
{
	char *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st)) {
		free(real);
		return report_errno(rep, path, "cannot find what it is");
	}
	if (S_ISBLK(st.st_mode))
		identify_device(real, st.st_rdev, identity);
	else
		set(identity, "file:", real);
	free(real);
	return 0;
}

int identity_of_metadata(const char *path, char identity[DELTA_ORIGIN_MAX + 1],
			 const struct report *rep)
{
	char own[DELTA_ORIGIN_MAX + 1];
	int r = identity_of(path, own, rep);

	if (!r)
		text_format(identity, DELTA_ORIGIN_MAX + 1, "metadata %s", own);
	return r;
}
