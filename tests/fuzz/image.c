/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tests/fuzz/image.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map.h"

#define NR_BASES 32u
#define LARGE_BYTES (1u << 20)
#define MAX_BYTES (16u << 20)

/* A type for each way that checksums are made. */
static const enum block_type kinds[] = {BLOCK_SUPERBLOCK, BLOCK_ERA_NODE, BLOCK_ERA, BLOCK_BITMAP,
					BLOCK_INDEX};

struct image_base {
	const char *path; /* NULL: there is none of that number */
	uint8_t *data;
	size_t len;
	uint8_t *patched;	  /* what image_make() gives out, of room() bytes */
	uint32_t max_data_blocks; /* what a superblock may say */
	uint32_t *blocks;	  /* with a valid checksum */
	uint32_t nr_blocks;
};

static struct image_base bases[NR_BASES];

static const uint32_t kind_xor[] = {SUPERBLOCK_CSUM_XOR, NODE_CSUM_XOR, ARRAY_CSUM_XOR,
				    BITMAP_CSUM_XOR, INDEX_CSUM_XOR};

static enum block_type find_kind(const uint8_t *block)
{
	const struct le32 *csum = (const void *)block;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (le32_get(*csum) == blk_checksum(block, kind_xor[i]))
			return kinds[i];
	return BLOCK_NONE;
}

static void find_blocks(struct image_base *base)
{
	uint32_t nr = (uint32_t)(base->len / META_BLOCK_SIZE);

	base->blocks = calloc(nr, sizeof(*base->blocks));
	must(base->blocks);
	for (uint32_t i = 0; i < nr; i++)
		if (find_kind(base->data + (size_t)i * META_BLOCK_SIZE) != BLOCK_NONE)
			base->blocks[base->nr_blocks++] = i;
	must(base->nr_blocks);
}

/* A patch may make the image larger than it was. */
static size_t room(const struct image_base *base)
{
	return 2 * base->len;
}

static void load(struct image_base *base)
{
	gzFile file = gzopen(base->path, "rb");
	const struct superblock_disk *sb;
	int n;

	base->data = malloc(MAX_BYTES);
	must(file && base->data);
	n = gzread(file, base->data, MAX_BYTES);
	must(n > 0 && n < (int)MAX_BYTES && n % (int)META_BLOCK_SIZE == 0);
	gzclose(file);
	base->len = (size_t)n;
	base->data = realloc(base->data, base->len);
	base->patched = calloc(1, room(base));
	must(base->data && base->patched);
	memcpy(base->patched, base->data, base->len);
	sb = (const void *)base->data;
	base->max_data_blocks = le32_get(sb->nr_blocks) > IMAGE_MIN_DATA_BLOCKS
					? le32_get(sb->nr_blocks)
					: IMAGE_MIN_DATA_BLOCKS;
	find_blocks(base);
}

static void find_bases(void)
{
	const char *top = getenv("abs_top_srcdir");
	char pattern[512];
	static glob_t found; /* the paths are kept */

	snprintf(pattern, sizeof(pattern), "%s/tests/images/*/image.gz", top ? top : ".");
	must(!glob(pattern, 0, NULL, &found));
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *folder = strstr(found.gl_pathv[i], "/tests/images/");
		unsigned long number = strtoul(folder + strlen("/tests/images/"), NULL, 10);

		must(number < NR_BASES);
		bases[number].path = found.gl_pathv[i];
	}
}

/* The base of that number, or of the next one below that there is.  A large one has to be asked for
 * by its very number, for it takes a hundred times as long. */
static struct image_base *find_base(unsigned number)
{
	static bool found;

	if (!found)
		find_bases();
	found = true;
	for (unsigned i = 0; i < NR_BASES; i++) {
		struct image_base *base = &bases[(number - i) % NR_BASES];

		if (base->path && !base->data)
			load(base);
		if (base->data && (base->len <= LARGE_BYTES || number < NR_BASES))
			return base;
	}
	must(false);
	return NULL;
}

struct patch {
	struct image *image;
	uint8_t *block;
	uint32_t nr, where, value;
	enum block_type kind; /* what the block will be sealed as; BLOCK_NONE: not at all */
};

/* Block nr, to be written to; NULL when the image is too small. */
static uint8_t *touch(struct image *image, uint64_t nr)
{
	if (nr >= image->len / META_BLOCK_SIZE)
		return NULL;
	must(image->nr_touched < ARRAY_SIZE(image->touched));
	image->touched[image->nr_touched++] = (uint32_t)nr;
	return image->data + nr * META_BLOCK_SIZE;
}

