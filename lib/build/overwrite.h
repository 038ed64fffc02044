/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * May new metadata be written over what a device or file holds?
 *
 * The first block alone decides if it is dm-era's superblock, sound or damaged, if it is all
 * zeroes, or if it is what a writer that was stopped leaves (superblock_invalidate()).  A signature
 * that is found elsewhere is then a remnant, and noted: zeroing the first block leaves those of
 * some filesystems, RAIDs and partition tables.  With any other first block the device must have no
 * signature at all; without libblkid, which knows them, such a device is refused.
 */
#ifndef ERA_BUILD_OVERWRITE_H
#define ERA_BUILD_OVERWRITE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "block/dev.h"

/* keep_sound: sound metadata are refused, too.  Returns 0, or ERA_SYS with the reason reported,
 * which names what is there and --force. */
int era_check_overwrite(struct blk_dev *dev, bool keep_sound) must_check;

#endif
