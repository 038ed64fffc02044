/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cache/metadata.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/dev.h"
#include "block/validate.h"
#include "ondisk/cache_disk.h"
#include "ondisk/era_disk.h"
#include "pdata/array.h"
#include "pdata/space_map.h"

static int check_superblock(const struct blk_dev *dev, const void *block)
{
	const struct cache_superblock_disk *disk = block;
	uint32_t csum = blk_checksum(block, CACHE_CSUM_XOR);
	uint32_t version = le32_get(disk->version);

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
	if (version < 1 || version > CACHE_MAX_VERSION)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: cache superblock: unknown version: found %" PRIu32
				   ", wanted 1 or %u",
				   dev->path, version, CACHE_MAX_VERSION);
	return 0;
}

struct dirty_walk {
	struct blk_dev *dev;
	uint64_t *seen; /* one bit per block of the device */
};

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct dirty_walk *dirty = ctx;

	return walk_visit_once(dirty->seen, pointer, p);
}

/* Told as an error, since these are not the metadata that problems are told of. */
static int on_problem(void *ctx, const struct problem *p)
{
	struct dirty_walk *dirty = ctx;
	char line[PROBLEM_LINE_MAX];

	problem_line(p, line, sizeof(line));
	return report_fail(dirty->dev->rep, problem_error(p), "%s: %s", dirty->dev->path, line);
}

static int read_words(struct walk *walk, uint64_t root, struct cache_metadata *metadata)
{
	struct array_iter it;
	struct array_part part;
	int r;

	array_iter_init(&it, walk, BLOCK_BITSET, (struct btree_root){.block = root},
			bits_words(metadata->nr_cache_blocks), 1, "dirty bits");
	while ((r = array_iter_next(&it, &part)) > 0) {
		const struct le64 *words = (const void *)part.values;

		for (uint64_t i = 0; i < part.len; i++)
			metadata->dirty[part.first + i] = le64_get(words[i]);
	}
	array_iter_free(&it);
	return r;
}

static int read_dirty(struct blk_dev *dev, uint64_t root, struct cache_metadata *metadata)
{
	uint64_t limit = space_map_limit(dev->nr_blocks);
	uint64_t words = bits_words(metadata->nr_cache_blocks);
	struct dirty_walk ctx = {.dev = dev};
	struct walk walk = {dev, limit, &ctx, on_pointer, on_problem};
	int r;

	if (words / ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) >= limit)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: cache superblock: %" PRIu32
				   " blocks in the cache are more than the metadata can have dirty bits of",
				   dev->path, metadata->nr_cache_blocks);
	ctx.seen = bits_alloc(limit);
	metadata->dirty = bits_alloc(metadata->nr_cache_blocks);
	if (ctx.seen && metadata->dirty)
		r = read_words(&walk, root, metadata);
	else
		r = report_nomem(dev->rep);
	free(ctx.seen);
	return r;
}

static int read_all(struct blk_dev *dev, const void *block, struct cache_metadata *metadata)
{
	const struct cache_superblock_disk *disk = block;
	int r = check_superblock(dev, block);

	if (r)
		return r;
	metadata->clean = le32_get(disk->flags) & CACHE_FLAG_CLEAN_SHUTDOWN;
	metadata->block_size = le32_get(disk->data_block_size);
	metadata->nr_cache_blocks = le32_get(disk->cache_blocks);
	if (le32_get(disk->version) < CACHE_VERSION_DIRTY_BITS)
		return 0;
	return read_dirty(dev, le64_get(disk->dirty_root), metadata);
}

static int read_device(struct blk_dev *dev, struct cache_metadata *metadata)
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
	r = errno ? report_errno(dev->rep, dev->path, "cannot read") : read_all(dev, block,
										metadata);
	free(block);
	return r;
}

int cache_metadata_read(const char *path, struct cache_metadata *metadata, const struct report *rep)
{
	struct blk_dev dev;
	int r;

	*metadata = (struct cache_metadata){0};
	r = blk_dev_open(&dev, path, BLK_READ, rep);
	if (r)
		return r;
	r = read_device(&dev, metadata);
	blk_dev_close(&dev);
	if (r)
		cache_metadata_free(metadata);
	return r;
}

void cache_metadata_free(struct cache_metadata *metadata)
{
	free(metadata->dirty);
	metadata->dirty = NULL;
}
