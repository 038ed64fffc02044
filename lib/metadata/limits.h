/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which block numbers may be followed. */
#ifndef ERA_METADATA_LIMITS_H
#define ERA_METADATA_LIMITS_H

#include <stdint.h>

#include "metadata/superblock.h"

struct blk_dev;

/* The highest block number that may be followed, plus one: what both the device and the space map of its
 * superblock have.  Of a space map of nonsense the device alone counts. */
uint64_t era_block_limit(const struct blk_dev *dev, const struct superblock *live);

#endif
