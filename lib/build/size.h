/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* How many metadata blocks dm-era needs. */
#ifndef ERA_BUILD_SIZE_H
#define ERA_BUILD_SIZE_H

#include <stdint.h>

/* How many blocks a device needs if its metadata, without the space map, use nr_used blocks,
 * including block 0, and track nr_blocks data blocks: enough for the kernel to resume them, digest
 * all writesets, and hold a metadata snapshot meanwhile.
 *
 * Blocks that the last commit or a snapshot reaches are not overwritten before the next commit, so
 * a digestion that touches the whole era array needs a second copy of it, and a third one while a
 * snapshot holds the first.  doc/format.md has the derivation. */
uint64_t era_size_with_spare(uint64_t nr_used, uint32_t nr_blocks);

/* How many blocks metadata use, without the space map, for nr_blocks data blocks and nr_writesets
 * undigested writesets, including the current one.  A metadata snapshot holds writesets of its
 * own. ERA_SIZE_WRITESETS are two in each of the two views, which is the recommendation. */
#define ERA_SIZE_WRITESETS 4u
uint64_t era_size_used(uint32_t nr_blocks, uint64_t nr_writesets);

/* The recommendation for nr_blocks data blocks: enough for ERA_SIZE_WRITESETS. */
uint64_t era_size_recommended(uint32_t nr_blocks);

/* The most blocks that dm-era can use. */
#define ERA_SIZE_MAX_BLOCKS UINT64_C(4161600)

#endif