/* The number of the block of that rank. */
static uint32_t block_of_rank(const struct image *image, uint32_t rank)
{
	return image->base->blocks[rank % image->base->nr_blocks];
}

static void put32(struct patch *patch, size_t offset, uint32_t value)
{
	struct le32 le = le32_make(value);

	memcpy(patch->block + offset % (META_BLOCK_SIZE - sizeof(le)), &le, sizeof(le));
}

static void put64(struct patch *patch, size_t offset, uint64_t value)
{
	struct le64 le = le64_make(value);

	memcpy(patch->block + offset % (META_BLOCK_SIZE - sizeof(le)), &le, sizeof(le));
}

static void put_number(struct patch *patch)
{
	put32(patch, patch->where, patch->value);
}

static void put_large_number(struct patch *patch)
{
	put64(patch, patch->where, (uint64_t)(int64_t)(int32_t)patch->value);
}

static void put_key(struct patch *patch)
{
	put64(patch, sizeof(struct node_disk) + 8u * patch->where, patch->value);
}

/* Offset of the value in a node. */
static size_t value_offset(const struct patch *patch)
{
	const struct node_disk *node = (const void *)patch->block;

	return sizeof(*node) + 8u * (size_t)(le32_get(node->max_entries) % META_BLOCK_SIZE) +
	       (size_t)(le32_get(node->value_size) % META_BLOCK_SIZE) * patch->where;
}

static void put_value(struct patch *patch)
{
	put32(patch, value_offset(patch), patch->value);
}

static void put_pointer(struct patch *patch)
{
	put64(patch, value_offset(patch), block_of_rank(patch->image, patch->value));
}

static void put_root(struct patch *patch)
{
	static const size_t roots[] = {
		offsetof(struct superblock_disk, current_writeset.root),
		offsetof(struct superblock_disk, writeset_tree_root),
		offsetof(struct superblock_disk, era_array_root),
		offsetof(struct superblock_disk, metadata_snap),
		offsetof(struct superblock_disk, sm.bitmap_root),
		offsetof(struct superblock_disk, sm.ref_count_root),
	};

	put64(patch, roots[patch->where % ARRAY_SIZE(roots)],
	      block_of_rank(patch->image, patch->value));
}

static void copy_block(struct patch *patch)
{
	size_t from = (size_t)block_of_rank(patch->image, patch->value) * META_BLOCK_SIZE;

	if (from + META_BLOCK_SIZE > patch->image->len)
		return;
	patch->kind = find_kind(patch->image->data + from);
	memmove(patch->block, patch->image->data + from, META_BLOCK_SIZE);
}

static void change_kind(struct patch *patch)
{
	patch->kind = kinds[patch->value % ARRAY_SIZE(kinds)];
}

static void flip_bits(struct patch *patch)
{
	patch->block[patch->where % META_BLOCK_SIZE] ^= (uint8_t)(patch->value | 1);
	patch->kind = BLOCK_NONE;
}

static void fail_to_read(struct patch *patch)
{
	patch->image->bad[patch->image->nr_bad++] = patch->nr;
	patch->kind = BLOCK_NONE;
}

static void change_size(struct patch *patch)
{
	struct image *image = patch->image;
	size_t len = patch->value % (room(image->base) / META_BLOCK_SIZE) * META_BLOCK_SIZE;

	if (len > image->len)
		memset(image->data + image->len, 0, len - image->len);
	image->len = len;
	image->resized = true;
	patch->kind = BLOCK_NONE;
}

static void limit_data_blocks(const struct image *image, struct superblock_disk *sb)
{
	uint32_t nr = le32_get(sb->nr_blocks), max = image->base->max_data_blocks;

	if (nr <= ERA_MAX_BLOCKS && nr > max)
		sb->nr_blocks = le32_make(nr % max);
}

/* The block, whatever it was, sealed as type. */
static void seal(struct image *image, uint64_t nr, enum block_type type)
{
	void *block = image->data + nr * META_BLOCK_SIZE;

	if (type == BLOCK_SUPERBLOCK)
		limit_data_blocks(image, block);
	blk_seal((struct blk_rw){nr, block}, type);
}

static void add32(struct le32 *le, uint32_t n)
{
	*le = le32_make(le32_get(*le) + n);
}

