/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file that has its name only when it is complete.
 *
 * It is made in its target's directory without a name (O_TMPFILE), so that a program that is killed
 * leaves nothing behind.  Where the file system knows no nameless files it has a name beside the
 * target, NAME.PID-N.tmp, until it is complete.
 */
#ifndef ERA_BASE_NEWFILE_H
#define ERA_BASE_NEWFILE_H

#include <sys/types.h>

#include "base/compiler.h"
#include "base/report.h"

struct newfile {
	int fd;      /* for reading and writing; the user's to close, at any time */
	char *named; /* the name it has, or NULL */
};

/* All return 0 or a positive errno. */
int newfile_open(struct newfile *file, const char *target, mode_t mode) must_check;

/* Gives it the target's name, which must not exist: EEXIST. */
int newfile_create(struct newfile *file, const char *target) must_check;

/* Reports an error of newfile_create(), and returns ERA_SYS. */
int newfile_refuse(int error, const char *target, const struct report *rep);

/* Puts it in the target's place, and frees what it holds. */
int newfile_replace(struct newfile *file, const char *target) must_check;

/* Takes its name away again, if it has one, and frees what it holds; one that is zeroed is left
 * alone. */
void newfile_drop(struct newfile *file);

/* Frees what it holds; its name stays. */
void newfile_keep(struct newfile *file);

#endif
