/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Writes metadata of 64 MiB that are made to take long, or much memory, to read:
 *	hostile KIND FILE [NR_BLOCKS [held]]
 * with that number of data blocks, or as many as there can be (also 0), and with a metadata
 * snapshot held that has the same roots. Without arguments the kinds are listed, but for those
 * without a superblock.  Every checksum is right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

#define NR_BLOCKS 16384u
#define POINTERS NODE_MAX_ENTRIES(sizeof(struct le64))
#define WRITESETS NODE_MAX_ENTRIES(sizeof(struct writeset_disk))
#define CURRENT_ERA 5000000u

struct hostile {
	uint8_t (*block)[META_BLOCK_SIZE];
	uint32_t next;
};

static struct superblock_disk *superblock(struct hostile *h)
{
	return (void *)h->block[0];
}

/* The next block is a node of nr entries; it is sealed by finish_node(). */
static struct node_disk *begin_node(struct hostile *h, uint32_t flags, uint32_t value_size,
				    uint32_t nr)
{
	struct node_disk *node = (void *)h->block[h->next];

	node->flags = le32_make(flags);
	node->nr_entries = le32_make(nr);
	node->max_entries = le32_make(NODE_MAX_ENTRIES(value_size));
	node->value_size = le32_make(value_size);
	return node;
}

static struct le64 *keys(struct node_disk *node)
{
	return (void *)(node + 1);
}

static void *values(struct node_disk *node)
{
	return keys(node) + le32_get(node->max_entries);
}

static uint32_t finish(struct hostile *h, enum block_type type)
{
	blk_seal((struct blk_rw){h->next, h->block[h->next]}, type);
	return h->next++;
}

/* Pointers to target, to target + step, ..., with keys first, first + 1, ... */
static uint32_t pointers(struct hostile *h, enum block_type type, uint32_t flags, uint32_t nr,
			 uint64_t first, uint64_t target, uint64_t step)
{
	struct node_disk *node = begin_node(h, flags, sizeof(struct le64), nr);
	struct le64 *value = values(node);

	for (uint32_t i = 0; i < nr; i++) {
		keys(node)[i] = le64_make(first + i);
		value[i] = le64_make(target + i * step);
	}
	return finish(h, type);
}

static uint32_t empty_leaf(struct hostile *h, enum block_type type, uint32_t value_size)
{
	(void)begin_node(h, NODE_LEAF, value_size, 0);
	return finish(h, type);
}

/* Its words are there already. */
static uint32_t bitset_block_of(struct hostile *h, uint32_t nr_words)
{
	struct array_block_disk *array = (void *)h->block[h->next];

	array->max_entries = le32_make(ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE));
	array->nr_entries = le32_make(nr_words);
	array->value_size = le32_make(WORD_VALUE_SIZE);
	return finish(h, BLOCK_BITSET);
}

static uint32_t bitset_block(struct hostile *h, uint32_t nr_words, uint64_t word)
{
	struct array_block_disk *array = (void *)h->block[h->next];
	struct le64 *words = (void *)(array + 1);

	for (uint32_t i = 0; i < nr_words; i++)
		words[i] = le64_make(word);
	return bitset_block_of(h, nr_words);
}

/* A level of internal nodes over nr nodes from first on, whose keys are step apart; and so on
 * up. */
static uint32_t levels(struct hostile *h, enum block_type type, uint32_t first, uint32_t nr,
		       uint64_t step)
{
	while (nr > 1) {
		uint32_t above = h->next, nr_above = 0;

		for (uint32_t i = 0; i < nr; i += POINTERS, nr_above++) {
			uint32_t n = nr - i < POINTERS ? nr - i : POINTERS;
			struct node_disk *node =
				begin_node(h, NODE_INTERNAL, sizeof(struct le64), n);
			struct le64 *value = values(node);

			for (uint32_t j = 0; j < n; j++) {
				keys(node)[j] = le64_make((i + j) * step);
				value[j] = le64_make(first + i + j);
			}
			finish(h, type);
		}
		first = above;
		nr = nr_above;
		step *= POINTERS;
	}
	return first;
}

