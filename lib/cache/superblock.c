/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "cache/superblock.h"

#include <inttypes.h>
#include <string.h>

#include "block/validate.h"

static int check_sum(const struct blk_dev *dev, const struct cache_superblock_disk *disk)
{
	uint32_t csum = blk_checksum(disk, CACHE_CSUM_XOR);

	if (le64_get(disk->magic) != CACHE_MAGIC)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: cache superblock: bad magic: found %" PRIu64
				   ", wanted %" PRIu64,
				   dev->path, le64_get(disk->magic), CACHE_MAGIC);
	if (le32_get(disk->csum) != csum)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: cache superblock: bad checksum: found 0x%08" PRIx32
				   ", wanted 0x%08" PRIx32,
				   dev->path, le32_get(disk->csum), csum);
	return 0;
}

static bool is_block_size(uint32_t sectors)
{
	return sectors && sectors % CACHE_BLOCK_MIN_SECTORS == 0 &&
	       sectors <= CACHE_BLOCK_MAX_SECTORS;
}

/* The first byte of the policy's name that no name may have; 0 if there is none. */
static uint8_t bad_letter(const struct cache_superblock_disk *disk)
{
	for (unsigned i = 0; i < CACHE_POLICY_BYTES && disk->policy_name[i]; i++)
		if (disk->policy_name[i] <= ' ' || disk->policy_name[i] > '~')
			return disk->policy_name[i];
	return 0;
}

static int check_fields(const struct blk_dev *dev, const struct cache_superblock_disk *disk)
{
	uint32_t version = le32_get(disk->version), flags = le32_get(disk->flags);
	uint32_t sectors = le32_get(disk->data_block_size);
	uint32_t meta_sectors = le32_get(disk->metadata_block_size);
	uint32_t incompat = le32_get(disk->incompat_flags);
	uint32_t hint = le32_get(disk->policy_hint_size);
	uint64_t sm_blocks = le64_get(disk->sm.nr_blocks);
	const struct {
		const char *what, *wanted;
		uint64_t found;
		bool is_good;
	} fields[] = {
		{"wrong own block number", "0", le64_get(disk->blocknr), !le64_get(disk->blocknr)},
		{"unknown version", "1 or 2", version, version && version <= CACHE_MAX_VERSION},
		{"unknown flags", "0 to 3", flags,
		 !(flags & ~(CACHE_FLAG_CLEAN_SHUTDOWN | CACHE_FLAG_NEEDS_CHECK))},
		{"unknown incompatible features", "0", incompat, !incompat},
		{"bad metadata block size in sectors", "8", meta_sectors,
		 meta_sectors == META_BLOCK_SECTORS},
		{"bad block size in sectors", "a multiple of 64 up to 2097152", sectors,
		 is_block_size(sectors)},
		{"bad size of hints", "0 or 4", hint, !hint || hint == CACHE_HINT_BYTES},
		{"bad byte in the policy's name", "33 to 126", bad_letter(disk), !bad_letter(disk)},
		{"bad number of blocks in the space map", "1 to 4161600", sm_blocks,
		 sm_blocks && sm_blocks <= SPACE_MAP_MAX_BLOCKS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!fields[i].is_good)
			return report_fail(dev->rep, ERA_DAMAGED,
					   "%s: cache superblock: %s: found %" PRIu64 ", wanted %s",
					   dev->path, fields[i].what, fields[i].found,
					   fields[i].wanted);
	return 0;
}

int cache_superblock_decode(const struct blk_dev *dev, const void *block,
			    struct cache_superblock *sb)
{
	const struct cache_superblock_disk *disk = block;
	uint32_t flags = le32_get(disk->flags);
	int r = check_sum(dev, disk);

	if (!r)
		r = check_fields(dev, disk);
	if (r)
		return r;
	*sb = (struct cache_superblock){
		.facts =
			{
				.is_clean = flags & CACHE_FLAG_CLEAN_SHUTDOWN,
				.needs_check = flags & CACHE_FLAG_NEEDS_CHECK,
				.has_dirty_bits =
					le32_get(disk->version) >= CACHE_VERSION_DIRTY_BITS,
				.block_size = le32_get(disk->data_block_size),
				.nr_cache_blocks = le32_get(disk->cache_blocks),
			},
		.mapping_root = le64_get(disk->mapping_root),
		.hint_root = le64_get(disk->hint_root),
		.discard_root = le64_get(disk->discard_root),
		.dirty_root = le64_get(disk->dirty_root),
		.sm = {le64_get(disk->sm.nr_blocks), le64_get(disk->sm.nr_allocated),
		       le64_get(disk->sm.bitmap_root), le64_get(disk->sm.ref_count_root)},
	};
	memcpy(sb->policy, disk->policy_name, CACHE_POLICY_BYTES);
	return 0;
}
