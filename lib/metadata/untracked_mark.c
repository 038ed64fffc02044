/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/untracked_mark.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "block/crc.h"
#include "metadata/superblock.h"

#define MAGIC "era-tools untracked 1\n"
#define MAGIC_BYTES 24u
#define BLOCK_BYTES 4096u
#define AT_IN_SUPERBLOCK 448u
#define IN_REST (AT_IN_SUPERBLOCK - SUPERBLOCK_REST_AT)

struct mark_disk {
	char magic[MAGIC_BYTES];
	char since[UNTRACKED_SINCE_BYTES];
	struct le32 csum; /* of what is before it */
};

_Static_assert(sizeof(struct mark_disk) == 60, "as doc/state.md has it");
_Static_assert(IN_REST + sizeof(struct mark_disk) <= SUPERBLOCK_REST_BYTES, "has room there");

static uint32_t checksum(const struct mark_disk *mark)
{
	return ~crc32c(UINT32_MAX, mark, offsetof(struct mark_disk, csum));
}

static bool is_sound(const struct mark_disk *mark)
{
	return !strncmp(mark->magic, MAGIC, MAGIC_BYTES) &&
	       memchr(mark->since, '\0', sizeof(mark->since)) &&
	       le32_get(mark->csum) == checksum(mark);
}

/* Is it one, though it may be damaged? */
static bool is_mark(const struct mark_disk *mark)
{
	static const char magic[MAGIC_BYTES] = MAGIC;
	unsigned nr_right = 0;

	for (unsigned i = 0; i < MAGIC_BYTES; i++)
		nr_right += mark->magic[i] == magic[i];
	return nr_right >= MAGIC_BYTES / 2;
}

static int write_end(struct blk_dev *dev, const struct mark_disk *mark)
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

/* A damaged one is left as it is. */
static int write_superblock(struct blk_dev *dev, const struct mark_disk *mark)
{
	struct superblock sb;
	struct problem p;
	int r = superblock_read(dev, 0, BLOCK_SUPERBLOCK, &sb, &p);

	if (r)
		return r == ERA_DAMAGED ? 0 : r;
	memcpy(sb.rest + IN_REST, mark, sizeof(*mark));
	return superblock_replace_rest(dev, sb.rest);
}

int untracked_mark_write(struct blk_dev *dev, const char *since, bool at_end)
{
	struct mark_disk mark = {.magic = MAGIC};
	int r;

	snprintf(mark.since, sizeof(mark.since), "%s", since);
	mark.csum = le32_make(checksum(&mark));
	r = at_end ? write_end(dev, &mark) : 0;
	return r ? r : write_superblock(dev, &mark);
}

/* Both places, or zeroes where there is none. */
struct marks {
	struct mark_disk end, superblock;
};

/* A superblock that can't be read has none. */
static int read_places(struct blk_dev *dev, uint8_t *block, struct marks *marks)
{
	int r;

	if (!blk_dev_read(dev, 0, 1, block))
		memcpy(&marks->superblock, block + AT_IN_SUPERBLOCK, sizeof(marks->superblock));
	r = blk_dev_read(dev, dev->nr_blocks - 1, 1, block);
	if (r)
		return report_fail(dev->rep, ERA_SYS, "%s: cannot read its last block: %s",
				   dev->path, strerror(r));
	memcpy(&marks->end, block, sizeof(marks->end));
	return 0;
}

static int read_marks(struct blk_dev *dev, struct marks *marks)
{
	void *block = blk_alloc(1);
	int r;

	*marks = (struct marks){.end = {.magic = ""}};
	if (!block)
		return report_nomem(dev->rep);
	r = dev->nr_blocks ? read_places(dev, block, marks) : 0;
	free(block);
	return r;
}

int untracked_mark_read(struct blk_dev *dev, char since[UNTRACKED_SINCE_BYTES])
{
	const struct mark_disk *mark;
	struct marks marks;
	int r = read_marks(dev, &marks);

	if (r)
		return r;
	mark = is_sound(&marks.end) ? &marks.end : &marks.superblock;
	if (is_sound(mark))
		memcpy(since, mark->since, UNTRACKED_SINCE_BYTES);
	else
		strcpy(since, UNTRACKED_UNKNOWN_TIME);
	return is_mark(&marks.end) || is_mark(&marks.superblock);
}

int untracked_mark_keep(struct blk_dev *dev, struct superblock *sb)
{
	const struct mark_disk *mark;
	uint8_t *block = blk_alloc(1);

	if (!block)
		return report_nomem(dev->rep);
	mark = (const void *)(block + AT_IN_SUPERBLOCK);
	if (!blk_dev_read(dev, 0, 1, block) && is_mark(mark))
		memcpy(sb->rest + IN_REST, mark, sizeof(*mark));
	free(block);
	return 0;
}

int untracked_mark_clear(struct blk_dev *dev)
{
	static const struct mark_disk none;
	struct marks marks;
	int r = read_marks(dev, &marks);

	if (!r && is_mark(&marks.end))
		r = write_end(dev, &none);
	if (!r && is_mark(&marks.superblock))
		r = write_superblock(dev, &none);
	return r;
}
