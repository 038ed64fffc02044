/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A nameless temporary file for data that do not fit into memory, in $TMPDIR or /var/tmp. */
#ifndef ERA_BASE_SCRATCH_H
#define ERA_BASE_SCRATCH_H

#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/report.h"

/* Returns a file descriptor, which the caller closes, or ERA_SYS.  All of these report errors. */
int scratch_open(const struct report *rep) must_check;

/* The same in the directory of another file, for what needs as much space as that does. */
int scratch_open_near(const char *path, const struct report *rep) must_check;

int scratch_write(int fd, const void *data, size_t len, off_t at,
		  const struct report *rep) must_check;
int scratch_read(int fd, void *data, size_t len, off_t at, const struct report *rep) must_check;

/* What was not written reads as zeroes, and needs no space. */
int scratch_set_size(int fd, off_t size, const struct report *rep) must_check;

#endif
