/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The scratch file that old contents are copied to, at their offsets in the origin; it is sparse.
 * It has no name from the start, so that no end of the server, however sudden, leaves anything
 * behind.
 */
#ifndef ERA_TARGET_COW_H
#define ERA_TARGET_COW_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct cow {
	int fd;	    /* -1: not open */
	char *path; /* where it was, for messages */
};

#define COW_CLOSED \
	{ \
		.fd = -1 \
	}

/* Creates a file of mode 0600 at path and removes its name.  An existing file is refused, unless
 * it is empty, as a server that was killed in between leaves it.  Returns 0, or an error,
 * reported. */
int cow_open(struct cow *cow, const char *path) must_check;
void cow_close(struct cow *cow);

/* These transfer everything, or return an errno; not reported. */
int cow_write(const struct cow *cow, const void *buf, size_t len, uint64_t offset) must_check;
int cow_read(const struct cow *cow, void *buf, size_t len, uint64_t offset) must_check;

/* Frees the file's space.  Returns 0, or an errno. */
int cow_empty(const struct cow *cow) must_check;

#endif
