/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The block numbers that may be followed. */
#ifndef ERA_METADATA_LIMITS_H
#define ERA_METADATA_LIMITS_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/problem.h"
#include "metadata/superblock.h"

struct blk_dev;

/* The highest block number that may be followed, plus one: blocks that both the device and the
 * space map of its superblock have.  If the space map's size is impossible, the device alone
 * decides. */
uint64_t era_block_limit(const struct blk_dev *dev, const struct superblock *live);

/* Has the device all that the space map has?  Returns 0, or ERA_DAMAGED with *p set (including
 * where).  The kernel takes a shorter device as long as nothing past its end is in use. */
int era_check_device_size(const struct blk_dev *dev, const struct superblock *live,
			  struct problem *p) must_check;

#endif
