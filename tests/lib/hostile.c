/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes metadata of 64 MiB that are made to take long, or much memory, to read:
 *	hostile KIND FILE [NR_BLOCKS [held]]
 * with that number of data blocks, or as many as there can be (also 0), and with a metadata snapshot held
 * that has the same roots. Without arguments the kinds are listed.
 * Every checksum is right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static uint32_t finish(struct hostile *h, enum blk_role role)
{
	blk_seal((struct blk_rw){h->next, h->block[h->next]}, role);
	return h->next++;
}

/* Pointers to target, to target + step, ..., with keys first, first + 1, ... */
static uint32_t pointers(struct hostile *h, enum blk_role role, uint32_t flags, uint32_t nr,
			 uint64_t first, uint64_t target, uint64_t step)
{
	struct node_disk *node = begin_node(h, flags, sizeof(struct le64), nr);
	struct le64 *value = values(node);

	for (uint32_t i = 0; i < nr; i++) {
		keys(node)[i] = le64_make(first + i);
		value[i] = le64_make(target + i * step);
	}
	return finish(h, role);
}

static uint32_t empty_leaf(struct hostile *h, enum blk_role role, uint32_t value_size)
{
	(void)begin_node(h, NODE_LEAF, value_size, 0);
	return finish(h, role);
}

static uint32_t bitset_block(struct hostile *h, uint32_t nr_words, uint64_t word)
{
	struct array_block_disk *array = (void *)h->block[h->next];
	struct le64 *words = (void *)(array + 1);

	array->max_entries = le32_make(ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE));
	array->nr_entries = le32_make(nr_words);
	array->value_size = le32_make(WORD_VALUE_SIZE);
	for (uint32_t i = 0; i < nr_words; i++)
		words[i] = le64_make(word);
	return finish(h, ROLE_BITSET);
}

/* A level of internal nodes over nr nodes from first on, whose keys are step apart; and so on up. */
static uint32_t levels(struct hostile *h, enum blk_role role, uint32_t first, uint32_t nr,
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
			finish(h, role);
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
		finish(h, ROLE_WRITESET_NODE);
	}
	superblock(h)->writeset_tree_root =
		le64_make(levels(h, ROLE_WRITESET_NODE, first, nr_leaves, WRITESETS));
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

	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, ROLE_ERA_NODE, sizeof(struct le64)));
	sb->current_writeset.nr_bits = le32_make(ERA_MAX_BLOCKS);
	sb->current_writeset.root =
		le64_make(empty_leaf(h, ROLE_BITSET_NODE, sizeof(struct le64)));
	sb->sm.nr_blocks = le64_make(SPACE_MAP_MAX_BLOCKS);
}

/* Each node's pointers all lead to the next node: 252 ^ 10 ways to the last one. */
static void shared_children(struct hostile *h)
{
	uint32_t root = h->next;

	for (unsigned i = 0; i < 10; i++)
		pointers(h, ROLE_ERA_NODE, NODE_INTERNAL, POINTERS, 0, h->next + 1, 0);
	set_array(h, ERA_MAX_BLOCKS, root);
	empty_leaf(h, ROLE_ERA_NODE, sizeof(struct le64));
}

static void deep_tree(struct hostile *h)
{
	uint32_t root = h->next;

	for (unsigned i = 0; i < 16000; i++)
		pointers(h, ROLE_ERA_NODE, NODE_INTERNAL, 1, 0, h->next + 1, 0);
	set_array(h, ERA_MAX_BLOCKS, root);
}

/* Every pointer of every leaf is a problem. */
static void many_problems(struct hostile *h)
{
	uint32_t first = h->next, nr = 16000;

	for (uint32_t i = 0; i < nr; i++)
		pointers(h, ROLE_ERA_NODE, NODE_LEAF, POINTERS, (uint64_t)i * POINTERS, UINT32_MAX, 1);
	set_array(h, ERA_MAX_BLOCKS, levels(h, ROLE_ERA_NODE, first, nr, POINTERS));
}

static void many_large_writesets(struct hostile *h)
{
	writeset_tree(h, 80, ERA_MAX_BLOCKS, NR_BLOCKS, 1);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, ROLE_ERA_NODE, sizeof(struct le64)));
}

static void many_bad_writesets(struct hostile *h)
{
	writeset_tree(h, 16000, UINT32_MAX, NR_BLOCKS, 1);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, ROLE_ERA_NODE, sizeof(struct le64)));
}

/* Sound writesets, 8040 of them, over an array that isn't there. */
static void many_small_writesets(struct hostile *h)
{
	uint32_t first = h->next, nr_leaves = 40;

	for (uint32_t i = 0; i < nr_leaves * WRITESETS; i++) {
		pointers(h, ROLE_BITSET_NODE, NODE_LEAF, 1, 0, h->next + 1, 0);
		bitset_block(h, 1, i);
	}
	writeset_tree(h, nr_leaves, 64, first, 2);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, ROLE_ERA_NODE, sizeof(struct le64)));
}

/* A large bitset that 8040 writesets have in common. */
static void shared_bitset(struct hostile *h)
{
	uint32_t first = h->next, nr = 60 * POINTERS, root, words = ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE);

	for (uint32_t i = 0; i < nr; i++)
		bitset_block(h, words, UINT64_C(0x5555555555555555));
	root = h->next;
	for (uint32_t i = 0; i < nr; i += POINTERS)
		pointers(h, ROLE_BITSET_NODE, NODE_LEAF, POINTERS, i, first + i, 1);
	root = levels(h, ROLE_BITSET_NODE, root, nr / POINTERS, POINTERS);
	writeset_tree(h, 40, nr * words * 64, root, 0);
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, ROLE_ERA_NODE, sizeof(struct le64)));
}

