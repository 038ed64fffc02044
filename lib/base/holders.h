/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Who holds a block device, as sysfs has it: above all the devices of device mapper that have it in
 * a table, active or not. */
#ifndef ERA_BASE_HOLDERS_H
#define ERA_BASE_HOLDERS_H

#include <sys/types.h>

struct holders {
	unsigned nr, nr_suspended;
};

/* None, where sysfs can't say.  By its number, or by its directory in sysfs. */
struct holders holders_of(dev_t dev);
struct holders holders_at(const char *device);

#endif
