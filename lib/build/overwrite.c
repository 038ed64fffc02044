/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "build/overwrite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/content.h"
#include "metadata/recognise.h"
#include "metadata/superblock.h"
#include "ondisk/era_disk.h"

/* What a note calls it. */
static const char *const first_names[] = {
	[FIRST_SOUND] = "has a superblock of dm-era",
	[FIRST_DAMAGED] = "has a damaged superblock of dm-era",
	[FIRST_ZERO] = "is zero",
	[FIRST_STOPPED] = "is what a stopped writer of metadata leaves",
};

/* *sb is set if the superblock is sound. */
static int read_first(struct blk_dev *dev, enum first_block *first, struct superblock *sb)
{
	struct problem p;
	void *block;
	int r = superblock_read(dev, 0, BLOCK_SUPERBLOCK, sb, &p);

	*first = FIRST_SOUND;
	if (r != ERA_DAMAGED)
		return r;
	block = blk_alloc(1);
	if (!block)
		return report_nomem(dev->rep);
	r = blk_dev_read(dev, 0, 1, block);
	if (!r)
		*first = first_block_judge(block);
	free(block);
	if (r)
		return report_fail(dev->rep, ERA_SYS,
				   "%s: cannot read what it holds: %s; --force overwrites it",
				   dev->path, strerror(r));
	/* The magic is wrong, but the checksum is right. */
	if (*first == FIRST_OTHER && superblock_read_any(dev, 0, sb) > 0)
		*first = FIRST_DAMAGED;
	return 0;
}

static int refuse(struct blk_dev *dev, const char *name)
{
	return report_fail(dev->rep, ERA_SYS, "%s: holds %s; --force overwrites it", dev->path,
			   name);
}

static int check_sound(struct blk_dev *dev, const struct superblock *sb)
{
	return report_fail(dev->rep, ERA_SYS,
			   "%s: holds dm-era metadata: era %" PRIu32 ", %" PRIu32
			   " blocks of %" PRIu64 " bytes; --force overwrites them",
			   dev->path, sb->current_era, sb->nr_blocks, superblock_block_bytes(sb));
}

static int check_other(struct blk_dev *dev)
{
	struct content content;
	int r = content_find(dev, &content);

	if (r > 0)
		return refuse(dev, content.name);
	if (!r && !content_has_names())
		return refuse(dev, "something that can't be named without libblkid");
	return r;
}

/* The other first blocks leave no room for a signature of others, but a partition table fits beside
 * the magic of a superblock: it is what damaged it. */
static int check_own(struct blk_dev *dev, enum first_block first)
{
	struct content content;

	if (!content_guess(dev, &content))
		return 0;
	if (first == FIRST_DAMAGED && content.in_first_block)
		return refuse(dev, content.name);
	report_note(dev->rep,
		    "%s: has the signature of %s, but its first block %s: taken for a remnant",
		    dev->path, content.name, first_names[first]);
	return 0;
}

int era_check_overwrite(struct blk_dev *dev, bool keep_sound)
{
	enum first_block first;
	struct superblock sb;
	int r = dev->nr_blocks ? read_first(dev, &first, &sb) : 0;

	if (r || !dev->nr_blocks)
		return r;
	if (first == FIRST_SOUND && keep_sound)
		return check_sound(dev, &sb);
	return first == FIRST_OTHER ? check_other(dev) : check_own(dev, first);
}
