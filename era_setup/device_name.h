/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The names by which a table may call a device: those that mean the same device at every boot, and
 * that the origin does not share with the tracked device. */
#ifndef ERA_SETUP_DEVICE_NAME_H
#define ERA_SETUP_DEVICE_NAME_H

#include <limits.h>

/* How device mapper's UUID of a tracked device begins; its name follows. */
#define DEVICE_UUID_PREFIX "ERA-"

/* Why it can't be the name of a tracked device, for device mapper; NULL: it can. */
const char *device_refuse_name(const char *name);

/* The same for an origin or metadata: a path below /dev, PARTUUID=, or a name of device mapper. */
const char *device_refuse(const char *device);

/* The path of one that is not refused. */
void device_path(const char *device, char path[PATH_MAX]);

#endif
