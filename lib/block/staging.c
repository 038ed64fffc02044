/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/staging.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/scratch.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

#define STAGING_BLOCKS BUFFER_SIZE(1024u, 24u)
#define FIRST_BLOCK 1u

int blk_staging_open(struct blk_staging *staging, uint64_t limit, const struct report *rep)
{
	*staging = (struct blk_staging){
		.rep = rep,
		.next = FIRST_BLOCK,
		.limit = limit,
		.fd = -1,
		.data = blk_alloc(STAGING_BLOCKS),
	};
	return staging->data ? 0 : report_nomem(rep);
}

int blk_staging_open_at(struct blk_staging *staging, const uint64_t *places, uint64_t nr,
			const struct report *rep)
{
	int r = blk_staging_open(staging, FIRST_BLOCK + nr, rep);

	staging->places = places;
	return r;
}

uint64_t blk_staging_number(const struct blk_staging *staging, uint64_t i)
{
	if (!staging->places)
		return i;
	return i < staging->limit ? staging->places[i - FIRST_BLOCK] : UINT64_MAX;
}

void blk_staging_close(struct blk_staging *staging)
{
	if (!staging->data)
		return;
	if (staging->fd >= 0)
		close(staging->fd);
	free(staging->data);
	staging->data = NULL;
}

/* Where a block lies in the temporary file. */
static off_t place(uint64_t block)
{
	return (off_t)((block - FIRST_BLOCK) * META_BLOCK_SIZE);
}

/* first is the block that the data in memory begin with. */
static int spill(struct blk_staging *staging, uint64_t first)
{
	int r;

	if (staging->fd < 0)
		staging->fd = scratch_open(staging->rep);
	if (staging->fd < 0)
		return staging->fd;
	r = scratch_write(staging->fd, staging->data, (size_t)staging->nr_data * META_BLOCK_SIZE,
			  place(first), staging->rep);
	staging->nr_data = 0;
	return r;
}

int blk_staging_append(struct blk_staging *staging, struct blk_rw *blk, enum block_type type)
{
	uint64_t i = staging->next;
	int r = 0;

	if (i >= SPACE_MAP_MAX_BLOCKS)
		return report_fail(staging->rep, ERA_SYS,
				   "the metadata need more than %" PRIu64
				   " blocks of 4096 bytes, the most that dm-era can use",
				   SPACE_MAP_MAX_BLOCKS);
	staging->next++;
	blk->nr = blk_staging_number(staging, i);
	if (i >= staging->limit)
		return 0;
	if (staging->nr_data == STAGING_BLOCKS)
		r = spill(staging, i - staging->nr_data);
	if (r)
		return r;
	blk_seal(*blk, type);
	memcpy((uint8_t *)staging->data + (size_t)staging->nr_data++ * META_BLOCK_SIZE, blk->data,
	       META_BLOCK_SIZE);
	return 0;
}

/* Writes nr blocks, of which block `first` of the staging file is the first, to their places. */
static int write_blocks(struct blk_staging *staging, struct blk_dev *dev, uint64_t first,
			uint32_t nr)
{
	const uint8_t *data = staging->data;
	uint32_t run;
	int r = 0;

	for (uint32_t done = 0; done < nr && !r; done += run) {
		uint64_t at = blk_staging_number(staging, first + done);

		run = 1;
		while (done + run < nr &&
		       blk_staging_number(staging, first + done + run) == at + run)
			run++;
		r = blk_dev_write(dev, at, run, data + (size_t)done * META_BLOCK_SIZE);
	}
	return r;
}

int blk_staging_copy(struct blk_staging *staging, struct blk_dev *dev)
{
	uint64_t block = FIRST_BLOCK;
	int r = 0;

	if (staging->fd < 0)
		return write_blocks(staging, dev, block, staging->nr_data);
	if (staging->nr_data)
		r = spill(staging, staging->next - staging->nr_data);
	while (!r && block < staging->next) {
		uint64_t left = staging->next - block;
		uint32_t nr = left < STAGING_BLOCKS ? (uint32_t)left : STAGING_BLOCKS;

		r = scratch_read(staging->fd, staging->data, (size_t)nr * META_BLOCK_SIZE,
				 place(block), staging->rep);
		if (!r)
			r = write_blocks(staging, dev, block, nr);
		block += nr;
		report_progress(staging->rep, PROGRESS_WRITE, (uint64_t)place(block),
				(uint64_t)place(staging->next));
	}
	return r;
}
