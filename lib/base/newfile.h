/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A file that gets its name only when it is complete.
 *
 * It is created in its target's directory without a name (O_TMPFILE), so that a program that is
 * killed leaves nothing behind.  On a file system without nameless files it has a name beside the
 * target, NAME.PID-N.tmp, until it is complete.
 */
#ifndef ERA_BASE_NEWFILE_H
#define ERA_BASE_NEWFILE_H

#include <sys/types.h>

#include "base/compiler.h"
#include "base/report.h"

struct newfile {
	int fd;	     /* for reading and writing; the caller may close it at any time */
	char *named; /* the name it has, or NULL */
};

/* All of these return 0 or a positive errno. */
int newfile_open(struct newfile *file, const char *target, mode_t mode) must_check;

/* Gives the file the target's name, which must not exist (EEXIST). */
int newfile_create(struct newfile *file, const char *target) must_check;

/* Reports an error of newfile_create(), and returns ERA_SYS. */
int newfile_refuse(int error, const char *target, const struct report *rep);

/* Puts the file in the target's place, and frees the struct's memory. */
int newfile_replace(struct newfile *file, const char *target) must_check;

/* Removes the file's name, if it has one, and frees the struct's memory; a zeroed struct is left
 * alone. */
void newfile_drop(struct newfile *file);

/* Frees the struct's memory; the file keeps its name. */
void newfile_keep(struct newfile *file);

#endif
