/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The space map of a cache's metadata against the pointers in them. */
#ifndef ERA_CACHE_SPACE_MAP_H
#define ERA_CACHE_SPACE_MAP_H

#include <stdint.h>

#include "base/compiler.h"
#include "pdata/space_map.h"
#include "pdata/walk.h"

/* Walks the space map and compares its counts with the blocks that were reached: `seen`, which the
 * visits of the walk set.  Each of these must have count 1, all others 0, since a count without a
 * pointer may be the trace of a lost one; only the root of an empty tree is excepted.  Problems go
 * to the walk, which must stop at the first. */
int cache_space_map_compare(struct walk *walk, const struct space_map_root *root,
			    const uint64_t *seen) must_check;

#endif
