/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The devices below the cache and the era device, by what stays the same: of one of device mapper
 * its UUID or else its name, of another one its name in /dev.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "era_rollback/rollback.h"

#define BLOCK_DEVICES "/sys/dev/block"

static const char *const names[NR_PARTS] = {"the cache's metadata", "the cache's data",
					    "the era device's metadata", "the origin"};

/* The first line, if there is one. */
static bool read_line(const char *numbers, const char *file, char line[PART_ID])
{
	char path[PATH_MAX];
	bool found;
	FILE *from;

	snprintf(path, sizeof(path), BLOCK_DEVICES "/%s/%s", numbers, file);
	from = fopen(path, "re");
	if (!from)
		return false;
	found = fgets(line, PART_ID, from) != NULL;
	fclose(from);
	if (found)
		line[strcspn(line, "\n")] = '\0';
	return found && *line;
}

static bool identify(const char *numbers, char id[PART_ID])
{
	char path[PATH_MAX], target[PATH_MAX];
	char line[PART_ID];
	const char *name;

	if (read_line(numbers, "dm/uuid", line))
		return (size_t)snprintf(id, PART_ID, "uuid:%s", line) < PART_ID;
	if (read_line(numbers, "dm/name", line))
		return (size_t)snprintf(id, PART_ID, "name:%s", line) < PART_ID;
	snprintf(path, sizeof(path), BLOCK_DEVICES "/%s", numbers);
	if (!realpath(path, target))
		return false;
	name = strrchr(target, '/');
	return name && (size_t)snprintf(id, PART_ID, "dev:%s", name + 1) < PART_ID;
}

static char *numbers_of(struct rollback *r, enum part part)
{
	char *const numbers[NR_PARTS] = {r->cache_table.metadata, r->cache_table.cache,
					 r->era_table.metadata, r->era_table.origin};

	return numbers[part];
}

int parts_identify(struct rollback *r)
{
	for (unsigned part = 0; part < NR_PARTS; part++)
		if (!identify(numbers_of(r, (enum part)part), r->parts[part]))
			return report_fail(r->rep, ERA_SYS, "%s: %s, %s, is not there",
					   r->cache.name, names[part],
					   numbers_of(r, (enum part)part));
	return 0;
}

static bool search(const char *id, char numbers[MAPPER_DEVICE_MAX])
{
	DIR *dir = opendir(BLOCK_DEVICES);
	char found[PART_ID];
	bool is_found = false;

	for (struct dirent *entry; dir && !is_found && (entry = readdir(dir));) {
		if (strlen(entry->d_name) >= MAPPER_DEVICE_MAX || *entry->d_name == '.')
			continue;
		is_found = identify(entry->d_name, found) && !strcmp(found, id);
		if (is_found)
			strcpy(numbers, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return is_found;
}

static int find(struct rollback *r, enum part part)
{
	char id[PART_ID], *numbers = numbers_of(r, part);

	if (identify(numbers, id) && !strcmp(id, r->parts[part]))
		return 0;
	if (search(r->parts[part], numbers))
		return 0;
	return report_fail(r->rep, ERA_SYS, "%s: %s, %s, is not there: activate it", r->cache.name,
			   names[part], r->parts[part]);
}

int parts_find(struct rollback *r)
{
	const struct era_table *t = &r->era_table;
	int e = 0;

	for (unsigned part = 0; part < NR_PARTS && !e; part++)
		e = find(r, (enum part)part);
	if (!e)
		snprintf(r->era.params, LAYER_PARAMS, "%s %s %" PRIu32, t->metadata, t->origin,
			 t->block_sectors);
	return e;
}
