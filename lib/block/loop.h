/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a loop device stands for: using the one is using the other. */
#ifndef ERA_BLOCK_LOOP_H
#define ERA_BLOCK_LOOP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/compiler.h"

enum loop_use {
	LOOP_UNUSED,  /* no loop device stands for it, or none that is in use */
	LOOP_BUSY,    /* one that is in use: mounted, under device mapper, opened exclusively */
	LOOP_UNKNOWN, /* one that may not be asked, and of which nothing else shows a use */
};

/* How the regular file with that stat is used through loop devices. */
enum loop_use loop_find_use(const struct stat *file) must_check;

/* Whether the file that the block device stands for, which is open as fd, has a lock that keeps off
 * one of that type (F_RDLCK, F_WRLCK).  false, too, when it is no loop device. */
bool loop_file_is_locked(int fd, const struct stat *device, short type) must_check;

#endif
