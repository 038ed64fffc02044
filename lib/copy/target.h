/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a backup is written to: a regular file or a block device.
 *
 * A device is opened exclusively, a file is locked, and one with a loop device on top of it that is
 * in use is refused.  Ranges of zeroes become holes in a file; on a device they are written by
 * BLKZEROOUT, which leaves zeroes to be read, and never discarded.
 */
#ifndef ERA_COPY_TARGET_H
#define ERA_COPY_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/report.h"

struct copy_target;

/* All return 0 or a positive errno.  Tests replace them by a simulated device. */
struct copy_target_ops {
	int (*read)(struct copy_target *target, void *data, size_t len, uint64_t at);
	int (*write)(struct copy_target *target, const void *data, size_t len, uint64_t at);
	int (*zero)(struct copy_target *target, uint64_t at, uint64_t len);
	int (*set_size)(struct copy_target *target, uint64_t size);
	int (*flush)(struct copy_target *target);
};

struct copy_target {
	const struct copy_target_ops *ops;
	void *ctx;	  /* of a simulated one */
	const char *path; /* the caller's */
	const struct report *rep;
	int fd;
	bool is_claimed; /* while it does not exist: the socket `claim` has its name */
	int claim;
	bool is_device, exists, created;
	bool can_punch; /* false once it could not */
	uint64_t size;
	uint64_t limit; /* nothing is written from here on; copy_target_set_limit() */
};

enum target_access {
	TARGET_READ,
	TARGET_WRITE,
};

/* Opens what is at path; if there is nothing, exists is false, and size 0, and no other program can
 * open it for writing until the target is closed.  All calls report errors, and return 0 or
 * ERA_SYS; ERA_NO_SPACE for a write that may succeed later. */
int copy_target_open(struct copy_target *target, const char *path, enum target_access access,
		     const struct report *rep) must_check;

/* Creates the file that did not exist; an error if one has appeared meanwhile. */
int copy_target_create(struct copy_target *target) must_check;

/* A new, empty file without a name, in the directory of `near`, which it is called in messages;
 * NULL: in $TMPDIR or /var/tmp.  It is gone when it is closed. */
int copy_target_open_temporary(struct copy_target *target, const char *near,
			       const struct report *rep) must_check;

/* Removes the file again if copy_target_create() made it, and closes it; others are kept from
 * making one until copy_target_close(). */
void copy_target_drop(struct copy_target *target);

/* Also of one that could not be opened, and a zeroed one. */
void copy_target_close(struct copy_target *target);

/* From now on only the first `size` bytes may be written.  A file that is smaller grows; a device
 * that is smaller is an error. */
int copy_target_set_limit(struct copy_target *target, uint64_t size) must_check;

/* Cuts a file that is longer than the limit. */
int copy_target_cut(struct copy_target *target) must_check;

int copy_target_read(struct copy_target *target, void *data, size_t len, uint64_t at) must_check;
int copy_target_write(struct copy_target *target, const void *data, size_t len,
		      uint64_t at) must_check;
int copy_target_zero(struct copy_target *target, uint64_t at, uint64_t len) must_check;

/* When this returns 0, all that was written is on the medium, and so is the name of a file. */
int copy_target_flush(struct copy_target *target) must_check;

#endif
