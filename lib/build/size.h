/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many metadata blocks dm-era needs. */
#ifndef ERA_BUILD_SIZE_H
#define ERA_BUILD_SIZE_H

#include <stdint.h>

/* How many blocks a device must have whose metadata, without the space map, use nr_used blocks of
 * it, block 0 included, and track nr_blocks data blocks, so that the kernel can resume them, digest
 * all writesets, and hold a metadata snapshot meanwhile.
 *
 * Blocks that the last commit or a snapshot reaches are not written again before the next commit,
 * so a digestion that touches the whole era array needs a second copy of it, and a third one while
 * a snapshot holds the first.  doc/format.md has the derivation. */
uint64_t era_size_with_spare(uint64_t nr_used, uint32_t nr_blocks);

/* How many blocks the metadata of nr_blocks data blocks and nr_writesets undigested writesets use,
 * the current one among them, without the space map.  A metadata snapshot holds writesets of its
 * own.  ERA_SIZE_WRITESETS are two in each of the two views, which is what is recommended. */
#define ERA_SIZE_WRITESETS 4u
uint64_t era_size_used(uint32_t nr_blocks, uint64_t nr_writesets);

/* What is recommended for nr_blocks data blocks: room for ERA_SIZE_WRITESETS. */
uint64_t era_size_recommended(uint32_t nr_blocks);

/* More dm-era cannot use. */
#define ERA_SIZE_MAX_BLOCKS UINT64_C(4161600)

#endif
