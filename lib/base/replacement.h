/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A regular file at a path, new or in the place of an old one, that is put there when it is
 * complete.
 *
 * Links are followed.  It replaces what was there when it was begun, with that one's mode, owner
 * and attributes, and nothing that has come since.
 */
#ifndef ERA_BASE_REPLACEMENT_H
#define ERA_BASE_REPLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/newfile.h"
#include "base/report.h"

struct replacement {
	char *target;  /* with links resolved; NULL: nothing was begun */
	bool replaces; /* there was a file at `target` */
	struct newfile file;
};

/* Errors are reported, under the name `shown`; both return 0 or ERA_SYS. */
int replacement_open(struct replacement *r, const char *path, const char *shown,
		     const struct report *rep) must_check;

/* Puts the file, which must be open still, in its place, and flushes it. */
int replacement_commit(struct replacement *r, const char *shown,
		       const struct report *rep) must_check;

/* All of this for a file that is in memory: replaces what is at path by these bytes. */
int replacement_write(const char *path, const void *data, size_t len,
		      const struct report *rep) must_check;

/* What is there now is no regular file.  Reports it, and returns ERA_SYS. */
int replacement_refuse(const char *shown, const struct report *rep);

/* Also after a failure, and a zeroed one; leaves the descriptor to the caller. */
void replacement_close(struct replacement *r);

#endif
