/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tests/fuzz/memdev.h"

#include <errno.h>
#include <string.h>

#include "ondisk/era_disk.h"
#include "tests/fuzz/fuzz.h"

static uint8_t *place(const struct memdev *mem, size_t len, off_t at)
{
	must(at >= 0 && (uint64_t)at + len <= mem->nr_blocks * META_BLOCK_SIZE);
	return mem->data + at;
}

static bool lies_in(uint64_t block, size_t len, off_t at)
{
	uint64_t begin = (uint64_t)at / META_BLOCK_SIZE;

	return block >= begin && block < begin + len / META_BLOCK_SIZE;
}

static int mem_read(struct blk_dev *dev, void *data, size_t len, off_t at)
{
	const struct memdev *mem = dev->ctx;

	for (unsigned i = 0; i < mem->nr_bad; i++)
		if (lies_in(mem->bad[i], len, at))
			return EIO;
	memcpy(data, place(dev->ctx, len, at), len);
	return 0;
}

static int mem_write(struct blk_dev *dev, const void *data, size_t len, off_t at)
{
	struct memdev *mem = dev->ctx;

	memcpy(place(mem, len, at), data, len);
	for (unsigned i = mem->nr_bad; i > 0; i--)
		if (lies_in(mem->bad[i - 1], len, at))
			mem->bad[i - 1] = mem->bad[--mem->nr_bad];
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
	static const struct blk_dev_ops ops = {mem_read, mem_write, mem_flush, NULL};

	must(!blk_dev_open_ops(dev, "image", mem->nr_blocks, &ops, mem, rep));
}

void memdev_spoil(struct memdev *mem, uint64_t block)
{
	must(mem->nr_bad < MEMDEV_MAX_BAD);
	mem->bad[mem->nr_bad++] = block;
}
