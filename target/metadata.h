/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The metadata's device from nbdkit's start on: it is opened and locked before the user is changed
 * and the origin is known, and stays open for everything that reads it later.
 */
#ifndef ERA_TARGET_METADATA_H
#define ERA_TARGET_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "block/dev.h"

struct metadata {
	struct blk_dev dev;
	bool is_new;  /* empty, and to be formatted */
	bool is_made; /* this server created the file */
};

/* Opens path.  For writing, all blocks of a sparse file are allocated, or the log says that they
 * are not.  may_format: a file that does not exist is created, empty.  Returns 0, or an error,
 * reported to rep, which must outlive *m. */
int metadata_open(struct metadata *m, const char *path, enum blk_access access, bool may_format,
		  const struct report *rep) must_check;

/* For new metadata: gives an empty file the size recommended for an origin of that size, and
 * allocates all of its blocks; a smaller file or device is refused. */
int metadata_fit(struct metadata *m, uint64_t origin_bytes, uint64_t block_bytes) must_check;

/* Closes what still belongs to m; a file that was created and has not become metadata is
 * removed. */
void metadata_close(struct metadata *m);

#endif