/* So many leaves full of writesets whose bitsets begin at root, root + step, ... */
static void writeset_tree(struct hostile *h, uint32_t nr_leaves, uint32_t nr_bits, uint32_t root,
			  uint32_t step)
{
	uint32_t first = h->next;

	for (uint32_t i = 0; i < nr_leaves; i++) {
		struct node_disk *node =
			begin_node(h, NODE_LEAF, sizeof(struct writeset_disk), WRITESETS);
		struct writeset_disk *ws = values(node);

		for (uint32_t j = 0; j < WRITESETS; j++, root += step) {
			keys(node)[j] = le64_make((uint64_t)i * WRITESETS + j);
			ws[j] = (struct writeset_disk){le32_make(nr_bits), le64_make(root)};
		}
		finish(h, BLOCK_WRITESET_NODE);
	}
	superblock(h)->writeset_tree_root =
		le64_make(levels(h, BLOCK_WRITESET_NODE, first, nr_leaves, WRITESETS));
}

static void set_array(struct hostile *h, uint32_t nr_blocks, uint32_t root)
{
	superblock(h)->nr_blocks = le32_make(nr_blocks);
	superblock(h)->era_array_root = le64_make(root);
}

/* Sizes without anything behind them. */
static void claims(struct hostile *h)
{
	struct superblock_disk *sb = superblock(h);

	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64)));
	sb->current_writeset.nr_bits = le32_make(ERA_MAX_BLOCKS);
	sb->current_writeset.root =
		le64_make(empty_leaf(h, BLOCK_BITSET_NODE, sizeof(struct le64)));
	sb->sm.nr_blocks = le64_make(SPACE_MAP_MAX_BLOCKS);
}

/* Each node's pointers all lead to the next node: 252 ^ 10 ways to the last one. */
static void shared_children(struct hostile *h)
{
	uint32_t root = h->next;

	for (unsigned i = 0; i < 10; i++)
		pointers(h, BLOCK_ERA_NODE, NODE_INTERNAL, POINTERS, 0, h->next + 1, 0);
	set_array(h, ERA_MAX_BLOCKS, root);
	empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64));
}

static void deep_tree(struct hostile *h)
{
	uint32_t root = h->next;

	for (unsigned i = 0; i < 16000; i++)
		pointers(h, BLOCK_ERA_NODE, NODE_INTERNAL, 1, 0, h->next + 1, 0);
	set_array(h, ERA_MAX_BLOCKS, root);
}

/* Every pointer of every leaf is a problem. */
static void many_problems(struct hostile *h)
{
	uint32_t first = h->next, nr = 16000;

	for (uint32_t i = 0; i < nr; i++)
		pointers(h, BLOCK_ERA_NODE, NODE_LEAF, POINTERS, (uint64_t)i * POINTERS, UINT32_MAX,
			 1);
	set_array(h, ERA_MAX_BLOCKS, levels(h, BLOCK_ERA_NODE, first, nr, POINTERS));
}

static void many_large_writesets(struct hostile *h)
{
	writeset_tree(h, 80, ERA_MAX_BLOCKS, NR_BLOCKS, 1);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64)));
}

static void many_bad_writesets(struct hostile *h)
{
	writeset_tree(h, 16000, UINT32_MAX, NR_BLOCKS, 1);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64)));
}

/* Sound writesets, 8040 of them, over an array that isn't there. */
static void many_small_writesets(struct hostile *h)
{
	uint32_t first = h->next, nr_leaves = 40;

	for (uint32_t i = 0; i < nr_leaves * WRITESETS; i++) {
		pointers(h, BLOCK_BITSET_NODE, NODE_LEAF, 1, 0, h->next + 1, 0);
		bitset_block(h, 1, i);
	}
	writeset_tree(h, nr_leaves, 64, first, 2);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64)));
}

#define HALF_SET_BLOCKS (60u * POINTERS)
#define HALF_SET_BITS (HALF_SET_BLOCKS * ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE) * 64u)

/* A large bitset with every second bit; returns its root. */
static uint32_t half_set_bitset(struct hostile *h)
{
	uint32_t first = h->next, leaf;

	for (uint32_t i = 0; i < HALF_SET_BLOCKS; i++)
		bitset_block(h, ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE), UINT64_C(0x5555555555555555));
	leaf = h->next;
	for (uint32_t i = 0; i < HALF_SET_BLOCKS; i += POINTERS)
		pointers(h, BLOCK_BITSET_NODE, NODE_LEAF, POINTERS, i, first + i, 1);
	return levels(h, BLOCK_BITSET_NODE, leaf, HALF_SET_BLOCKS / POINTERS, POINTERS);
}

/* That 8040 writesets have in common. */
static void shared_bitset(struct hostile *h)
{
	writeset_tree(h, 40, HALF_SET_BITS, half_set_bitset(h), 0);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64)));
}

