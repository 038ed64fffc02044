/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef HAVE_BLKID
#include <blkid.h>
#endif

#include "base/checked.h"
#include "base/io.h"
#include "block/content_file.h"
#include "ondisk/cache_disk.h"
#include "ondisk/era_disk.h"

#define THIN_MAGIC UINT64_C(27022010)
#define CLONE_MAGIC UINT64_C(0x8af27f64)

/* The superblocks of all these targets begin alike. */
static const struct {
	uint64_t magic;
	const char *name;
} targets[] = {
	{THIN_MAGIC, "metadata of dm-thin"},
	{CACHE_MAGIC, "metadata of dm-cache"},
	{CLONE_MAGIC, "metadata of dm-clone"},
};

static bool is_target(const void *data, size_t len, uint64_t magic)
{
	const struct superblock_disk *sb = data;

	return len >= sizeof(*sb) && le64_get(sb->magic) == magic;
}

static void name_file(const struct content_file *file, struct content *content)
{
	snprintf(content->name, sizeof(content->name), "%s", file->name);
	content->hint = file->hint;
}

bool content_begins(const void *data, size_t len, struct content *content)
{
	const struct content_file *file = content_file_find(data, len);
	struct content found = {.name = "XML", .in_first_block = true};
	bool is_known = file || content_is_xml(data, len);

	if (file)
		name_file(file, &found);
	for (size_t i = 0; i < ARRAY_SIZE(targets) && !is_known; i++) {
		is_known = is_target(data, len, targets[i].magic);
		snprintf(found.name, sizeof(found.name), "%s", targets[i].name);
	}
	if (is_known)
		*content = found;
	return is_known;
}

static int find_beginning(struct blk_dev *dev, struct content *content)
{
	void *block = blk_alloc(1);
	int r;

	if (!block)
		return report_nomem(dev->rep);
	r = blk_dev_read(dev, 0, 1, block);
	if (r)
		r = report_fail(dev->rep, ERA_SYS, "%s: cannot read: %s", dev->path, strerror(r));
	else
		r = content_begins(block, META_BLOCK_SIZE, content);
	free(block);
	return r;
}

#ifdef HAVE_BLKID

/* 8 MiB at the beginning and 2 MiB at the end. */
#define TABLE_BYTES (64u << 10)
#define HEAD_BLOCKS 2048u
#define TAIL_BLOCKS 512u

/* Types that people know by other names. */
static const struct {
	const char *type, *name;
} types[] = {
	{"crypto_LUKS", "a LUKS volume"},
	{"LVM2_member", "an LVM physical volume"},
	{"linux_raid_member", "a member of a Linux RAID"},
	{"swap", "swap space"},
	{"swsuspend", "swap space with a hibernated system"},
};

bool content_has_names(void)
{
	return true;
}

static const char *value_of(blkid_probe probe, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(probe, name, &value, NULL) ? NULL : value;
}

static const char *article(const char *word)
{
	return *word && strchr("aeioAEIOX", *word) ? "an" : "a";
}

static void name_type(const char *type, const char *usage, char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(type, types[i].type)) {
			snprintf(name, size, "%s", types[i].name);
			return;
		}
	if (usage && !strcmp(usage, "filesystem"))
		snprintf(name, size, "%s %s filesystem", article(type), type);
	else
		snprintf(name, size, "a volume of type %s", type);
}

static void name_it(blkid_probe probe, struct content *content)
{
	const char *type = value_of(probe, "TYPE"), *label = value_of(probe, "LABEL");
	const char *table = value_of(probe, "PTTYPE");
	char name[CONTENT_NAME_BYTES / 2] = "a signature without a name";

	if (type)
		name_type(type, value_of(probe, "USAGE"), name, sizeof(name));
	else if (table)
		snprintf(name, sizeof(name), "a partition table of type %s", table);
	snprintf(content->name, sizeof(content->name), "%s%s%s", name, label ? ", label " : "",
		 label ? label : "");
	content->hint = "is it the tracked device itself?";
}

static bool lies_in_first_block(blkid_probe probe)
{
	const char *at = value_of(probe, "SBMAGIC_OFFSET");

	if (!at)
		at = value_of(probe, "PTMAGIC_OFFSET");
	return !at || strtoull(at, NULL, 10) < META_BLOCK_SIZE;
}

static void ask_for(blkid_probe probe)
{
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
							 BLKID_SUBLKS_LABEL | BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
}

/* All signatures; the first one, or the first of those in the first block, is kept. */
static int probe_all(blkid_probe probe, struct content *content)
{
	bool found = false;
	int r;

	while (!(r = blkid_do_probe(probe))) {
		bool in_first = lies_in_first_block(probe);

		if (found && (content->in_first_block || !in_first))
			continue;
		name_it(probe, content);
		content->in_first_block = in_first;
		found = true;
	}
	return r < 0 ? r : found;
}

