/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The kernel's device mapper, through libdevmapper: what programs do with devices whose targets are
 * era, cache and others.
 *
 * libdevmapper is loaded when it is needed, so a program that is built with it runs without it, and
 * only these calls fail.
 *
 * Names are those of device mapper, as in /dev/mapper.  Sizes are in sectors of 512 bytes.
 *
 * Errors: a call returns 0 or a negative enum era_err, ERA_SYS unless it says otherwise, and has
 * reported the reason, with the name of the device and what to do.  Outputs are then untouched.
 *
 * Time: much of this hangs in the kernel while a device is suspended, or while what lies below it
 * is stuck.  So every call but mapper_info() does its work in a child of its own, for at most the
 * time limit of the mapper, and for less if the device is suspended all the while.  Then the call
 * fails, even if the child stays behind in the kernel; what it was to do may still be done when the
 * device is resumed.
 *
 * Threads: none other may use libdevmapper at the same time, and since these calls fork, it is best
 * if there is no other.  The program must not ignore SIGCHLD.
 *
 * To suspend a device, see dm/suspend.h.
 */
#ifndef ERA_DM_DM_H
#define ERA_DM_DM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

#define MAPPER_NAME_MAX 128u /* with the '\0' */
#define MAPPER_UUID_MAX 129u
#define MAPPER_LIMIT_MS 60000u

struct mapper;

/* rep must stay valid until mapper_close().  limit_ms: for each call, 0: MAPPER_LIMIT_MS.  Fails
 * without libdevmapper, and where the kernel has no device mapper or this user may not use it. */
int mapper_open(struct mapper **m, uint32_t limit_ms, const struct report *rep) must_check;

/* m may be NULL. */
void mapper_close(struct mapper *m);

/* Closes what libdevmapper has opened, until the next call: a program that is run now would inherit
 * it. */
void mapper_rest(struct mapper *m);

/* The version of libdevmapper, or NULL if there is none; no mapper is needed. */
const char *mapper_version(char text[64]);

struct mapper_info {
	bool exists;
	bool suspended;
	bool has_table;	 /* a table that is in use */
	bool has_loaded; /* one that was loaded and waits for the next resume */
	bool read_only;
	int32_t open_count;
	uint32_t major, minor;
	char uuid[MAPPER_UUID_MAX]; /* "": it has none */
};

/* What is known of a device without asking its targets, which never hangs.  A device that isn't
 * there is no error. */
int mapper_info(struct mapper *m, const char *name, struct mapper_info *info) must_check;

/* A piece of a table, or the status of one. */
struct mapper_target {
	uint64_t start, sectors;
	const char *type;
	const char *params;
};

struct mapper_table {
	unsigned nr;
	struct mapper_target *targets;
	char *text; /* of which the strings above are parts, if it was read */
};

/* For a table that a call has filled, and for one of zeroes. */
void mapper_table_free(struct mapper_table *table);

/* The table in use: what was given to create or load.  Devices in it are MAJOR:MINOR.  Free it with
 * mapper_table_free(). */
int mapper_table(struct mapper *m, const char *name, struct mapper_table *table) must_check;

/* What the targets say of themselves now.  An era target commits its metadata for it. */
int mapper_status(struct mapper *m, const char *name, struct mapper_table *status) must_check;

/* Sends a message to the target at the first sector. */
int mapper_message(struct mapper *m, const char *name, const char *message) must_check;

/*
 * With udev these wait until udev has processed the device, whose links are there then; without
 * it, libdevmapper makes the node in /dev/mapper if udev is not running.
 */
enum mapper_udev { MAPPER_WITHOUT_UDEV, MAPPER_WITH_UDEV };

/* A device with this table, in use at once.  uuid may be NULL. */
int mapper_create(struct mapper *m, const char *name, const char *uuid,
		  const struct mapper_table *table, enum mapper_udev udev) must_check;

/* With udev, whose rules may just be looking at it, the device has some seconds to come out of use.
 * Fails if it is in use then, and if it is suspended: the kernel would take its name away, and
 * then wait for a request that waits for the resume. */
int mapper_remove(struct mapper *m, const char *name, enum mapper_udev udev) must_check;

/* The table comes into use at the next resume.  An era device is suspended first, or what is
 * written between this and the suspend is not tracked. */
int mapper_load(struct mapper *m, const char *name, const struct mapper_table *table) must_check;

/* Drops a table that was loaded and has not come into use. */
int mapper_clear(struct mapper *m, const char *name) must_check;

/* A device that isn't suspended and has no table loaded is left as it is. */
int mapper_resume(struct mapper *m, const char *name, enum mapper_udev udev) must_check;

/* Opens the block device MAJOR:MINOR, as it stands in tables; flags are those of open().  Returns
 * a descriptor, which is closed by an exec. */
int mapper_open_device(struct mapper *m, const char *numbers, int flags) must_check;

/* The path in /dev of the block device MAJOR:MINOR. */
int mapper_device_path(struct mapper *m, const char *numbers, char path[PATH_MAX]) must_check;

/* The name of the device that is meant by a name, or by the path of a block device; false, without
 * a report, if device mapper has none. */
bool mapper_find(struct mapper *m, const char *what, char name[MAPPER_NAME_MAX]);

#endif