/* Every second block is known: as many stretches that are not. */
static void many_stretches(struct hostile *h)
{
	superblock(h)->current_writeset.root = le64_make(half_set_bitset(h));
	superblock(h)->current_writeset.nr_bits = le32_make(HALF_SET_BITS);
	set_array(h, HALF_SET_BITS, NR_BLOCKS + 1);
}

/* All counts are 0, or those of the first nr blocks 1: as bits, the low one of each pair. */
static uint32_t bitmap(struct hostile *h, uint32_t nr)
{
	struct bitmap_disk *disk = (void *)h->block[h->next];

	for (uint32_t e = 0; e < nr; e += BITMAP_ENTRIES_PER_WORD)
		disk->words[e / BITMAP_ENTRIES_PER_WORD] = le64_make(UINT64_C(0xaaaaaaaaaaaaaaaa));
	return finish(h, BLOCK_BITMAP);
}

static void index_of(struct hostile *h, uint32_t bitmap)
{
	struct index_disk *index = (void *)h->block[h->next];

	index->entry[0] = (struct index_entry_disk){.blocknr = le64_make(bitmap),
						    .nr_free = le32_make(BITMAP_ENTRIES)};
	finish(h, BLOCK_INDEX);
}

/* A space map of the largest size whose bitmaps are all one, and say "look in the ref-count
 * tree". */
static void large_counts(struct hostile *h)
{
	struct superblock_disk *sb = superblock(h);
	struct bitmap_disk *disk = (void *)h->block[h->next];
	struct index_disk *index;
	uint32_t first, nr = 16000, max = NODE_MAX_ENTRIES(sizeof(struct le32));

	memset(disk->words, 0xff, sizeof(disk->words));
	finish(h, BLOCK_BITMAP);
	index = (void *)h->block[h->next];
	for (uint32_t i = 0; i < INDEX_MAX_ENTRIES; i++)
		index->entry[i].blocknr = le64_make(h->next - 1);
	sb->sm.bitmap_root = le64_make(finish(h, BLOCK_INDEX));
	sb->sm.nr_blocks = le64_make(SPACE_MAP_MAX_BLOCKS);
	first = h->next;
	for (uint32_t i = 0; i < nr; i++) {
		struct node_disk *node = begin_node(h, NODE_LEAF, sizeof(struct le32), max);
		struct le32 *count = values(node);

		for (uint32_t j = 0; j < max; j++) {
			keys(node)[j] = le64_make((uint64_t)i * max + j);
			count[j] = le32_make(UINT32_MAX);
		}
		finish(h, BLOCK_REF_NODE);
	}
	sb->sm.ref_count_root = le64_make(levels(h, BLOCK_REF_NODE, first, nr, max));
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64)));
}

/* For a salvage: space maps that in turn have thousands of nodes in use, and none. */
static void many_space_maps(struct hostile *h)
{
	uint32_t root = h->next, nr = 8000, all, none;

	for (uint32_t i = 0; i < nr; i++)
		pointers(h, BLOCK_ERA_NODE, NODE_INTERNAL, POINTERS, 0, 1, 1);
	all = bitmap(h, nr);
	none = bitmap(h, 0);
	while (h->next < NR_BLOCKS)
		index_of(h, h->next & 1 ? all : none);
	set_array(h, ERA_MAX_BLOCKS, root);
}

/*
 * For a salvage: generations, each of which recomputes. All have the blocks before the first of
 * them, and of the two parts that are given one in turn; and each has blocks of its own.
 */
struct part {
	uint32_t first, end;
};

static void set_count(struct bitmap_disk *disk, uint32_t block)
{
	struct le64 *word = &disk->words[block / BITMAP_ENTRIES_PER_WORD];

	*word = le64_make(le64_get(*word) | UINT64_C(2) << 2 * (block % BITMAP_ENTRIES_PER_WORD));
}

static void set_counts(struct bitmap_disk *disk, uint32_t first, uint32_t end)
{
	for (uint32_t block = first; block < end; block++)
		set_count(disk, block);
}

