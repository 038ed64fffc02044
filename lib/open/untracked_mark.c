/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/untracked_mark.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "block/crc.h"

#define MAGIC "era-tools untracked 1\n"
#define MAGIC_BYTES 24u
#define BLOCK_BYTES 4096u

struct mark_disk {
	char magic[MAGIC_BYTES];
	char since[UNTRACKED_SINCE_BYTES];
	struct le32 csum; /* of what is before it */
};

_Static_assert(sizeof(struct mark_disk) == 60, "as doc/state.md has it");

static uint32_t checksum(const struct mark_disk *mark)
{
	return ~crc32c(UINT32_MAX, mark, offsetof(struct mark_disk, csum));
}

/* Is it one that is sound? */
static bool is_mark(const struct mark_disk *mark)
{
	return !strncmp(mark->magic, MAGIC, MAGIC_BYTES) &&
	       memchr(mark->since, '\0', sizeof(mark->since)) &&
	       le32_get(mark->csum) == checksum(mark);
}

static int write_block(struct blk_dev *dev, const struct mark_disk *mark)
{
	void *block = blk_alloc(1);
	int r;

	if (!block)
		return report_nomem(dev->rep);
	memset(block, 0, BLOCK_BYTES);
	memcpy(block, mark, sizeof(*mark));
	r = blk_dev_write(dev, dev->nr_blocks - 1, 1, block);
	free(block);
	return r ? r : blk_dev_flush(dev);
}

int untracked_mark_write(struct blk_dev *dev, const char *since)
{
	struct mark_disk mark = {.magic = MAGIC};

	snprintf(mark.since, sizeof(mark.since), "%s", since);
	mark.csum = le32_make(checksum(&mark));
	return write_block(dev, &mark);
}

int untracked_mark_read(struct blk_dev *dev, char since[UNTRACKED_SINCE_BYTES])
{
	struct mark_disk *mark = blk_alloc(1);
	int r, found = 0;

	if (!mark)
		return report_nomem(dev->rep);
	r = dev->nr_blocks ? blk_dev_read(dev, dev->nr_blocks - 1, 1, mark) : 0;
	if (r) {
		r = report_fail(dev->rep, ERA_SYS, "%s: cannot read its last block: %s", dev->path,
				strerror(r));
	} else if (dev->nr_blocks) {
		found = is_mark(mark);
		memcpy(since, mark->since, UNTRACKED_SINCE_BYTES);
	}
	free(mark);
	return r ? r : found;
}

int untracked_mark_clear(struct blk_dev *dev)
{
	static const struct mark_disk none;
	char since[UNTRACKED_SINCE_BYTES];
	int r = untracked_mark_read(dev, since);

	return r > 0 ? write_block(dev, &none) : r;
}
