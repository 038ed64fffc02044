/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block/window.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"

void blk_window_init(struct blk_window *w, struct blk_dev *dev, uint32_t room)
{
	*w = (struct blk_window){.dev = dev, .room = room};
}

void blk_window_free(struct blk_window *w)
{
	free(w->data);
	w->data = NULL;
	w->nr = 0;
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
static int fill(struct blk_window *w, uint64_t first, uint32_t nr)
{
	int r;

	if (!w->data)
		w->data = blk_alloc(w->room);
	if (!w->data)
		return ENOMEM;
	w->nr = 0;
	r = blk_dev_read(w->dev, first, nr, w->data);
	if (r && nr > 1) {
		nr = 1;
		r = blk_dev_read(w->dev, first, nr, w->data);
	}
	if (r)
		return r;
	w->first = first;
	w->nr = nr;
	return 0;
}

int blk_window_get(struct blk_window *w, const struct le64 *pointers, uint32_t nr, uint64_t limit,
		   struct blk_ro *blk)
{
	uint64_t block = le64_get(pointers[0]);

	if (block < w->first || block - w->first >= w->nr) {
		uint32_t max = nr < w->room ? nr : w->room;
		int r = fill(w, block, run_length(pointers, max, limit));

		if (r)
			return r;
	}
	blk->nr = block;
	blk->data = (const uint8_t *)w->data + (block - w->first) * META_BLOCK_SIZE;
	return 0;
}
