/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Files with a loop device on top of them: using the device is using the file. */
#ifndef ERA_BLOCK_LOOP_H
#define ERA_BLOCK_LOOP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/compiler.h"

enum loop_use {
	LOOP_UNUSED,  /* no loop device is on top of it, or none that is in use */
	LOOP_BUSY,    /* one that is in use: mounted, under device mapper, opened exclusively */
	LOOP_UNKNOWN, /* one that may not be opened, and nothing else shows a use */
};

/* How the regular file with this stat is used through loop devices. */
enum loop_use loop_find_use(const struct stat *file) must_check;

/* Has the file behind this block device, which is open as fd, a lock that conflicts with one of
 * this type (F_RDLCK, F_WRLCK)?  false, too, if it is no loop device. */
bool loop_file_is_locked(int fd, const struct stat *device, short type) must_check;

#endif
