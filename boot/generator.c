/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * era-setup-generator: before systemd starts anything, it says which devices of /etc/eratab are to
 * be started, and what must wait for them.
 *
 * All that it makes are additions to units: of the instances of era-setup@.service; of devices
 * /dev/mapper/NAME, which want theirs; of mounts in /etc/fstab that name an origin, which must fail
 * whatever becomes of the tracked device; and of sysinit.target, which wants
 * era-setup-notes.service.  It opens no device, and reads two files.
 *
 * A line that is wrong has been said to be so in the log; if its name is known, its unit is wanted
 * like the others, and fails with the reason.
 */
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/log.h"
#include "boot/same_device.h"
#include "boot/unit_name.h"
#include "era_setup/device_name.h"
#include "era_setup/eratab.h"

#define ADDITION "50-eratab.conf"
#define MODE 0755
#define DEVICE_UNIT "@.service"
#define NOTES_UNIT "-notes.service"
#define PATH_BYTES (PATH_MAX + 2 * UNIT_NAME_MAX)

struct generator {
	const char *dir;      /* of the units that are made */
	const char *unit_dir; /* of those that are installed */
	const char *unit;     /* the template, without @.service */
	const char *eratab, *fstab;
	bool failed;
};

static void fail(struct generator *g, const char *what)
{
	log_error("%s: cannot write: %s", what, strerror(errno));
	g->failed = true;
}

static bool make_dir(struct generator *g, const char *name, const char *suffix,
		     char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/%s%s", g->dir, name, suffix);
	if (!mkdir(path, MODE) || errno == EEXIST)
		return true;
	fail(g, path);
	return false;
}

/* A unit `from` gets `to` as one that it wants or requires; `installed` is its file, without the
 * prefix. */
static void pull_in(struct generator *g, const char *from, const char *how, const char *to,
		    const char *installed)
{
	char dir[PATH_BYTES], path[2 * PATH_BYTES], target[PATH_BYTES];

	if (!make_dir(g, from, how, dir))
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, to);
	snprintf(target, sizeof(target), "%s/%s%s", g->unit_dir, g->unit, installed);
	if (symlink(target, path) && errno != EEXIST)
		fail(g, path);
}

static FILE *open_addition(struct generator *g, const char *unit)
{
	char dir[PATH_BYTES], path[2 * PATH_BYTES];
	FILE *to;

	if (!make_dir(g, unit, ".d", dir))
		return NULL;
	snprintf(path, sizeof(path), "%s/" ADDITION, dir);
	to = fopen(path, "we");
	if (!to) {
		fail(g, path);
		return NULL;
	}
	fprintf(to, "# Made by era-setup-generator of %s.\n[Unit]\n", g->eratab);
	return to;
}

static void close_addition(struct generator *g, FILE *to, const char *unit)
{
	if (ferror(to)) {
		fclose(to);
		fail(g, unit);
	} else if (fclose(to)) {
		fail(g, unit);
	}
}

static void depend(struct generator *g, FILE *to, const char *device, const char *how)
{
	char path[PATH_MAX], unit[UNIT_NAME_MAX];

	device_path(device, path);
	if (unit_of_path(path, ".device", unit)) {
		fprintf(to, "%s=%s\nAfter=%s\n", how, unit, unit);
		return;
	}
	log_error("%s: %s: its name is too long for a unit", g->eratab, device);
	g->failed = true;
}

/* Without its metadata a device may come up untracked; without its origin never. */
static void add_dependencies(struct generator *g, const struct eratab_entry *entry,
			     const char *unit)
{
	const char *before = entry->netdev ? "remote-fs-pre.target" : "local-fs-pre.target";
	FILE *to = open_addition(g, unit);

	if (!to)
		return;
	fprintf(to, "SourcePath=%s\n", g->eratab);
	depend(g, to, entry->origin, "Requires");
	depend(g, to, entry->metadata, entry->degraded ? "Wants" : "Requires");
	if (entry->netdev)
		fprintf(to, "After=network-online.target\nWants=network-online.target\n");
	if (!entry->noauto)
		fprintf(to, "Wants=%s\nBefore=%s\n", before, before);
	close_addition(g, to, unit);
}

