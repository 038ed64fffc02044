/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/image.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

#define NR_BASES 256u
#define MAX_PATCHES 64u
#define MAX_BYTES (16u << 20)

/* A role for each way that checksums are made. */
static const enum blk_role kinds[] = {ROLE_SUPERBLOCK, ROLE_ERA_NODE, ROLE_ERA, ROLE_BITMAP,
				      ROLE_INDEX};

struct image_base {
	uint8_t *data;
	size_t len;
	uint32_t *blocks; /* with a valid checksum */
	uint32_t nr_blocks;
};

static struct image_base bases[NR_BASES];

static const uint32_t kind_xor[] = {SUPERBLOCK_CSUM_XOR, NODE_CSUM_XOR, ARRAY_CSUM_XOR,
				    BITMAP_CSUM_XOR, INDEX_CSUM_XOR};

static enum blk_role find_kind(const uint8_t *block)
{
	const struct le32 *csum = (const void *)block;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (le32_get(*csum) == blk_checksum(block, kind_xor[i]))
			return kinds[i];
	return ROLE_NONE;
}

static void find_blocks(struct image_base *base)
{
	uint32_t nr = (uint32_t)(base->len / META_BLOCK_SIZE);

	base->blocks = calloc(nr, sizeof(*base->blocks));
	must(base->blocks);
	for (uint32_t i = 0; i < nr; i++)
		if (find_kind(base->data + (size_t)i * META_BLOCK_SIZE) != ROLE_NONE)
			base->blocks[base->nr_blocks++] = i;
	must(base->nr_blocks);
}

static void load(struct image_base *base, const char *path)
{
	gzFile file = gzopen(path, "rb");
	int n;

	base->data = malloc(MAX_BYTES);
	must(file && base->data);
	n = gzread(file, base->data, MAX_BYTES);
	must(n > 0 && n < (int)MAX_BYTES && n % (int)META_BLOCK_SIZE == 0);
	gzclose(file);
	base->len = (size_t)n;
	base->data = realloc(base->data, base->len);
	find_blocks(base);
}

static bool load_number(unsigned number)
{
	const char *top = getenv("abs_top_srcdir");
	char pattern[512];
	glob_t found;

	if (bases[number].data)
		return true;
	snprintf(pattern, sizeof(pattern), "%s/tests/images/%03u-*/image.gz", top ? top : ".",
		 number);
	if (glob(pattern, 0, NULL, &found))
		return false;
	load(&bases[number], found.gl_pathv[0]);
	globfree(&found);
	return true;
}

/* The base of that number, or of the next one below that there is. */
static const struct image_base *find_base(unsigned number)
{
	for (unsigned i = 0; i < NR_BASES; i++)
		if (load_number((number - i) % NR_BASES))
			return &bases[(number - i) % NR_BASES];
	must(!"there are images");
	return NULL;
}

struct patch {
	struct image *image;
	uint8_t *block;
	uint32_t where, value;
	enum blk_role kind; /* what the block will be sealed as; ROLE_NONE: not at all */
};

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
	patch->kind = ROLE_NONE;
}

static void change_size(struct patch *patch)
{
	size_t len = patch->value % (2 * patch->image->base->len / META_BLOCK_SIZE) *
		     META_BLOCK_SIZE;
	size_t old = patch->image->len;

	patch->image->data = realloc(patch->image->data, len + 1);
	must(patch->image->data);
	if (len > old)
		memset(patch->image->data + old, 0, len - old);
	patch->image->len = len;
	patch->kind = ROLE_NONE;
}

static const struct patch_kind {
	void (*apply)(struct patch *patch);
	bool evident;
} patch_kinds[] = {
	{put_number, false}, {put_large_number, false}, {put_key, false},
	{put_value, false},  {put_pointer, false},      {put_root, false},
	{copy_block, false}, {change_kind, false},      {flip_bits, true},
	{change_size, true},
};

static void limit_data_blocks(uint8_t *block)
{
	struct superblock_disk *sb = (void *)block;
	uint32_t nr = le32_get(sb->nr_blocks);

	if (nr <= ERA_MAX_BLOCKS && nr > IMAGE_MAX_DATA_BLOCKS)
		sb->nr_blocks = le32_make(nr % IMAGE_MAX_DATA_BLOCKS);
}

static void apply(struct image *image, struct input *input)
{
	const struct patch_kind *kind = &patch_kinds[input_take(input, 1) % ARRAY_SIZE(patch_kinds)];
	uint32_t nr = block_of_rank(image, (uint32_t)input_take(input, 2));
	struct patch patch = {
		.image = image,
		.where = (uint32_t)input_take(input, 2),
		.value = (uint32_t)input_take(input, 4),
	};

	if ((nr + UINT64_C(1)) * META_BLOCK_SIZE > image->len)
		return;
	patch.block = image->data + (size_t)nr * META_BLOCK_SIZE;
	patch.kind = find_kind(patch.block);
	kind->apply(&patch);
	image->evident = image->evident && kind->evident;
	if (patch.kind == ROLE_NONE)
		return;
	if (patch.kind == ROLE_SUPERBLOCK)
		limit_data_blocks(patch.block);
	blk_seal((struct blk_rw){nr, patch.block}, patch.kind);
}

void image_make(struct image *image, struct input *input)
{
	const struct image_base *base = find_base((unsigned)input_take(input, 1));

	*image = (struct image){
		.base = base,
		.data = malloc(base->len),
		.len = base->len,
		.evident = true,
	};
	must(image->data);
	memcpy(image->data, base->data, base->len);
	for (unsigned i = 0; i < MAX_PATCHES && input->len; i++)
		apply(image, input);
}

void image_free(struct image *image)
{
	free(image->data);
}

const uint8_t *image_original(const struct image *image, size_t *len)
{
	*len = image->base->len;
	return image->base->data;
}
