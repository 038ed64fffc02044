/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The metadata of a cache, with patches; every block gets its checksum again.  They are on a device
 * in memory, which the linker puts in the place of what blk_dev_open() opens (--wrap).
 *
 * If no block is stale, the XML has all mappings and must agree with the metadata that it is from.
 * The answer for metadata without patches is known.
 *
 * Input: flags (1: version 1), then patches of 7 bytes: block (1), offset (2), value (4).
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/validate.h"
#include "cache/stale.h"
#include "ondisk/cache_disk.h"
#include "pdata/node.h"
#include "pdata/space_map.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memdev.h"
#include "tests/fuzz/text_source.h"

#define MAPPINGS_PER_BLOCK ARRAY_MAX_ENTRIES(sizeof(struct le64))
#define CACHE_BLOCKS (MAPPINGS_PER_BLOCK + 11u)
#define NR_MAPPED ((CACHE_BLOCKS + 2u) / 3u)

enum {
	SUPERBLOCK,
	INDEX,
	BITMAP,
	REF_TREE,
	MAPPINGS_ROOT, /* has a leaf for each block */
	MAPPINGS_LEAF,
	MAPPINGS = MAPPINGS_LEAF + 2,
	DIRTY_ROOT = MAPPINGS + 2,
	DIRTY,
	HINTS_ROOT,
	HINTS,
	DISCARDS_ROOT,
	NR_BLOCKS,
};

static const enum block_type types[NR_BLOCKS] = {
	[INDEX] = BLOCK_INDEX,
	[BITMAP] = BLOCK_BITMAP,
	[REF_TREE] = BLOCK_REF_NODE,
	[MAPPINGS_ROOT] = BLOCK_BITSET_NODE,
	[MAPPINGS_LEAF] = BLOCK_BITSET_NODE,
	[MAPPINGS_LEAF + 1] = BLOCK_BITSET_NODE,
	[MAPPINGS] = BLOCK_BITSET,
	[MAPPINGS + 1] = BLOCK_BITSET,
	[DIRTY_ROOT] = BLOCK_BITSET_NODE,
	[DIRTY] = BLOCK_BITSET,
	[HINTS_ROOT] = BLOCK_BITSET_NODE,
	[HINTS] = BLOCK_ERA,
	[DISCARDS_ROOT] = BLOCK_BITSET_NODE,
};

static uint8_t image[NR_BLOCKS][META_BLOCK_SIZE];

int __wrap_blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
			const struct report *rep);

int __wrap_blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
			const struct report *rep)
{
	static struct memdev mem = {.data = image[0], .nr_blocks = NR_BLOCKS};

	(void)path;
	(void)access;
	memdev_open(&mem, dev, rep);
	return 0;
}

/* A node whose values are pointers to blocks side by side. */
static void make_node(uint32_t nr, uint32_t flags, uint64_t first_key, uint32_t nr_entries,
		      uint64_t first_block)
{
	struct node_disk *node = (void *)image[nr];
	uint32_t max = NODE_MAX_ENTRIES(sizeof(struct le64));
	struct le64 *keys = (void *)(node + 1);

	node->flags = le32_make(flags);
	node->nr_entries = le32_make(nr_entries);
	node->max_entries = le32_make(max);
	node->value_size = le32_make(sizeof(struct le64));
	for (uint32_t i = 0; i < nr_entries; i++) {
		keys[i] = le64_make(first_key + i);
		keys[max + i] = le64_make(first_block + i);
	}
}

static void *make_array(uint32_t nr, uint32_t nr_entries)
{
	struct array_block_disk *array = (void *)image[nr];
	uint32_t value_size = blk_value_size(types[nr]);

	array->max_entries = le32_make(ARRAY_MAX_ENTRIES(value_size));
	array->nr_entries = le32_make(nr_entries);
	array->value_size = le32_make(value_size);
	return array + 1;
}

/* Every third cache block is mapped, to an origin block of its own. */
static void make_mappings(void)
{
	make_node(MAPPINGS_ROOT, NODE_INTERNAL, 0, 2, MAPPINGS_LEAF);
	for (uint32_t i = 0, block = 0; i < 2; i++) {
		uint32_t nr = i ? CACHE_BLOCKS - MAPPINGS_PER_BLOCK : MAPPINGS_PER_BLOCK;
		struct le64 *values = make_array(MAPPINGS + i, nr);

		make_node(MAPPINGS_LEAF + i, NODE_LEAF, i, 1, MAPPINGS + i);
		for (uint32_t j = 0; j < nr; j++, block++)
			if (block % 3 == 0)
				values[j] = le64_make((uint64_t)block << CACHE_MAPPING_SHIFT |
						      CACHE_MAPPING_VALID);
	}
}

static void make_space_map(bool has_dirty_bits)
{
	struct space_map_root_disk *sm = &((struct cache_superblock_disk *)(void *)image[0])->sm;
	struct node_disk *tree = (void *)image[REF_TREE];
	struct index_disk *index = (void *)image[INDEX];
	uint8_t counts[NR_BLOCKS];
	uint32_t used;

	memset(counts, 1, sizeof(counts));
	counts[DIRTY_ROOT] = counts[DIRTY] = has_dirty_bits;
	used = bitmap_encode((void *)image[BITMAP], counts, NR_BLOCKS, &index->entry[0]);
	index->entry[0].blocknr = le64_make(BITMAP);
	tree->flags = le32_make(NODE_LEAF);
	tree->max_entries = le32_make(NODE_MAX_ENTRIES(sizeof(struct le32)));
	tree->value_size = le32_make(sizeof(struct le32));
	sm->nr_blocks = le64_make(NR_BLOCKS);
	sm->nr_allocated = le64_make(used);
	sm->bitmap_root = le64_make(INDEX);
	sm->ref_count_root = le64_make(REF_TREE);
}

