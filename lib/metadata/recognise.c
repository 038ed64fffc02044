/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metadata/recognise.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/blk.h"
#include "block/dev.h"
#include "ondisk/era_disk.h"

#define XML_SNIFF_BYTES sizeof(struct superblock_disk)

/* A superblock begins with its checksum, which may look like anything. */
static bool has_magic(const char *text, size_t len)
{
	struct superblock_disk sb;

	if (len < sizeof(sb))
		return false;
	memcpy(&sb, text, sizeof(sb));
	return le64_get(sb.magic) == ERA_MAGIC;
}

static bool looks_like_xml(const char *text, size_t len)
{
	size_t i = 0;

	if (has_magic(text, len))
		return false;
	while (i < len && strchr(" \t\r\n", text[i]))
		i++;
	return i + 1 < len && text[i] == '<' &&
	       (text[i + 1] == 's' || text[i + 1] == '?' || text[i + 1] == '!');
}

int era_look_like_metadata(struct blk_dev *dev)
{
	char text[XML_SNIFF_BYTES];
	ssize_t n;
	void *block;
	int error = 0;

	if (!dev->nr_blocks) {
		n = pread(dev->fd, text, sizeof(text), 0);
	} else {
		block = blk_alloc(1);
		if (!block)
			return report_nomem(dev->rep);
		error = blk_dev_read(dev, 0, 1, block);
		memcpy(text, block, sizeof(text));
		free(block);
		n = error ? 0 : (ssize_t)sizeof(text);
	}
	if (n > 0 && looks_like_xml(text, (size_t)n))
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: This looks like XML.  This tool only supports the binary "
				   "metadata format.",
				   dev->path);
	if (!dev->nr_blocks)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: Metadata device/file too small.  Is this binary metadata?",
				   dev->path);
	return 0;
}
