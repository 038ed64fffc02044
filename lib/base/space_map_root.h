/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Where a space map lies, and what it says in sum, as a superblock has it. */
#ifndef ERA_BASE_SPACE_MAP_ROOT_H
#define ERA_BASE_SPACE_MAP_ROOT_H

#include <stdint.h>

struct space_map_root {
	uint64_t nr_blocks, nr_allocated;
	uint64_t index;	   /* block of the index */
	uint64_t ref_tree; /* root of the ref-count tree */
};

#endif