static void make_image(bool has_dirty_bits)
{
	struct cache_superblock_disk *sb = (void *)image[SUPERBLOCK];

	memset(image, 0, sizeof(image));
	sb->magic = le64_make(CACHE_MAGIC);
	sb->version = le32_make(has_dirty_bits ? CACHE_VERSION_DIRTY_BITS : 1);
	sb->flags = le32_make(CACHE_FLAG_CLEAN_SHUTDOWN);
	sb->data_block_size = le32_make(64);
	sb->metadata_block_size = le32_make(META_BLOCK_SECTORS);
	sb->cache_blocks = le32_make(CACHE_BLOCKS);
	memcpy(sb->policy_name, "smq", 3);
	sb->policy_hint_size = le32_make(CACHE_HINT_BYTES);
	sb->mapping_root = le64_make(MAPPINGS_ROOT);
	sb->dirty_root = le64_make(DIRTY_ROOT);
	sb->hint_root = le64_make(HINTS_ROOT);
	sb->discard_root = le64_make(DISCARDS_ROOT);
	make_mappings();
	if (has_dirty_bits) {
		make_node(DIRTY_ROOT, NODE_LEAF, 0, 1, DIRTY);
		(void)make_array(DIRTY, (CACHE_BLOCKS + 63) / 64);
	}
	make_node(HINTS_ROOT, NODE_LEAF, 0, 1, HINTS);
	memset(make_array(HINTS, CACHE_BLOCKS), 'h', (size_t)CACHE_BLOCKS * CACHE_HINT_BYTES);
	make_node(DISCARDS_ROOT, NODE_LEAF, 0, 0, 0);
	make_space_map(has_dirty_bits);
}

static void patch(struct input *input)
{
	uint8_t *block = image[input_take(input, 1) % NR_BLOCKS];
	size_t offset = (size_t)input_take(input, 2) % (META_BLOCK_SIZE - 4);
	struct le32 value = le32_make((uint32_t)input_take(input, 4));

	memcpy(block + offset, &value, sizeof(value));
}

static void seal(void)
{
	struct cache_superblock_disk *sb = (void *)image[SUPERBLOCK];

	sb->csum = le32_make(blk_checksum(sb, CACHE_CSUM_XOR));
	for (uint32_t i = INDEX; i < NR_BLOCKS; i++)
		blk_seal((struct blk_rw){i, image[i]}, types[i]);
}

/* The answer as text, free() it; NULL if there is none.  xml is mappings as XML, or NULL. */
static char *answer(enum cache_format format, bool allow_dirty, const char *xml, int *r)
{
	static const uint64_t none;
	const struct changes changes = {
		.bits = &none,
		.nr_blocks = 1,
		.block_size = UINT64_C(1) << 62,
	};
	struct told told;
	const struct report rep = fuzz_report(&told);
	struct cache_metadata *metadata;
	struct cache_question question = {
		.changes = &changes,
		.format = format,
		.allow_dirty = allow_dirty,
		.rep = &rep,
	};
	struct memfile file;
	struct source source;
	struct sink sink;
	char *text = NULL;
	size_t len;

	memfile_open(&file, NULL, 0);
	must(!sink_open(&sink, file.path, &rep));
	if (xml)
		text_source_open(&source, (struct input){(const void *)xml, strlen(xml)}, 0, &rep);
	*r = cache_metadata_open(&metadata, "cache", &rep);
	if (!*r) {
		question.metadata = metadata;
		*r = cache_write_stale(xml ? &source : NULL, &question, &sink);
		cache_metadata_close(metadata);
	}
	must_be_told(*r, &told);
	if (!*r)
		*r = sink_finish(&sink);
	sink_close(&sink);
	if (!*r) {
		text = memfile_read(&file, &len);
		text[len] = 0;
	}
	memfile_close(&file);
	return text;
}

static uint64_t nr_staying(const char *xml)
{
	uint64_t nr = 0;

	while ((xml = strstr(xml, "<mapping "))) {
		xml++;
		nr++;
	}
	return nr;
}

static void must_be_as_made(const char *messages, const char *xml)
{
	must(!*messages);
	must(nr_staying(xml) == NR_MAPPED);
	must(strstr(xml, "<mapping cache_block=\"513\" origin_block=\"513\" dirty=\"false\"/>"));
	must(strstr(xml, "<hint cache_block=\"513\" data=\"aGhoaA==\"/>"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	unsigned flags = (unsigned)input_take(&input, 1);
	char *messages, *xml, *dropped;
	int r, r_xml, r_dropped;

	make_image(!(flags & 1));
	while (input.len)
		patch(&input);
	seal();
	messages = answer(CACHE_MESSAGES, false, NULL, &r);
	dropped = answer(CACHE_MESSAGES, true, NULL, &r_dropped);
	xml = answer(CACHE_XML, false, NULL, &r_xml);
	must(r_dropped == r || (r == ERA_NO_ANSWER && !r_dropped));
	/* Hints are read for XML alone, before anything dirty is refused. */
	must(r_xml == r || (!r_dropped && r_xml == ERA_DAMAGED));
	if (!r && !r_xml && !*messages) {
		char *both = answer(CACHE_XML, false, xml, &r);

		must(!r && !strcmp(both, xml));
		free(both);
	}
	if (len <= 1)
		must_be_as_made(messages, xml);
	free(messages);
	free(dropped);
	free(xml);
	return 0;
}
