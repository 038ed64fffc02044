/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The superblocks of a device: the live one in block 0, and the clone that is the metadata
 * snapshot.  They are read first, and again when everything that they lead to has been read. */
#ifndef ERA_METADATA_SUPERBLOCKS_H
#define ERA_METADATA_SUPERBLOCKS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "metadata/superblock.h"

/* What must be read from a device before one of its views can be. */
struct era_superblocks {
	struct superblock live; /* block 0 */
	struct superblock view; /* the view's own: block 0, or the clone */
	uint32_t csum;		/* of block 0 as it was read, whatever is corrected in it */
};

/* Reads them.  If there is no snapshot, reports "no current metadata snap" and returns
 * ERA_NO_ANSWER.  A damaged superblock is ERA_DAMAGED, or ERA_SYS if it can't be read.  All errors
 * are reported. */
int era_read_superblocks(struct blk_dev *dev, unsigned flags,
			 struct era_superblocks *sbs) must_check;

/* Reads the live superblock of an open device.  On a shared device, a superblock with a bad
 * checksum is read again for up to a second, since it may just be being written. */
int era_read_live_superblock(struct blk_dev *dev, bool shared, struct superblock *sb,
			     struct problem *p) must_check;

/* Reads the clone that live points to.  Returns 0, ERA_DAMAGED with *p set (including where), or
 * ERA_SYS. */
int era_read_clone(struct blk_dev *dev, const struct superblock *live, struct superblock *clone,
		   struct problem *p) must_check;

/* The result of reading the live metadata, if the reading ended with r and block 0 had this
 * checksum when it began.  Whoever writes to metadata writes the superblock last: if it is another
 * one by now, ERA_NO_ANSWER, damage or not; otherwise r. */
int era_live_revalidate(struct blk_dev *dev, uint32_t csum, int r) must_check;

/* The result of reading the snapshot, if the reading ended with r: if the snapshot was dropped or
 * replaced meanwhile, ERA_NO_ANSWER, damage or not; otherwise r.  live and clone: the superblocks
 * as they were. */
int era_snapshot_revalidate(struct blk_dev *dev, const struct superblock *live,
			    const struct superblock *clone, int r) must_check;

#endif