/* A mount of the device fails with its unit, and at once. */
static bool want(struct generator *g, const char *name, bool noauto, bool netdev,
		 char unit[UNIT_NAME_MAX])
{
	char path[PATH_MAX], device[UNIT_NAME_MAX];

	device_path(name, path);
	if (!unit_instance(g->unit, name, unit) || !unit_of_path(path, ".device", device)) {
		log_error("%s: %s: its name is too long for a unit", g->eratab, name);
		g->failed = true;
		return false;
	}
	pull_in(g, device, ".requires", unit, DEVICE_UNIT);
	if (!noauto)
		pull_in(g, netdev ? "remote-fs.target" : "local-fs.target", ".wants", unit,
			DEVICE_UNIT);
	return true;
}

/* Whatever becomes of the target, the origin must not be mounted. */
static void hold_mount(struct generator *g, const struct eratab_entry *entry, const char *dir)
{
	char unit[UNIT_NAME_MAX], mount[UNIT_NAME_MAX];
	FILE *to;

	if (!strcmp(dir, "/") || !unit_instance(g->unit, entry->name, unit) ||
	    !unit_of_path(dir, ".mount", mount))
		return;
	to = open_addition(g, mount);
	if (!to)
		return;
	fprintf(to, "Requires=%s\nAfter=%s\n", unit, unit);
	close_addition(g, to, mount);
}

static void find_mount_path(const char *device, char path[PATH_MAX])
{
	if (*device == '/' || !strncmp(device, "PARTUUID=", strlen("PARTUUID=")))
		device_path(device, path);
	else
		*path = '\0';
}

static void look_at_mount(struct generator *g, const struct eratab *tab, const struct mntent *mount)
{
	char path[PATH_MAX], origin[PATH_MAX];

	find_mount_path(mount->mnt_fsname, path);
	for (unsigned i = 0; *path && i < tab->nr; i++) {
		device_path(tab->entries[i].origin, origin);
		if (!is_same_device(path, origin))
			continue;
		log_error("%s: %s is the origin of %s, and can't be mounted on %s: what was written"
			  " would not be tracked; mount /dev/mapper/%s instead",
			  g->fstab, mount->mnt_fsname, tab->entries[i].name, mount->mnt_dir,
			  tab->entries[i].name);
		hold_mount(g, &tab->entries[i], mount->mnt_dir);
	}
}

static void look_at_mounts(struct generator *g, const struct eratab *tab)
{
	FILE *from = setmntent(g->fstab, "re");
	const struct mntent *mount;

	if (!from)
		return;
	while ((mount = getmntent(from)))
		look_at_mount(g, tab, mount);
	endmntent(from);
}

static void want_notes(struct generator *g)
{
	char unit[UNIT_NAME_MAX];

	snprintf(unit, sizeof(unit), "%s" NOTES_UNIT, g->unit);
	pull_in(g, "sysinit.target", ".wants", unit, NOTES_UNIT);
}

static void generate(struct generator *g)
{
	char unit[UNIT_NAME_MAX];
	struct eratab tab;

	if (eratab_read_good(&tab, g->eratab, &log_report)) {
		g->failed = true;
		return;
	}
	for (unsigned i = 0; i < tab.nr; i++)
		if (want(g, tab.entries[i].name, tab.entries[i].noauto, tab.entries[i].netdev,
			 unit))
			add_dependencies(g, &tab.entries[i], unit);
	for (unsigned i = 0; i < tab.nr_wrong; i++)
		g->failed |= !want(g, tab.wrong[i], false, false, unit);
	if (tab.nr)
		want_notes(g);
	look_at_mounts(g, &tab);
	eratab_free(&tab);
}

static const char *from_environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

/* The variables are for tests. */
int main(int argc, char **argv)
{
	struct generator g = {
		.dir = argv[1],
		.unit_dir = UNIT_DIR,
		.unit = UNIT,
		.eratab = from_environment("ERA_ERATAB", ERATAB_PATH),
		.fstab = from_environment("ERA_FSTAB", "/etc/fstab"),
	};

	log_begin("era-setup-generator");
	if (argc < 2) {
		log_error("wanted the directory for units, as systemd.generator(7) has it");
		return 2;
	}
	generate(&g);
	return g.failed ? 1 : 0;
}
