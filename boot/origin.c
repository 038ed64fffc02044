/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * era-origin NODE [DM-NAME [DM-UUID [LINK...]]]: run by udev's rules for a block device, with its
 * links as far as they are known; prints what the table has to say of it, as variables:
 *
 *	ERA_TRACKED=NAME	it is the origin of NAME
 *	.ERA_LINKS=LINK...	its links, but those by UUID and label
 *	ERA_DISCARDS=pass	it is a tracked device to which discards pass
 *
 * Lines of the table that are wrong are left to others to tell of.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/same_device.h"
#include "era_setup/device_name.h"
#include "era_setup/eratab.h"

static bool has_link(const char *origin, char **links, int nr)
{
	char path[PATH_MAX];

	for (int i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "/dev/%s", links[i]);
		if (!strcmp(path, origin))
			return true;
	}
	return false;
}

static bool is_origin(const struct eratab_entry *entry, int argc, char **argv)
{
	char origin[PATH_MAX], mapper[PATH_MAX];

	device_path(entry->origin, origin);
	if (is_same_device(argv[1], origin))
		return true;
	if (argc < 3)
		return false;
	snprintf(mapper, sizeof(mapper), "/dev/mapper/%s", argv[2]);
	return (*argv[2] && is_same_device(mapper, origin)) ||
	       (argc > 4 && has_link(origin, argv + 4, argc - 4));
}

static bool is_shared(const char *link)
{
	static const char *const dirs[] = {"disk/by-uuid/", "disk/by-label/"};

	for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++)
		if (!strncmp(link, dirs[i], strlen(dirs[i])))
			return true;
	return false;
}

static void print_origin(const struct eratab_entry *entry, int argc, char **argv)
{
	printf("ERA_TRACKED=%s\n.ERA_LINKS=", entry->name);
	for (int i = 4, nr = 0; i < argc; i++)
		if (!is_shared(argv[i]))
			printf("%s%s", nr++ ? " " : "", argv[i]);
	printf("\n");
}

static bool passes_discards(const struct eratab_entry *entry, int argc, char **argv)
{
	return entry->pass_discards && argc > 3 && !strcmp(argv[2], entry->name) &&
	       !strncmp(argv[3], DEVICE_UUID_PREFIX, strlen(DEVICE_UUID_PREFIX));
}

int main(int argc, char **argv)
{
	const char *path = getenv("ERA_ERATAB");
	struct eratab tab;

	if (argc < 2 || eratab_read_good(&tab, path && *path ? path : ERATAB_PATH, NULL))
		return 1;
	for (unsigned i = 0; i < tab.nr; i++) {
		if (is_origin(&tab.entries[i], argc, argv))
			print_origin(&tab.entries[i], argc, argv);
		if (passes_discards(&tab.entries[i], argc, argv))
			printf("ERA_DISCARDS=pass\n");
	}
	eratab_free(&tab);
	return fflush(stdout) ? 1 : 0;
}
