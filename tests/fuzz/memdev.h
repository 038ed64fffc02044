/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A metadata device in memory, without a file.  To read or write past its end is a finding. */
#ifndef ERA_TESTS_FUZZ_MEMDEV_H
#define ERA_TESTS_FUZZ_MEMDEV_H

#include <stdint.h>

#include "block/dev.h"

struct memdev {
	uint8_t *data;
	uint64_t nr_blocks;
	uint64_t end; /* of the blocks that were written */
};

/* Any number may be open; mem must outlive them. */
void memdev_open(struct memdev *mem, struct blk_dev *dev, const struct report *rep);

#endif
