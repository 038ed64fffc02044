/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata's device, from nbdkit's start on: opened and locked before the user is changed and the
 * origin known, and kept open for all who read it later.
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
	bool is_new;  /* blank, and to be formatted */
	bool is_made; /* the file was not there */
};

/* Opens path.  For writing, a file that has holes is allocated in full, or the log says that it is not;
 * may_format: one that isn't there is made, empty.  0, or an error, reported to rep, which must outlive
 * it. */
int metadata_open(struct metadata *m, const char *path, enum blk_access access, bool may_format,
		  const struct report *rep) must_check;

/* Of a new one: gives an empty file the size that is recommended for an origin of so many bytes, and all
 * its blocks; what is smaller than that is refused. */
int metadata_fit(struct metadata *m, uint64_t origin_bytes, uint64_t block_bytes) must_check;

/* What blk_dev_close() closes, a second time. */
int metadata_dup(const struct metadata *m, struct blk_dev *dev) must_check;

/* Closes what is still m's; a file that was made and has not become metadata is removed. */
void metadata_close(struct metadata *m);

#endif
