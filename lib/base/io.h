/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing all of a stretch of a file: short transfers and interruptions are seen to.
 * And what makes a file's name as lasting as its bytes. */
#ifndef ERA_BASE_IO_H
#define ERA_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"

/* Memory to read into and to write from; free() it.  It begins on a page, since some processors copy
 * to and from other places at half the speed.  NULL when there is none. */
void *io_alloc(size_t size);

/* 0, or a positive errno: EIO when the file ends before. */
int io_read_at(int fd, void *data, size_t len, off_t at) must_check;

/* 0, or a positive errno: ENOSPC when nothing more is taken. */
int io_write_at(int fd, const void *data, size_t len, off_t at) must_check;

/* A pipe or a socket, that is: its reader may go away. */
bool io_is_pipe(int fd);

/* The directory that path is in; free() it.  NULL when there is no memory. */
char *io_directory_of(const char *path);

/* A name that was made or changed in the directory of path is on the medium when this returns 0, unless
 * the directory can't be read or its file system has no such thing; else a positive errno. */
int io_flush_directory(const char *path) must_check;

#endif
