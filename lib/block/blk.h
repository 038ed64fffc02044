/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A metadata block in memory, META_BLOCK_SIZE bytes.  Blocks that may only be read and blocks that
 * may be written have different types, so that nothing writes to a block that the last commit
 * reaches. */
#ifndef ERA_BLOCK_BLK_H
#define ERA_BLOCK_BLK_H

#include <stdint.h>

struct blk_ro {
	uint64_t nr;
	const void *data;
};

struct blk_rw {
	uint64_t nr;
	void *data;
};

#endif
