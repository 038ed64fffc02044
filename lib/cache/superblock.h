/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_CACHE_SUPERBLOCK_H
#define ERA_CACHE_SUPERBLOCK_H

#include "base/compiler.h"
#include "block/dev.h"
#include "cache/metadata.h"
#include "ondisk/cache_disk.h"
#include "pdata/space_map.h"

struct cache_superblock {
	struct cache_facts facts;
	char policy[CACHE_POLICY_BYTES + 1];
	uint64_t mapping_root, hint_root, discard_root, dirty_root;
	struct space_map_root sm;
};

/* Checks and decodes block 0 of dev.  ERA_DAMAGED is reported. */
int cache_superblock_decode(const struct blk_dev *dev, const void *block,
			    struct cache_superblock *sb) must_check;

#endif
