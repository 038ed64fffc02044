/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/recognise.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/next_step.h"
#include "block/blk.h"
#include "block/content.h"
#include "block/content_file.h"
#include "block/dev.h"
#include "ondisk/era_disk.h"

static bool is_filled(const uint8_t *block, size_t len, uint8_t with)
{
	return block[0] == with && !memcmp(block, block + 1, len - 1);
}

enum first_block first_block_judge(const void *block)
{
	const struct superblock_disk *sb = block;

	if (is_filled(block, META_BLOCK_SIZE, 0))
		return FIRST_ZERO;
	if (is_filled(block, sizeof(*sb), 0xff))
		return FIRST_STOPPED;
	return le64_get(sb->magic) == ERA_MAGIC ? FIRST_DAMAGED : FIRST_OTHER;
}

bool era_has_magic(struct blk_dev *dev)
{
	struct superblock_disk *sb = dev->nr_blocks ? blk_alloc(1) : NULL;
	bool has = sb && !blk_dev_read(dev, 0, 1, sb) && le64_get(sb->magic) == ERA_MAGIC;

	free(sb);
	return has;
}

/* A file may be shorter than a block.  Returns how many bytes there are, or a negative error. */
static ssize_t read_first(struct blk_dev *dev, void *block)
{
	if (!dev->nr_blocks)
		return pread(dev->fd, block, META_BLOCK_SIZE, 0);
	return blk_dev_read(dev, 0, 1, block) ? -1 : (ssize_t)META_BLOCK_SIZE;
}

static int refuse_small(struct blk_dev *dev, const void *data, size_t len)
{
	struct content content = {.name = "nothing"};
	bool is_known = !len || content_begins(data, len, &content);

	return report_fail(dev->rep, ERA_DAMAGED,
			   "%s: Metadata device/file too small.  Is this binary metadata?%s%s%s%s",
			   dev->path, is_known ? "  It holds " : "", is_known ? content.name : "",
			   content.hint ? ": " : "", content.hint ? content.hint : "");
}

int era_look_like_metadata(struct blk_dev *dev)
{
	void *block = blk_alloc(1);
	ssize_t n;
	int r = 0;

	if (!block)
		return report_nomem(dev->rep);
	n = read_first(dev, block);
	if (n > 0 && content_is_xml(block, (size_t)n))
		r = report_fail(dev->rep, ERA_DAMAGED,
				"%s: This looks like XML.  This tool only supports the binary "
				"metadata format.",
				dev->path);
	else if (!dev->nr_blocks)
		r = refuse_small(dev, block, n > 0 ? (size_t)n : 0);
	free(block);
	return r;
}

struct finding {
	enum first_block first;
	bool has_content;
	struct content content;
};

static int look(struct blk_dev *dev, struct finding *f)
{
	void *block = blk_alloc(1);
	int error;

	if (!block)
		return report_nomem(dev->rep);
	error = blk_dev_read(dev, 0, 1, block);
	f->first = error ? FIRST_OTHER : first_block_judge(block);
	free(block);
	f->has_content = content_guess(dev, &f->content);
	return 0;
}

/* A signature that lies elsewhere says nothing of a first block of dm-era's own. */
static bool is_named(const struct finding *f)
{
	return f->has_content &&
	       (f->first == FIRST_OTHER || f->first == FIRST_ZERO || f->content.in_first_block);
}

/* One that lies elsewhere may also be a remnant, on a device whose superblock was destroyed. */
static int refuse_named(struct blk_dev *dev, const struct finding *f)
{
	const struct content *content = &f->content;

	if (f->first == FIRST_DAMAGED)
		return report_fail(
			dev->rep, ERA_DAMAGED,
			"%s: holds a superblock of dm-era with %s written over it: " NEXT_SALVAGE,
			dev->path, content->name);
	if (!content->in_first_block)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: has the signature of %s, and no superblock of dm-era; if "
				   "there were metadata, " NEXT_SALVAGE,
				   dev->path, content->name);
	return report_fail(dev->rep, ERA_DAMAGED, "%s: holds %s, and no dm-era metadata%s%s",
			   dev->path, content->name, content->hint ? ": " : "",
			   content->hint ? content->hint : "");
}

/* What is said of a first block without a signature. */
static const char *const first_texts[] = {
	[FIRST_DAMAGED] = "the superblock is damaged: " NEXT_SALVAGE,
	[FIRST_ZERO] =
		"holds no dm-era metadata: its first block is all zeroes: the kernel formats "
		"it at first use; if there were metadata, " NEXT_SALVAGE,
	[FIRST_STOPPED] = "holds no dm-era metadata: its first block is what " ERA_PROGRAM
			  " format, restore or repair leaves when it is stopped: run it again",
	[FIRST_OTHER] = "holds nothing that is known: if there were metadata, " NEXT_SALVAGE,
};

static int refuse(struct blk_dev *dev)
{
	struct finding f;
	int r = look(dev, &f);

	if (r)
		return r;
	if (is_named(&f))
		return refuse_named(dev, &f);
	return report_fail(dev->rep, ERA_DAMAGED, "%s: %s", dev->path, first_texts[f.first]);
}

int first_block_refuse(struct blk_dev *dev, const struct problem *p)
{
	if (p->code == PROBLEM_READ)
		return problem_error(p);
	if (p->code == PROBLEM_VERSION)
		return report_fail(
			dev->rep, ERA_DAMAGED,
			"%s: holds metadata of another version of dm-era: " NEXT_FULL_BACKUP,
			dev->path);
	return refuse(dev);
}

void first_block_note(struct blk_dev *dev)
{
	struct finding f;

	if (!look(dev, &f) && is_named(&f))
		report_note(dev->rep, "%s: %s %s", dev->path,
			    f.content.in_first_block ? "holds" : "has the signature of",
			    f.content.name);
}
