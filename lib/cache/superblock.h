/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ERA_CACHE_SUPERBLOCK_H
#define ERA_CACHE_SUPERBLOCK_H

#include "cache/metadata.h"

/* Checks block 0 of dev by itself, and takes it apart.  ERA_DAMAGED is reported. */
int cache_superblock_decode(const struct blk_dev *dev, const void *block,
			    struct cache_superblock *sb) must_check;

#endif
