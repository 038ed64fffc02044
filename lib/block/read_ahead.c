/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/read_ahead.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"

void read_ahead_init(struct read_ahead *ahead, struct blk_dev *dev, uint32_t capacity)
{
	*ahead = (struct read_ahead){.dev = dev, .capacity = capacity};
}

void read_ahead_free(struct read_ahead *ahead)
{
	free(ahead->data);
	ahead->data = NULL;
	ahead->nr = 0;
}

static uint32_t run_length(const struct le64 *pointers, uint32_t nr, uint64_t limit)
{
	uint64_t first = le64_get(pointers[0]);
	uint32_t len = 1;

	nr = (uint32_t)min_u64(nr, limit - first);
	while (len < nr && le64_get(pointers[len]) == first + len)
		len++;
	return len;
}

/* A run that cannot be read is tried again by its first block alone, so that one bad block
 * doesn't take its neighbours with it. */
static int fill(struct read_ahead *ahead, uint64_t first, uint32_t nr)
{
	int r;

	if (!ahead->data)
		ahead->data = blk_alloc(ahead->capacity);
	if (!ahead->data)
		return ENOMEM;
	ahead->nr = 0;
	r = blk_dev_read(ahead->dev, first, nr, ahead->data);
	if (r && nr > 1) {
		nr = 1;
		r = blk_dev_read(ahead->dev, first, nr, ahead->data);
	}
	if (r)
		return r;
	ahead->first = first;
	ahead->nr = nr;
	return 0;
}

int read_ahead_get(struct read_ahead *ahead, const struct le64 *pointers, uint32_t nr,
		   uint64_t limit, struct blk_ro *blk)
{
	uint64_t block = le64_get(pointers[0]);

	if (block < ahead->first || block - ahead->first >= ahead->nr) {
		uint32_t max = nr < ahead->capacity ? nr : ahead->capacity;
		int r = fill(ahead, block, run_length(pointers, max, limit));

		if (r)
			return r;
	}
	blk->nr = block;
	blk->data = (const uint8_t *)ahead->data + (block - ahead->first) * META_BLOCK_SIZE;
	return 0;
}
