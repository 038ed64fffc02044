/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A metadata device in memory, without a file.  To read or write past its end is a finding.  Blocks
 * may be unreadable until they are written, as those of a disk that has spare ones. */
#ifndef ERA_TESTS_FUZZ_MEMDEV_H
#define ERA_TESTS_FUZZ_MEMDEV_H

#include <stdint.h>

#include "block/dev.h"

#define MEMDEV_MAX_BAD 64u

struct memdev {
	uint8_t *data;
	uint64_t nr_blocks;
	uint64_t end;		      /* of the blocks that were written */
	uint64_t bad[MEMDEV_MAX_BAD]; /* blocks that can't be read */
	unsigned nr_bad;
};

/* Any number may be open; mem must outlive them. */
void memdev_open(struct memdev *mem, struct blk_dev *dev, const struct report *rep);

void memdev_spoil(struct memdev *mem, uint64_t block);

#endif
