/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/memdev.h"

#include <string.h>

#include "ondisk/era_disk.h"
#include "tests/fuzz/fuzz.h"

static uint8_t *place(const struct memdev *mem, size_t len, off_t at)
{
	must(at >= 0 && (uint64_t)at + len <= mem->nr_blocks * META_BLOCK_SIZE);
	return mem->data + at;
}

static int mem_read(struct blk_dev *dev, void *data, size_t len, off_t at)
{
	memcpy(data, place(dev->ctx, len, at), len);
	return 0;
}

static int mem_write(struct blk_dev *dev, const void *data, size_t len, off_t at)
{
	struct memdev *mem = dev->ctx;

	memcpy(place(mem, len, at), data, len);
	if (mem->end < ((uint64_t)at + len) / META_BLOCK_SIZE)
		mem->end = ((uint64_t)at + len) / META_BLOCK_SIZE;
	return 0;
}

static int mem_flush(struct blk_dev *dev)
{
	(void)dev;
	return 0;
}

void memdev_open(struct memdev *mem, struct blk_dev *dev, const struct report *rep)
{
	static const struct blk_dev_ops ops = {mem_read, mem_write, mem_flush};

	must(!blk_dev_open_ops(dev, "image", mem->nr_blocks, &ops, mem, rep));
}