/* A leaf and the blocks of a writeset of all data blocks, with one bit. */
static void writeset_with(struct hostile *h, uint32_t bit)
{
	uint32_t max = ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE);
	uint32_t words = (uint32_t)bits_words(le32_get(superblock(h)->nr_blocks));
	uint32_t nr = (words + max - 1) / max;

	pointers(h, BLOCK_BITSET_NODE, NODE_LEAF, nr, 0, h->next + 1, 1);
	for (uint32_t i = 0; i < nr; i++, words -= max) {
		struct array_block_disk *array = (void *)h->block[h->next];
		struct le64 *word = (struct le64 *)(array + 1) + bit / 64;

		if (!i)
			*word = le64_make(UINT64_C(1) << bit % 64);
		bitset_block_of(h, words < max ? words : max);
	}
}

/* A current writeset with one bit that no other has; the bitmap and the index behind it. */
static void generation(struct hostile *h, uint32_t common, struct part part, uint32_t bit)
{
	uint32_t first = h->next;
	struct bitmap_disk *disk;

	writeset_with(h, bit);
	disk = (void *)h->block[h->next];
	set_counts(disk, 0, common);
	set_counts(disk, part.first, part.end);
	set_counts(disk, first, h->next + 2);
	index_of(h, finish(h, BLOCK_BITMAP));
}

static void generations(struct hostile *h, uint32_t max, uint32_t common,
			const struct part parts[2])
{
	uint32_t size, first = h->next;

	generation(h, common, parts[0], 0);
	size = h->next - first;
	for (uint32_t i = 1; i < max && h->next + size <= BITMAP_ENTRIES; i++)
		generation(h, common, parts[i % 2], i);
}

/* An era array of nr_leaves leaves, each of so many blocks that say era 1, but one of the last says
 * 2. */
static struct part era_array(struct hostile *h, uint32_t nr_leaves, uint32_t per_leaf, uint32_t two)
{
	struct part part = {h->next, 0};
	uint32_t nr = nr_leaves * per_leaf, leaves;

	for (uint32_t i = 0; i < nr; i++) {
		struct array_block_disk *array = (void *)h->block[h->next];
		struct le32 *eras = (void *)(array + 1);
		uint32_t max = ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE);

		array->max_entries = le32_make(max);
		array->nr_entries = le32_make(max);
		array->value_size = le32_make(ERA_VALUE_SIZE);
		for (uint32_t j = 0; j < max; j++)
			eras[j] = le32_make(i + 1 == nr && j == two ? 2 : 1);
		finish(h, BLOCK_ERA);
	}
	leaves = h->next;
	for (uint32_t i = 0; i < nr_leaves; i++)
		pointers(h, BLOCK_ERA_NODE, NODE_LEAF, per_leaf, i * per_leaf,
			 part.first + i * per_leaf, 1);
	set_array(h, nr * ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE),
		  levels(h, BLOCK_ERA_NODE, leaves, nr_leaves, per_leaf));
	part.end = h->next;
	return part;
}

/* Empty ones. */
static struct part writesets(struct hostile *h, uint32_t nr_leaves)
{
	struct part part = {h->next, 0};

	for (uint32_t i = 0; i < nr_leaves * WRITESETS; i++)
		empty_leaf(h, BLOCK_BITSET_NODE, sizeof(struct le64));
	writeset_tree(h, nr_leaves, 0, part.first, 1);
	part.end = h->next;
	return part;
}

/* So that a writeset of all data blocks has one block. */
static void set_small_array(struct hostile *h)
{
	(void)era_array(h, 1, 32, 0);
}

/* The empty one that make() has made. */
static void drop_writeset_tree(struct hostile *h)
{
	memset(h->block[--h->next], 0, META_BLOCK_SIZE);
}

static void generations_of_writesets(struct hostile *h)
{
	const struct part none[2] = {{0, 0}, {0, 0}};

	drop_writeset_tree(h);
	set_small_array(h);
	(void)writesets(h, 35);
	generations(h, UINT32_MAX, h->next, none);
}

static void generations_of_two_writeset_trees(struct hostile *h)
{
	struct part parts[2];
	uint32_t common;

	drop_writeset_tree(h);
	set_small_array(h);
	common = h->next;
	parts[0] = writesets(h, 18);
	parts[1] = writesets(h, 18);
	generations(h, UINT32_MAX, common, parts);
}

static void generations_of_two_arrays(struct hostile *h)
{
	uint32_t common = h->next;
	struct part parts[2];

	parts[0] = era_array(h, 14, POINTERS, 0);
	parts[1] = era_array(h, 14, POINTERS, 1);
	generations(h, UINT32_MAX, common, parts);
}

