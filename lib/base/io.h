/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Reading and writing a whole range of a file, in spite of short transfers and interruptions; and
 * making a file's name as durable as its contents. */
#ifndef ERA_BASE_IO_H
#define ERA_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"

struct stat;

/* Memory for reading and writing; free() it.  It begins on a page, since some processors copy to
 * and from other addresses at half the speed.  NULL if memory is exhausted. */
void *io_alloc(size_t size);

/* Returns 0, or a positive errno: EIO if the file ends before that. */
int io_read_at(int fd, void *data, size_t len, off_t at) must_check;

/* Returns 0, or a positive errno: ENOSPC if nothing more is accepted. */
int io_write_at(int fd, const void *data, size_t len, off_t at) must_check;

/* Is it a pipe or a socket, whose reader may go away? */
bool io_is_pipe(int fd);

/* Do they belong to one file, or to one block device? */
bool io_is_same_file(const struct stat *a, const struct stat *b);

/* The directory that contains path; free() it.  NULL if memory is exhausted. */
char *io_directory_of(const char *path);

/* Flushes the directory of path: when this returns 0, a name that was created or changed in it is
 * on the medium, unless the directory can't be read or its file system has no such operation.
 * Otherwise it returns a positive errno. */
int io_flush_directory(const char *path) must_check;

#endif
