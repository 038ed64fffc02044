/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Files without a name: they disappear with the process, however it ends. */
#ifndef ERA_BASE_TMPFILE_H
#define ERA_BASE_TMPFILE_H

#include <sys/types.h>

/* Opens a nameless file in directory for reading and writing.  Returns a file descriptor, or -1
 * with errno: EOPNOTSUPP or EISDIR if the file system can't. */
int tmpfile_open(const char *directory, mode_t mode);

/* Gives it a name that does not exist yet.  Returns 0, or -1 with errno. */
int tmpfile_link(int fd, const char *path);

#endif