/* As many as are believed to be the newest, with thousands of writesets each. */
static void few_generations(struct hostile *h)
{
	const struct part none[2] = {{0, 0}, {0, 0}};
	uint32_t first, nr_leaves = 35;

	drop_writeset_tree(h);
	set_small_array(h);
	first = h->next;
	for (uint32_t i = 0; i < nr_leaves * WRITESETS; i++) {
		pointers(h, BLOCK_BITSET_NODE, NODE_LEAF, 1, 0, h->next + 1, 0);
		bitset_block(h, 1, i);
	}
	writeset_tree(h, nr_leaves, 64, first, 2);
	generations(h, 32, h->next, none);
}

/* As many clones as space maps that in turn have all of them and none. */
static void many_clones(struct hostile *h)
{
	uint32_t root = h->next, nr = 8000, all, none;

	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, BLOCK_ERA_NODE, sizeof(struct le64)));
	for (uint32_t i = 0; i < nr; i++) {
		memcpy(h->block[h->next], h->block[0], META_BLOCK_SIZE);
		superblock(h)->era_array_root = le64_make(root);
		finish(h, BLOCK_SNAPSHOT);
	}
	all = bitmap(h, root + nr);
	none = bitmap(h, 0);
	while (h->next < NR_BLOCKS)
		index_of(h, h->next & 1 ? all : none);
}

static const struct kind {
	const char *name;
	void (*make)(struct hostile *h);
	bool is_lost; /* the superblock is; not listed */
} kinds[] = {
	{"claims", claims, false},
	{"shared-children", shared_children, false},
	{"deep-tree", deep_tree, false},
	{"many-problems", many_problems, false},
	{"many-large-writesets", many_large_writesets, false},
	{"many-bad-writesets", many_bad_writesets, false},
	{"many-small-writesets", many_small_writesets, false},
	{"many-stretches", many_stretches, false},
	{"shared-bitset", shared_bitset, false},
	{"large-counts", large_counts, false},
	{"many-space-maps", many_space_maps, false},
	{"many-clones", many_clones, true},
	{"few-generations", few_generations, true},
	{"generations-of-writesets", generations_of_writesets, true},
	{"generations-of-two-writeset-trees", generations_of_two_writeset_trees, true},
	{"generations-of-two-arrays", generations_of_two_arrays, true},
};

/* Takes the last block, whatever it was. */
static void hold_snapshot(struct hostile *h)
{
	h->next = NR_BLOCKS - 1;
	memcpy(h->block[h->next], h->block[0], META_BLOCK_SIZE);
	superblock(h)->metadata_snap = le64_make(finish(h, BLOCK_SNAPSHOT));
}

static void make(struct hostile *h, const struct kind *kind, const char *nr_blocks, bool held)
{
	struct superblock_disk *sb = superblock(h);

	sb->magic = le64_make(ERA_MAGIC);
	sb->version = le32_make(ERA_VERSION);
	sb->data_block_size = le32_make(DATA_BLOCK_MIN_SECTORS);
	sb->metadata_block_size = le32_make(META_BLOCK_SECTORS);
	sb->current_era = le32_make(CURRENT_ERA);
	sb->sm.nr_blocks = le64_make(NR_BLOCKS);
	sb->sm.bitmap_root = le64_make(1);
	sb->sm.ref_count_root = le64_make(empty_leaf(h, BLOCK_REF_NODE, sizeof(struct le32)));
	sb->writeset_tree_root =
		le64_make(empty_leaf(h, BLOCK_WRITESET_NODE, sizeof(struct writeset_disk)));
	kind->make(h);
	if (nr_blocks && strtoul(nr_blocks, NULL, 10))
		sb->nr_blocks = le32_make((uint32_t)strtoul(nr_blocks, NULL, 10));
	if (held)
		hold_snapshot(h);
	if (!kind->is_lost)
		blk_seal((struct blk_rw){0, sb}, BLOCK_SUPERBLOCK);
}

int main(int argc, char **argv)
{
	struct hostile h = {calloc(NR_BLOCKS, META_BLOCK_SIZE), 1};
	FILE *file;

	if (!h.block)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (argc < 2 && !kinds[i].is_lost)
			puts(kinds[i].name);
		if (argc < 3 || strcmp(kinds[i].name, argv[1]))
			continue;
		make(&h, &kinds[i], argv[3], argc > 4);
		file = fopen(argv[2], "wb");
		return !file || fwrite(h.block, META_BLOCK_SIZE, NR_BLOCKS, file) != NR_BLOCKS ||
		       fclose(file);
	}
	return argc >= 2;
}
