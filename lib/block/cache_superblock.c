/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block/cache_superblock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "block/crc.h"
#include "block/dev.h"
#include "ondisk/cache_disk.h"
#include "ondisk/era_disk.h"

static int decode(const struct blk_dev *dev, const void *block, struct cache_superblock *sb)
{
	const struct cache_superblock_disk *disk = block;
	uint32_t csum = crc32c(0xffffffff, (const uint8_t *)block + 4, META_BLOCK_SIZE - 4) ^
			CACHE_CSUM_XOR;
	uint32_t flags = le32_get(disk->flags);

	if (le64_get(disk->magic) != CACHE_MAGIC)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: cache superblock: bad magic: found %" PRIu64
				   ", wanted %" PRIu64,
				   dev->path, le64_get(disk->magic), CACHE_MAGIC);
	if (le32_get(disk->csum) != csum || le64_get(disk->blocknr))
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: cache superblock: bad checksum: found 0x%08" PRIx32
				   ", wanted 0x%08" PRIx32,
				   dev->path, le32_get(disk->csum), csum);
	*sb = (struct cache_superblock){
		.clean = flags & CACHE_FLAG_CLEAN_SHUTDOWN,
		.needs_check = flags & CACHE_FLAG_NEEDS_CHECK,
		.block_size = le32_get(disk->data_block_size),
		.nr_cache_blocks = le32_get(disk->cache_blocks),
	};
	return 0;
}

static int read_block(struct blk_dev *dev, struct cache_superblock *sb)
{
	void *block;
	int r;

	if (!dev->nr_blocks)
		return report_fail(dev->rep, ERA_DAMAGED, "%s: too small for cache metadata",
				   dev->path);
	block = blk_alloc(1);
	if (!block)
		return report_nomem(dev->rep);
	errno = blk_dev_read(dev, 0, 1, block);
	r = errno ? report_errno(dev->rep, dev->path, "cannot read") : decode(dev, block, sb);
	free(block);
	return r;
}

int cache_superblock_read(const char *path, struct cache_superblock *sb, const struct report *rep)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, path, BLK_READ, rep);

	if (r)
		return r;
	r = read_block(&dev, sb);
	blk_dev_close(&dev);
	return r;
}
