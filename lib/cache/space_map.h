/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The space map of a cache's metadata against the pointers in them. */
#ifndef ERA_CACHE_SPACE_MAP_H
#define ERA_CACHE_SPACE_MAP_H

#include <stdint.h>

#include "base/compiler.h"
#include "pdata/space_map.h"
#include "pdata/walk.h"

/* seen has the blocks that all other pointers lead to; those of the space map are added.  Each must be
 * counted once, and no other at all but the root of an empty tree: a count without a pointer may be of a
 * pointer that was lost.  Problems go to the walk, which stops with the first. */
int cache_space_map_compare(struct walk *walk, const struct space_map_root *root,
			    const uint64_t *seen) must_check;

#endif
