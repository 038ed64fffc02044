/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What lies on a device of device mapper, by what the kernel tells in /sys. */
#ifndef ERA_DM_ABOVE_H
#define ERA_DM_ABOVE_H

#include "base/compiler.h"
#include "dm/dm.h"

/* Returns an error, reported, if the filesystem that is mounted at one of these lies on other
 * devices than this one.  What can't be told passes, such as a filesystem of several devices. */
int above_check_mounts(const char *const *mounts, unsigned nr, struct mapper *m, const char *name,
		       const struct report *rep) must_check;

#endif
