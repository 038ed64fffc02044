/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/device_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

#define NAME_MAX_BYTES 100u /* with a prefix it is a uuid of device mapper */

#define PARTUUID "PARTUUID="
#define BY_PARTUUID "/dev/disk/by-partuuid/"
#define MAPPER "/dev/mapper/"

#define WHY_SHARED \
	"is also what the tracked device is called by, which has the same contents; wanted a " \
	"path below /dev/disk/by-id, PARTUUID=, a name of device mapper or the path of a volume"
#define WHY_CHANGES \
	"may be another device at the next boot; wanted a path below /dev/disk/by-id, " \
	"PARTUUID=, a name of device mapper or the path of a volume"
#define WHY_NO_DEVICE \
	"is no device; wanted a path below /dev/disk/by-id, PARTUUID=, a name of device mapper " \
	"or the path of a volume"

static const struct {
	const char *prefix, *why;
} refused[] = {
	{"UUID=", WHY_SHARED},
	{"LABEL=", WHY_SHARED},
	{"/dev/disk/by-uuid/", WHY_SHARED},
	{"/dev/disk/by-label/", WHY_SHARED},
	{"/dev/disk/by-id/lvm-pv-uuid-", WHY_SHARED},
	{"/dev/disk/by-diskseq/", WHY_CHANGES},
	{"/dev/block/", WHY_CHANGES},
};

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* libdevmapper writes all others in another way. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("#+-.:=@_", *c))
			return false;
	return len && len <= NAME_MAX_BYTES && isalnum((unsigned char)*name);
}

const char *device_refuse_name(const char *name)
{
	if (!is_name(name) || !strcmp(name, "control"))
		return "is no name: wanted at most 100 letters, digits and #+-.:=@_, of which a "
		       "letter or digit is the first";
	return NULL;
}

/* Whole, without a detour, and without anything that would break the line of a table. */
static bool is_plain_path(const char *path)
{
	if (strlen(path) >= PATH_MAX || strstr(path, "//") || strstr(path, "/./") ||
	    strstr(path, "/../") || path[strlen(path) - 1] == '/')
		return false;
	for (const char *c = path; *c; c++)
		if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
			return false;
	return true;
}

static const char *refuse_path(const char *path)
{
	if (!begins(path, "/dev/") || !is_plain_path(path))
		return WHY_NO_DEVICE;
	return strchr(path + strlen("/dev/"), '/') ? NULL : WHY_CHANGES;
}

static bool is_partuuid(const char *value)
{
	return *value && value[strspn(value, "0123456789abcdefABCDEF-")] == '\0' &&
	       strlen(value) <= NAME_MAX_BYTES;
}

const char *device_refuse(const char *device)
{
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		if (begins(device, refused[i].prefix))
			return refused[i].why;
	if (begins(device, PARTUUID))
		return is_partuuid(device + strlen(PARTUUID)) ? NULL : WHY_NO_DEVICE;
	if (*device == '/')
		return refuse_path(device);
	return device_refuse_name(device) ? WHY_NO_DEVICE : NULL;
}

void device_path(const char *device, char path[PATH_MAX])
{
	size_t len = strlen(BY_PARTUUID);

	if (*device == '/') {
		snprintf(path, PATH_MAX, "%s", device);
	} else if (begins(device, PARTUUID)) {
		snprintf(path, PATH_MAX, "%s%s", BY_PARTUUID, device + strlen(PARTUUID));
		for (char *c = path + len; *c; c++)
			*c = (char)tolower((unsigned char)*c);
	} else {
		snprintf(path, PATH_MAX, "%s%s", MAPPER, device);
	}
}
