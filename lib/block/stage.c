/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block/stage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/scratch.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

#define STAGE_BLOCKS BUFFER_SIZE(1024u, 24u)
#define FIRST_BLOCK 1u

int blk_stage_open(struct blk_stage *stage, uint64_t limit, const struct report *rep)
{
	*stage = (struct blk_stage){
		.rep = rep,
		.next = FIRST_BLOCK,
		.limit = limit,
		.fd = -1,
		.data = blk_alloc(STAGE_BLOCKS),
	};
	return stage->data ? 0 : report_nomem(rep);
}

int blk_stage_open_at(struct blk_stage *stage, const uint64_t *places, uint64_t nr,
		      const struct report *rep)
{
	int r = blk_stage_open(stage, FIRST_BLOCK + nr, rep);

	stage->places = places;
	return r;
}

uint64_t blk_stage_number(const struct blk_stage *stage, uint64_t i)
{
	if (!stage->places)
		return i;
	return i < stage->limit ? stage->places[i - FIRST_BLOCK] : UINT64_MAX;
}

void blk_stage_close(struct blk_stage *stage)
{
	if (!stage->data)
		return;
	if (stage->fd >= 0)
		close(stage->fd);
	free(stage->data);
	stage->data = NULL;
}

/* Where a block lies in the temporary file. */
static off_t place(uint64_t block)
{
	return (off_t)((block - FIRST_BLOCK) * META_BLOCK_SIZE);
}

/* first is the block that the data in memory begin with. */
static int spill(struct blk_stage *stage, uint64_t first)
{
	int r;

	if (stage->fd < 0)
		stage->fd = scratch_open(stage->rep);
	if (stage->fd < 0)
		return stage->fd;
	r = scratch_write(stage->fd, stage->data, (size_t)stage->nr_data * META_BLOCK_SIZE,
			  place(first), stage->rep);
	stage->nr_data = 0;
	return r;
}

int blk_stage_append(struct blk_stage *stage, struct blk_rw *blk, enum blk_role role)
{
	uint64_t i = stage->next;
	int r = 0;

	if (i >= SPACE_MAP_MAX_BLOCKS)
		return report_fail(stage->rep, ERA_SYS,
				   "the metadata need more than %" PRIu64
				   " blocks of 4096 bytes, the most that dm-era can use",
				   SPACE_MAP_MAX_BLOCKS);
	stage->next++;
	blk->nr = blk_stage_number(stage, i);
	if (i >= stage->limit)
		return 0;
	if (stage->nr_data == STAGE_BLOCKS)
		r = spill(stage, i - stage->nr_data);
	if (r)
		return r;
	blk_seal(*blk, role);
	memcpy((uint8_t *)stage->data + (size_t)stage->nr_data++ * META_BLOCK_SIZE, blk->data,
	       META_BLOCK_SIZE);
	return 0;
}

/* Writes nr blocks, of which block `first` of the stage is the first, to their places. */
static int write_blocks(struct blk_stage *stage, struct blk_dev *dev, uint64_t first, uint32_t nr)
{
	const uint8_t *data = stage->data;
	uint32_t run;
	int r = 0;

	for (uint32_t done = 0; done < nr && !r; done += run) {
		uint64_t at = blk_stage_number(stage, first + done);

		run = 1;
		while (done + run < nr && blk_stage_number(stage, first + done + run) == at + run)
			run++;
		r = blk_dev_write(dev, at, run, data + (size_t)done * META_BLOCK_SIZE);
	}
	return r;
}

int blk_stage_copy(struct blk_stage *stage, struct blk_dev *dev)
{
	uint64_t block = FIRST_BLOCK;
	int r = 0;

	if (stage->fd < 0)
		return write_blocks(stage, dev, block, stage->nr_data);
	if (stage->nr_data)
		r = spill(stage, stage->next - stage->nr_data);
	while (!r && block < stage->next) {
		uint64_t left = stage->next - block;
		uint32_t nr = left < STAGE_BLOCKS ? (uint32_t)left : STAGE_BLOCKS;

		r = scratch_read(stage->fd, stage->data, (size_t)nr * META_BLOCK_SIZE, place(block),
				 stage->rep);
		if (!r)
			r = write_blocks(stage, dev, block, nr);
		block += nr;
		report_progress(stage->rep, block, stage->next);
	}
	return r;
}
