/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a device or file holds, by the signatures of others: metadata of dm-thin and dm-cache by
 * their superblock, everything else by libblkid, if it is there.
 */
#ifndef ERA_BLOCK_CONTENT_H
#define ERA_BLOCK_CONTENT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "block/dev.h"

#define CONTENT_NAME_BYTES 320u

struct content {
	/* As in "an ext4 filesystem, label data"; may hold anything. */
	char name[CONTENT_NAME_BYTES];
	bool in_first_block; /* where a signature lies */
};

/* Can anything but metadata of dm-thin and dm-cache be recognised? */
bool content_has_names(void) must_check;

/* Returns 1 with *content set, 0 if there is no signature that is known, or ERA_SYS, reported.  One
 * in the first block comes before others. */
int content_find(struct blk_dev *dev, struct content *content) must_check;

#endif
