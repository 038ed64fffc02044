/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Building a space map: the last blocks of a staging file, in which they count themselves, too. */
#ifndef ERA_PDATA_SPACE_MAP_BUILD_H
#define ERA_PDATA_SPACE_MAP_BUILD_H

#include <stdint.h>

#include "base/compiler.h"
#include "block/staging.h"
#include "pdata/space_map.h"

/* The reference counts of blocks outside the staging file; those inside have one each. */
struct space_map_counts {
	void *ctx;
	uint32_t (*get)(void *ctx, uint64_t block);
};

/* Nothing outside the staging file is in use except block 0. */
extern const struct space_map_counts space_map_just_superblock;

/* Appends a space map for nr_blocks and sets *sm.  A staging file that outgrows its limit is not
 * an error here: staging->next says how many blocks are needed. */
int space_map_build(struct blk_staging *staging, uint64_t nr_blocks,
		    const struct space_map_counts *counts, struct space_map_root *sm) must_check;

#endif
