/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block/stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tmpfile.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

#define STAGE_BLOCKS 1024u
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

void blk_stage_close(struct blk_stage *stage)
{
	if (!stage->data)
		return;
	if (stage->fd >= 0)
		close(stage->fd);
	free(stage->data);
	stage->data = NULL;
}

static int write_all(struct blk_stage *stage, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(stage->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return report_errno(stage->rep, tmpfile_scratch_folder(),
					    "cannot write a temporary file");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int spill(struct blk_stage *stage)
{
	int r;

	if (stage->fd < 0)
		stage->fd = tmpfile_open_scratch();
	if (stage->fd < 0)
		return report_errno(stage->rep, tmpfile_scratch_folder(),
				    "cannot create a temporary file");
	r = write_all(stage, stage->data, (size_t)stage->nr_data * META_BLOCK_SIZE);
	stage->nr_data = 0;
	return r;
}

int blk_stage_append(struct blk_stage *stage, struct blk_rw *blk, enum blk_role role)
{
	int r = 0;

	if (stage->next >= SPACE_MAP_MAX_BLOCKS)
		return report_fail(stage->rep, ERA_SYS,
				   "the metadata need more than %" PRIu64
				   " blocks of 4096 bytes, the most that dm-era can use",
				   SPACE_MAP_MAX_BLOCKS);
	blk->nr = stage->next++;
	if (blk->nr >= stage->limit)
		return 0;
	if (stage->nr_data == STAGE_BLOCKS)
		r = spill(stage);
	if (r)
		return r;
	blk_seal(*blk, role);
	memcpy((uint8_t *)stage->data + (size_t)stage->nr_data++ * META_BLOCK_SIZE, blk->data,
	       META_BLOCK_SIZE);
	return 0;
}

static int read_back(struct blk_stage *stage, uint32_t nr, off_t at)
{
	size_t len = (size_t)nr * META_BLOCK_SIZE, done = 0;

	while (done < len) {
		ssize_t n = pread(stage->fd, (uint8_t *)stage->data + done, len - done,
				  at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (!n)
			errno = EIO;
		if (n <= 0)
			return report_errno(stage->rep, tmpfile_scratch_folder(),
					    "cannot read back a temporary file");
		done += (size_t)n;
	}
	return 0;
}

int blk_stage_copy(struct blk_stage *stage, struct blk_dev *dev)
{
	uint64_t block = FIRST_BLOCK;
	int r = 0;

	if (stage->fd < 0)
		return blk_dev_write(dev, block, stage->nr_data, stage->data);
	if (stage->nr_data)
		r = spill(stage);
	while (!r && block < stage->next) {
		uint64_t left = stage->next - block;
		uint32_t nr = left < STAGE_BLOCKS ? (uint32_t)left : STAGE_BLOCKS;

		r = read_back(stage, nr, (off_t)((block - FIRST_BLOCK) * META_BLOCK_SIZE));
		if (!r)
			r = blk_dev_write(dev, block, nr, stage->data);
		block += nr;
		report_progress(stage->rep, block, stage->next);
	}
	return r;
}