/* What the superblock and the index say of how many blocks are free goes along. */
static void set_count(struct image *image, uint32_t nr, uint32_t count)
{
	struct superblock_disk *sb = (void *)touch(image, 0);
	uint64_t index_nr = sb ? le64_get(sb->sm.bitmap_root) : 0;
	struct index_disk *index = (void *)touch(image, index_nr);
	uint64_t bitmap_nr = index ? le64_get(index->entry[0].blocknr) : 0;
	struct bitmap_disk *bitmap = (void *)touch(image, bitmap_nr);
	uint32_t before, delta;

	if (!index_nr || !bitmap_nr || index_nr == bitmap_nr || !bitmap || nr >= BITMAP_ENTRIES)
		return;
	before = bitmap_get_count(bitmap, nr);
	((uint8_t *)bitmap->words)[nr / 4] &= (uint8_t) ~(3u << (2 * (nr % 4)));
	bitmap_set_count(bitmap, nr, count);
	delta = (uint32_t)(count > 0) - (uint32_t)(before > 0);
	sb->sm.nr_allocated = le64_make(le64_get(sb->sm.nr_allocated) + (uint64_t)(int32_t)delta);
	add32(&index->entry[0].nr_free, -delta);
	seal(image, bitmap_nr, BLOCK_BITMAP);
	seal(image, index_nr, BLOCK_INDEX);
	seal(image, 0, BLOCK_SUPERBLOCK);
}

/* A key and its value, in the order of the keys. */
static void add_count(struct node_disk *leaf, uint32_t nr, uint32_t count)
{
	uint32_t max = NODE_MAX_ENTRIES(sizeof(struct le32)), i = le32_get(leaf->nr_entries);
	struct le64 *keys = (void *)(leaf + 1);
	struct le32 *counts = (void *)(keys + max);

	if (i >= max)
		return;
	leaf->nr_entries = le32_make(i + 1);
	for (; i && le64_get(keys[i - 1]) > nr; i--) {
		keys[i] = keys[i - 1];
		counts[i] = counts[i - 1];
	}
	keys[i] = le64_make(nr);
	counts[i] = le32_make(count);
}

/* One that is too large for a bitmap. */
static void add_to_ref_tree(struct image *image, uint32_t nr, uint32_t count)
{
	const struct superblock_disk *sb = (const void *)touch(image, 0);
	uint64_t root = sb ? le64_get(sb->sm.ref_count_root) : 0;
	uint8_t *leaf = touch(image, root);

	if (!leaf || find_kind(leaf) != BLOCK_ERA_NODE)
		return;
	add_count((void *)leaf, nr, count);
	seal(image, root, BLOCK_REF_NODE);
}

static void change_count(struct patch *patch)
{
	uint32_t count = patch->value;

	patch->kind = BLOCK_NONE;
	if (count >= BITMAP_LOOK_IN_TREE)
		add_to_ref_tree(patch->image, patch->nr, count);
	set_count(patch->image, patch->nr, count);
}

/* A block from the end of the image, where small images have free ones. */
static uint32_t new_block(struct image *image)
{
	uint32_t nr = (uint32_t)(image->len / META_BLOCK_SIZE) - 1 - image->nr_added++;

	memset(touch(image, nr), 0, META_BLOCK_SIZE);
	set_count(image, nr, 1);
	return nr;
}

static void add_child(struct node_disk *parent, const struct node_disk *child, uint64_t nr)
{
	uint32_t max = NODE_MAX_ENTRIES(sizeof(struct le64)), i = le32_get(parent->nr_entries);
	struct le64 *keys = (void *)(parent + 1);
	const struct le64 *child_keys = (const void *)(child + 1);

	parent->flags = le32_make(NODE_INTERNAL);
	parent->max_entries = le32_make(max);
	parent->value_size = le32_make(sizeof(struct le64));
	parent->nr_entries = le32_make(i + 1);
	keys[i] = child_keys[0];
	keys[max + i] = le64_make(nr);
}

/* The upper half of a node's entries goes to another one. */
static void split(struct node_disk *node, struct node_disk *right)
{
	uint32_t nr = le32_get(node->nr_entries), max = le32_get(node->max_entries), left = nr / 2;
	uint32_t value_size = le32_get(node->value_size);
	const uint8_t *keys = (const uint8_t *)(node + 1), *values = keys + (size_t)max * 8;
	uint8_t *to = (uint8_t *)(right + 1);

	memcpy(right, node, sizeof(*node));
	memcpy(to, keys + (size_t)left * 8, (size_t)(nr - left) * 8);
	memcpy(to + (size_t)max * 8, values + (size_t)left * value_size,
	       (size_t)(nr - left) * value_size);
	node->nr_entries = le32_make(left);
	right->nr_entries = le32_make(nr - left);
}

