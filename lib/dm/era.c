/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/era.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/holders.h"
#include "dm/dm_internal.h"

#define BITS_PER_BLOCK (509 * 64)
#define CHILDREN_MIN 126
#define COUNTS_PER_BITMAP 16320
#define PATHS 6
#define SPACE_MAP_ROOTS 2

static int wants_era(const struct mapper *m, const char *name, const struct mapper_table *table)
{
	if (!table->nr)
		return report_fail(m->rep, ERA_SYS,
				   "%s: has no table in use; resume it, if one was loaded", name);
	if (table->nr > 1 || strcmp(table->targets[0].type, "era"))
		return report_fail(m->rep, ERA_SYS,
				   "%s: is no era device: found %s, wanted one target era; dmsetup "
				   "ls --target era lists them",
				   name,
				   table->nr > 1 ? "several targets" : table->targets[0].type);
	return 0;
}

int era_device_table(struct mapper *m, const char *name, struct era_table *to)
{
	struct mapper_table table = {0};
	int r = mapper_table(m, name, &table);

	if (!r)
		r = wants_era(m, name, &table);
	if (!r && !era_table_parse(table.targets[0].params, to))
		r = report_fail(m->rep, ERA_SYS, "%s: its table is not understood: found %s", name,
				table.targets[0].params);
	if (!r)
		to->sectors = table.targets[0].sectors;
	mapper_table_free(&table);
	return r;
}

int era_device_status(struct mapper *m, const char *name, struct era_status *to)
{
	struct mapper_table status = {0};
	int r = mapper_status(m, name, &status);

	if (!r)
		r = wants_era(m, name, &status);
	if (!r && !era_status_parse(status.targets[0].params, to))
		r = report_fail(m->rep, ERA_SYS,
				"%s: the target says %s: its metadata can't be written; "
				"stop the device, see dmesg, and check the metadata",
				name, status.targets[0].params);
	mapper_table_free(&status);
	return r;
}

/* Metadata blocks that a new era takes before its first commit: its bitset, twice, the paths to it,
 * and the space map's blocks that change.  See doc/format.md. */
static uint64_t nr_for_an_era(const struct era_table *table, const struct era_status *status)
{
	uint64_t nr_blocks = div_up(table->sectors, table->block_sectors);
	uint64_t bitset = div_up(nr_blocks, BITS_PER_BLOCK);

	return 2 * (bitset + div_up(bitset, CHILDREN_MIN)) + PATHS +
	       div_up(status->nr_total, COUNTS_PER_BITMAP) + SPACE_MAP_ROOTS;
}

static int wants_room(const struct mapper *m, const char *name, const struct era_table *table,
		      const struct era_status *status)
{
	uint64_t wanted = nr_for_an_era(table, status);

	if (status->nr_used + wanted <= status->nr_total)
		return 0;
	return report_fail(m->rep, ERA_SYS,
			   "%s: has too few free metadata blocks for an era: found %" PRIu64
			   ", wanted %" PRIu64 "; drop the metadata snapshot if one is held, wait "
			   "and try again, or make the metadata device larger",
			   name, status->nr_total - status->nr_used, wanted);
}

/* Another device above its metadata may be a target that knows nothing of this era, and one above
 * its origin writes what is not tracked. */
static int wants_alone(struct mapper *m, const char *name, const char *what, const char *numbers)
{
	unsigned major, minor;

	if (sscanf(numbers, "%u:%u", &major, &minor) != 2 ||
	    holders_of(makedev(major, minor)).nr <= 1)
		return 0;
	return report_fail(
		m->rep, ERA_NO_ANSWER,
		"%s: its %s %s is in the table of another device, too, and what that one "
		"writes is in no list: remove that one, and let all blocks count as "
		"written, as by " ERA_PROGRAM " setup mark",
		name, what, numbers);
}

int era_wants_eras(struct mapper *m, const char *name, uint32_t era)
{
	if (era < UINT32_MAX - 1)
		return 0;
	return report_fail(m->rep, ERA_SYS,
			   "%s: no era is left after %" PRIu32
			   "; overwrite the metadata device with zeroes, make new metadata, and "
			   "take full backups",
			   name, era);
}

/* Suspend, resume, flush of the origin, which `fd` is. */
static int end_era(struct mapper *m, const struct suspension *suspension, const char *origin,
		   int fd)
{
	int r = mapper_while_suspended(m, suspension);

	if (!r && fsync(fd))
		r = report_fail(m->rep, ERA_SYS,
				"%s: the origin %s can't be flushed (%s): no era counts; see dmesg",
				suspension->name, origin, strerror(errno));
	return r;
}

int era_device_barrier_with(struct mapper *m, const struct suspension *suspension, uint32_t *era)
{
	const char *name = suspension->name;
	struct era_table table;
	struct era_status before = {0};
	int fd, r = era_device_table(m, name, &table);

	if (!r)
		r = era_device_status(m, name, &before);
	if (!r)
		r = wants_room(m, name, &table, &before);
	if (!r)
		r = era_wants_eras(m, name, before.era);
	if (!r)
		r = wants_alone(m, name, "metadata device", table.metadata);
	if (!r)
		r = wants_alone(m, name, "origin", table.origin);
	if (r)
		return r;
	fd = mapper_open_device(m, table.origin, O_RDONLY);
	if (fd < 0)
		return fd;
	r = end_era(m, suspension, table.origin, fd);
	close(fd);
	if (!r)
		*era = before.era + 1;
	return r;
}

int era_device_barrier(struct mapper *m, const char *name, uint32_t *era)
{
	const struct suspension suspension = {.name = name};

	return era_device_barrier_with(m, &suspension, era);
}
