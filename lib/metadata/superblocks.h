/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The superblocks of a device: the live one in block 0, and the clone that a metadata snapshot is.  They are
 * read first, and again when all that they lead to has been read. */
#ifndef ERA_METADATA_SUPERBLOCKS_H
#define ERA_METADATA_SUPERBLOCKS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "metadata/superblock.h"

/* What is needed of a device before one of its views can be looked at. */
struct era_superblocks {
	struct superblock live; /* block 0 */
	struct superblock view; /* the view's own: block 0, or the clone */
};

/* Reads them.  Says "no current metadata snap" and returns ERA_NO_ANSWER when there is none.  A damaged
 * one is ERA_DAMAGED, or ERA_SYS when it can't be read; all is reported. */
int era_read_superblocks(struct blk_dev *dev, unsigned flags, struct era_superblocks *sbs)
	must_check;

/* Reads the live superblock of an open device.  On a shared device one that fails its checksum is
 * read again for up to a second, since it may be just being written. */
int era_read_live_superblock(struct blk_dev *dev, bool shared, struct superblock *sb,
			     struct problem *p) must_check;

/* Reads the clone that live points to.  0, ERA_DAMAGED with *p set (where included), or ERA_SYS. */
int era_read_clone(struct blk_dev *dev, const struct superblock *live, struct superblock *clone,
		   struct problem *p) must_check;

/* What a reading of the snapshot that ended with r is worth: a snapshot that was dropped or replaced meanwhile
 * makes it ERA_NO_ANSWER, damage or not; else r stands.  live and clone: the superblocks as they were. */
int era_snapshot_revalidate(struct blk_dev *dev, const struct superblock *live,
			    const struct superblock *clone, int r) must_check;

#endif