/* Reads nr blocks into the copy, at their place. */
static int copy_blocks(struct blk_dev *dev, int copy, uint64_t first, uint64_t nr)
{
	size_t len = (size_t)(nr * META_BLOCK_SIZE);
	void *data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, copy,
			  (off_t)(first * META_BLOCK_SIZE));
	int r;

	if (data == MAP_FAILED)
		return -1;
	r = blk_dev_read(dev, first, nr, data);
	munmap(data, len);
	return r;
}

static int probe_copy(struct blk_dev *dev, int copy, struct content *content)
{
	uint64_t head = min_u64(dev->nr_blocks, HEAD_BLOCKS);
	uint64_t tail = min_u64(dev->nr_blocks - head, TAIL_BLOCKS);
	blkid_probe probe;
	int r = -1;

	if (ftruncate(copy, (off_t)(dev->nr_blocks * META_BLOCK_SIZE)) ||
	    copy_blocks(dev, copy, 0, head) ||
	    (tail && copy_blocks(dev, copy, dev->nr_blocks - tail, tail)))
		return -1;
	probe = blkid_new_probe();
	if (probe && !blkid_probe_set_device(probe, copy, 0, 0)) {
		ask_for(probe);
		r = probe_all(probe, content);
	}
	blkid_free_probe(probe);
	return r;
}

/* libblkid would read through the page cache.  So it gets a copy in memory of those parts of the
 * device where signatures are. */
static int find_others(struct blk_dev *dev, struct content *content)
{
	int copy = memfd_create("content", MFD_CLOEXEC);
	int r = copy < 0 ? -1 : probe_copy(dev, copy, content);

	if (copy >= 0)
		close(copy);
	if (r < 0)
		return report_fail(dev->rep, ERA_SYS, "%s: cannot find out what it holds",
				   dev->path);
	return r;
}

static unsigned list_partitions(int copy, uint64_t *starts, unsigned max)
{
	blkid_probe probe = blkid_new_probe();
	blkid_partlist list = NULL;
	unsigned nr = 0;

	if (probe && !blkid_probe_set_device(probe, copy, 0, 0)) {
		blkid_probe_enable_partitions(probe, 1);
		list = blkid_probe_get_partitions(probe);
	}
	for (int i = 0; list && i < blkid_partlist_numof_partitions(list) && nr < max; i++) {
		blkid_partition one = blkid_partlist_get_partition(list, i);

		starts[nr++] = (uint64_t)blkid_partition_get_start(one) * SECTOR_SIZE;
	}
	blkid_free_probe(probe);
	return nr;
}

static bool copy_part(int fd, int copy, uint64_t at, uint64_t size)
{
	uint64_t len = min_u64(TABLE_BYTES, size - at);
	void *data = io_alloc(TABLE_BYTES);
	bool good = data && !io_read_at(fd, data, (size_t)len, (off_t)at) &&
		    !io_write_at(copy, data, (size_t)len, (off_t)at);

	free(data);
	return good;
}

/* From a copy in memory, as in find_others(): of both ends, where the tables are. */
unsigned content_partitions(int fd, uint64_t size, uint64_t *starts, unsigned max)
{
	uint64_t last = size > TABLE_BYTES ? size - TABLE_BYTES : 0;
	int copy = memfd_create("partitions", MFD_CLOEXEC);
	unsigned nr = 0;

	if (copy < 0)
		return 0;
	last = div_up(last, META_BLOCK_SIZE) * META_BLOCK_SIZE;
	if (!ftruncate(copy, (off_t)size) && copy_part(fd, copy, 0, size) &&
	    copy_part(fd, copy, last, size))
		nr = list_partitions(copy, starts, max);
	close(copy);
	return nr;
}

#else

unsigned content_partitions(int fd, uint64_t size, uint64_t *starts, unsigned max)
{
	(void)fd;
	(void)size;
	(void)starts;
	(void)max;
	return 0;
}

bool content_has_names(void)
{
	return false;
}

static int find_others(struct blk_dev *dev, struct content *content)
{
	(void)dev;
	(void)content;
	return 0;
}

#endif

int content_find(struct blk_dev *dev, struct content *content)
{
	struct content found = {.name = ""};
	enum progress_step step = dev->step;
	uint64_t done = dev->progress_done;
	int r;

	dev->step = PROGRESS_NONE;
	r = dev->nr_blocks ? find_beginning(dev, &found) : 0;
	if (!r && dev->nr_blocks)
		r = find_others(dev, &found);
	dev->step = step;
	dev->progress_done = done;
	if (r > 0)
		*content = found;
	return r;
}

bool content_guess(struct blk_dev *dev, struct content *content)
{
	const struct report *rep = dev->rep;
	int r;

	dev->rep = NULL;
	r = content_find(dev, content);
	dev->rep = rep;
	return r > 0;
}
