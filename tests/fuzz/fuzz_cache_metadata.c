/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata of a cache of version 2, with patches; every block gets its checksum again.  They are
 * on a device in memory, which the linker puts in the place of what blk_dev_open() opens (--wrap).
 *
 * Input: flags (1: version 1), then patches of 7 bytes: block (1), offset (2), value (4).
 */
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/validate.h"
#include "cache/metadata.h"
#include "ondisk/cache_disk.h"
#include "ondisk/era_disk.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memdev.h"

#define NR_BLOCKS 6u
#define WORDS_PER_BLOCK ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE)
#define CACHE_BLOCKS ((2 * WORDS_PER_BLOCK + 3) * 64u - 7)

/* At the start of each array block, all different. */
#define DIRTY_BYTES 64u

enum {
	SUPERBLOCK,
	UNUSED,
	ROOT, /* a leaf: three array blocks */
	FIRST_ARRAY,
};

struct cache_image {
	uint8_t block[NR_BLOCKS][META_BLOCK_SIZE];
};

static struct cache_image image;

int __wrap_blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
			const struct report *rep);

int __wrap_blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
			const struct report *rep)
{
	static struct memdev mem = {.data = image.block[0], .nr_blocks = NR_BLOCKS};

	(void)path;
	(void)access;
	memdev_open(&mem, dev, rep);
	return 0;
}

static void make_superblock(uint32_t version)
{
	struct cache_superblock_disk *sb = (void *)image.block[SUPERBLOCK];

	sb->magic = le64_make(CACHE_MAGIC);
	sb->version = le32_make(version);
	sb->flags = le32_make(CACHE_FLAG_CLEAN_SHUTDOWN);
	sb->data_block_size = le32_make(64);
	sb->cache_blocks = le32_make(CACHE_BLOCKS);
	sb->dirty_root = le64_make(ROOT);
}

static void make_root(void)
{
	struct node_disk *node = (void *)image.block[ROOT];
	uint32_t max = NODE_MAX_ENTRIES(sizeof(struct le64));
	struct le64 *keys = (void *)(node + 1);

	node->flags = le32_make(NODE_LEAF);
	node->nr_entries = le32_make(NR_BLOCKS - FIRST_ARRAY);
	node->max_entries = le32_make(max);
	node->value_size = le32_make(sizeof(struct le64));
	for (uint32_t i = 0; i < NR_BLOCKS - FIRST_ARRAY; i++) {
		keys[i] = le64_make(i);
		keys[max + i] = le64_make(FIRST_ARRAY + i);
	}
}

static void make_array_block(uint32_t nr)
{
	struct array_block_disk *array = (void *)image.block[nr];

	array->max_entries = le32_make(WORDS_PER_BLOCK);
	array->nr_entries = le32_make(nr + 1 == NR_BLOCKS ? 3 : WORDS_PER_BLOCK);
	array->value_size = le32_make(WORD_VALUE_SIZE);
	for (uint8_t i = 0; i < DIRTY_BYTES; i++)
		((uint8_t *)(array + 1))[i] = i;
}

static void patch(struct input *input)
{
	uint8_t *block = image.block[input_take(input, 1) % NR_BLOCKS];
	size_t offset = (size_t)input_take(input, 2) % (META_BLOCK_SIZE - 4);
	struct le32 value = le32_make((uint32_t)input_take(input, 4));

	memcpy(block + offset, &value, sizeof(value));
}

static void seal(void)
{
	struct cache_superblock_disk *sb = (void *)image.block[SUPERBLOCK];

	sb->csum = le32_make(blk_checksum(sb, CACHE_CSUM_XOR));
	for (uint32_t i = ROOT; i < NR_BLOCKS; i++)
		blk_seal((struct blk_rw){i, image.block[i]},
			 i == ROOT ? BLOCK_BITSET_NODE : BLOCK_BITSET);
}

/* The bits of the array blocks as they are without patches. */
static void must_be_dirty(const uint64_t *dirty)
{
	for (unsigned i = 0; i < 8 * DIRTY_BYTES; i++)
		must(bits_test(dirty, i) == (i / 8 >> i % 8 & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	unsigned flags = (unsigned)input_take(&input, 1);
	struct cache_metadata metadata;
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r;

	image = (struct cache_image){0};
	make_superblock(flags & 1 ? 1 : CACHE_VERSION_DIRTY_BITS);
	make_root();
	for (uint32_t i = FIRST_ARRAY; i < NR_BLOCKS; i++)
		make_array_block(i);
	while (input.len)
		patch(&input);
	seal();
	r = cache_metadata_read("cache", &metadata, &rep);
	must_be_told(r, &told);
	must(len > 1 || !r);
	if (len <= 1 && metadata.dirty)
		must_be_dirty(metadata.dirty);
	if (!r && metadata.dirty)
		must(div_up(metadata.nr_cache_blocks, 64 * WORDS_PER_BLOCK) < NR_BLOCKS);
	cache_metadata_free(&metadata);
	return 0;
}