static bool is_node(const struct node_disk *node)
{
	uint32_t nr = le32_get(node->nr_entries), max = le32_get(node->max_entries);

	return find_kind((const uint8_t *)node) == BLOCK_ERA_NODE && nr && nr <= max &&
	       max <= NODE_MAX_ENTRIES(4) && le32_get(node->value_size) <= 12 &&
	       max <= NODE_MAX_ENTRIES(le32_get(node->value_size));
}

/* A root gets a node above it; and if it has two entries at least, a sibling. */
static void add_level(struct patch *patch)
{
	struct image *image = patch->image;
	struct superblock_disk *sb = (void *)touch(image, 0);
	struct le64 *const roots[] = {&sb->writeset_tree_root, &sb->era_array_root,
				      &sb->current_writeset.root};
	struct le64 *root = roots[patch->where % ARRAY_SIZE(roots)];
	uint64_t left_nr = le64_get(*root);
	struct node_disk *left = (void *)touch(image, left_nr), *right, *parent;
	uint64_t nr_blocks = image->len / META_BLOCK_SIZE;
	uint64_t nr_free_from = nr_blocks - image->nr_added - 2;
	uint32_t right_nr, parent_nr;

	patch->kind = BLOCK_NONE;
	if (!left || !is_node(left) || left_nr >= nr_free_from || image->nr_added > nr_blocks / 4)
		return;
	parent_nr = new_block(image);
	parent = (void *)(image->data + (size_t)parent_nr * META_BLOCK_SIZE);
	add_child(parent, left, left_nr);
	if (patch->value % 2 && le32_get(left->nr_entries) > 1) {
		right_nr = new_block(image);
		right = (void *)(image->data + (size_t)right_nr * META_BLOCK_SIZE);
		split(left, right);
		add_child(parent, right, right_nr);
		seal(image, left_nr, BLOCK_ERA_NODE);
		seal(image, right_nr, BLOCK_ERA_NODE);
	}
	seal(image, parent_nr, BLOCK_ERA_NODE);
	*root = le64_make(parent_nr);
	seal(image, 0, BLOCK_SUPERBLOCK);
}

static const struct patch_kind {
	void (*apply)(struct patch *patch);
	bool evident;
} patch_kinds[] = {
	{put_number, false},  {put_large_number, false}, {put_key, false},
	{put_value, false},   {put_pointer, false},	 {put_root, false},
	{copy_block, false},  {change_kind, false},	 {flip_bits, true},
	{change_size, true},  {change_count, false},	 {add_level, false},
	{fail_to_read, true},
};

static void apply(struct image *image, struct input *input)
{
	const struct patch_kind *kind =
		&patch_kinds[input_take(input, 1) % ARRAY_SIZE(patch_kinds)];
	uint32_t nr = block_of_rank(image, (uint32_t)input_take(input, 2));
	struct patch patch = {
		.image = image,
		.nr = nr,
		.where = (uint32_t)input_take(input, 2),
		.value = (uint32_t)input_take(input, 4),
	};

	patch.block = touch(image, nr);
	if (!patch.block)
		return;
	patch.kind = find_kind(patch.block);
	kind->apply(&patch);
	image->evident = image->evident && kind->evident;
	if (patch.kind != BLOCK_NONE)
		seal(image, nr, patch.kind);
}

void image_make(struct image *image, struct input *input)
{
	const struct image_base *base = find_base((unsigned)input_take(input, 1));

	*image = (struct image){.base = base,
				.data = base->patched,
				.len = base->len,
				.evident = true};
	for (unsigned i = 0; i < IMAGE_MAX_PATCHES && input->len; i++)
		apply(image, input);
}

void image_undo(struct image *image)
{
	const struct image_base *base = image->base;

	if (image->resized) {
		memcpy(image->data, base->data, base->len);
		return;
	}
	for (unsigned i = 0; i < image->nr_touched; i++) {
		size_t at = (size_t)image->touched[i] * META_BLOCK_SIZE;

		memcpy(image->data + at, base->data + at, META_BLOCK_SIZE);
	}
}

const uint8_t *image_original(const struct image *image, size_t *len)
{
	*len = image->base->len;
	return image->base->data;
}
