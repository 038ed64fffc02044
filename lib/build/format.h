/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Empty metadata, as a new target has them. */
#ifndef ERA_BUILD_FORMAT_H
#define ERA_BUILD_FORMAT_H

#include <stdint.h>

#include "base/compiler.h"
#include "block/dev.h"

/* Creates metadata on a device, whatever it contains: the current era is `era`, and there are no
 * blocks, as the kernel does with era 0 when a table is loaded.  block_sectors: the size of a data
 * block.  The superblock is written last.  Errors are reported. */
int era_format(struct blk_dev *dev, uint32_t block_sectors, uint32_t era) must_check;

/* Is the first block all zeroes?  Returns 1 or 0, or an error, reported. */
int era_is_blank(struct blk_dev *dev) must_check;

#endif