/* Every second block is known: as many stretches that are not. */
static void many_stretches(struct hostile *h)
{
	uint32_t first = h->next, nr = 60 * POINTERS, root, words = ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE);

	for (uint32_t i = 0; i < nr; i++)
		bitset_block(h, words, UINT64_C(0x5555555555555555));
	root = h->next;
	for (uint32_t i = 0; i < nr; i += POINTERS)
		pointers(h, ROLE_BITSET_NODE, NODE_LEAF, POINTERS, i, first + i, 1);
	superblock(h)->current_writeset.root =
		le64_make(levels(h, ROLE_BITSET_NODE, root, nr / POINTERS, POINTERS));
	superblock(h)->current_writeset.nr_bits = le32_make(nr * words * 64);
	set_array(h, nr * words * 64, NR_BLOCKS + 1);
}

/* All counts are 0, or those of the first nr blocks 1: as bits, the low one of each pair. */
static uint32_t bitmap(struct hostile *h, uint32_t nr)
{
	struct bitmap_disk *disk = (void *)h->block[h->next];

	for (uint32_t e = 0; e < nr; e += BITMAP_ENTRIES_PER_WORD)
		disk->words[e / BITMAP_ENTRIES_PER_WORD] = le64_make(UINT64_C(0xaaaaaaaaaaaaaaaa));
	return finish(h, ROLE_BITMAP);
}

static void index_of(struct hostile *h, uint32_t bitmap)
{
	struct index_disk *index = (void *)h->block[h->next];

	index->entry[0].blocknr = le64_make(bitmap);
	finish(h, ROLE_INDEX);
}

/* A space map of the largest size whose bitmaps are all one, and say "look in the ref-count tree". */
static void large_counts(struct hostile *h)
{
	struct superblock_disk *sb = superblock(h);
	struct bitmap_disk *disk = (void *)h->block[h->next];
	struct index_disk *index;
	uint32_t first, nr = 16000, max = NODE_MAX_ENTRIES(sizeof(struct le32));

	memset(disk->words, 0xff, sizeof(disk->words));
	finish(h, ROLE_BITMAP);
	index = (void *)h->block[h->next];
	for (uint32_t i = 0; i < INDEX_MAX_ENTRIES; i++)
		index->entry[i].blocknr = le64_make(h->next - 1);
	sb->sm.bitmap_root = le64_make(finish(h, ROLE_INDEX));
	sb->sm.nr_blocks = le64_make(SPACE_MAP_MAX_BLOCKS);
	first = h->next;
	for (uint32_t i = 0; i < nr; i++) {
		struct node_disk *node = begin_node(h, NODE_LEAF, sizeof(struct le32), max);
		struct le32 *count = values(node);

		for (uint32_t j = 0; j < max; j++) {
			keys(node)[j] = le64_make((uint64_t)i * max + j);
			count[j] = le32_make(UINT32_MAX);
		}
		finish(h, ROLE_REF_NODE);
	}
	sb->sm.ref_count_root = le64_make(levels(h, ROLE_REF_NODE, first, nr, max));
	set_array(h, ERA_MAX_BLOCKS, empty_leaf(h, ROLE_ERA_NODE, sizeof(struct le64)));
}

/* For a salvage: space maps that in turn have thousands of nodes in use, and none. */
static void many_space_maps(struct hostile *h)
{
	uint32_t root = h->next, nr = 8000, all, none;

	for (uint32_t i = 0; i < nr; i++)
		pointers(h, ROLE_ERA_NODE, NODE_INTERNAL, POINTERS, 0, 1, 1);
	all = bitmap(h, nr);
	none = bitmap(h, 0);
	while (h->next < NR_BLOCKS)
		index_of(h, h->next & 1 ? all : none);
	set_array(h, ERA_MAX_BLOCKS, root);
}

static const struct kind {
	const char *name;
	void (*make)(struct hostile *h);
} kinds[] = {
	{"claims", claims},
	{"shared-children", shared_children},
	{"deep-tree", deep_tree},
	{"many-problems", many_problems},
	{"many-large-writesets", many_large_writesets},
	{"many-bad-writesets", many_bad_writesets},
	{"many-small-writesets", many_small_writesets},
	{"many-stretches", many_stretches},
	{"shared-bitset", shared_bitset},
	{"large-counts", large_counts},
	{"many-space-maps", many_space_maps},
};

/* Takes the last block, whatever it was. */
static void hold_snapshot(struct hostile *h)
{
	h->next = NR_BLOCKS - 1;
	memcpy(h->block[h->next], h->block[0], META_BLOCK_SIZE);
	superblock(h)->metadata_snap = le64_make(finish(h, ROLE_SNAPSHOT));
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
	sb->sm.ref_count_root = le64_make(empty_leaf(h, ROLE_REF_NODE, sizeof(struct le32)));
	sb->writeset_tree_root =
		le64_make(empty_leaf(h, ROLE_WRITESET_NODE, sizeof(struct writeset_disk)));
	kind->make(h);
	if (nr_blocks && strtoul(nr_blocks, NULL, 10))
		sb->nr_blocks = le32_make((uint32_t)strtoul(nr_blocks, NULL, 10));
	if (held)
		hold_snapshot(h);
	blk_seal((struct blk_rw){0, sb}, ROLE_SUPERBLOCK);
}

int main(int argc, char **argv)
{
	struct hostile h = {calloc(NR_BLOCKS, META_BLOCK_SIZE), 1};
	FILE *file;

	if (!h.block)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (argc < 2)
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
