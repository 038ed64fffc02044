/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a backup is made of: a block device or a regular file, read past the page cache, or a disk
 * that an NBD server has.
 *
 * The page cache of a device need not have what was written through another one.  So a device that
 * allows no direct reads is an error; of a file whose file system has none, the page cache is the
 * only truth.
 */
#ifndef ERA_COPY_COPY_SOURCE_H
#define ERA_COPY_COPY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/report.h"

#define COPY_SOURCE_ALIGN 4096u

enum copy_source_use {
	COPY_SOURCE_SHARED,
	/* Nobody else uses it while it is open: a device is opened exclusively; a file has a lock,
	 * and no loop device that is in use. Of a server that can't be had. */
	COPY_SOURCE_EXCLUSIVE,
};

struct served;
struct served_patience;

struct copy_source {
	const char *path; /* the caller's; or a URI */
	const struct report *rep;
	int fd;
	struct served *served; /* instead of fd */
	bool is_device;
	uint64_t size;
	uint32_t frozen_era; /* of what is served: see served.h */
};

/* Errors are reported; a source of no bytes is one.  copy_source_close() may be called after one.
 */
int copy_source_open(struct copy_source *source, const char *path, enum copy_source_use use,
		     const struct report *rep) must_check;

/* Opens what is shared, or the URI of what an NBD server has (served.h); then ERA_CANCELLED is not
 * reported. */
int copy_source_open_any(struct copy_source *source, const char *path,
			 const struct served_patience *patience,
			 const struct report *rep) must_check;

/* Also of one that could not be opened.  A zeroed one must not be closed. */
void copy_source_close(struct copy_source *source);

/* Gives back the space of this range, which then is lost: of a file that was opened for writing.
 * Where that is not possible, nothing happens. */
void copy_source_free(const struct copy_source *source, uint64_t at, uint64_t len);

/* Reads what is inside the size.  `at` and the address of data are multiples of COPY_SOURCE_ALIGN,
 * and data has space for len rounded up to one.  Returns 0 or a positive errno; may be called by
 * several threads. */
int copy_source_read(const struct copy_source *source, void *data, size_t len,
		     uint64_t at) must_check;

#endif
