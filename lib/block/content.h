/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a device or file holds, by the signatures of others: metadata of other targets by their
 * superblock, files that are no device by their beginning, everything else by libblkid, if it is
 * there.
 */
#ifndef ERA_BLOCK_CONTENT_H
#define ERA_BLOCK_CONTENT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "block/dev.h"

#define CONTENT_NAME_BYTES 320u

struct content {
	/* As in "an ext4 filesystem, label data"; may hold anything. */
	char name[CONTENT_NAME_BYTES];
	bool in_first_block; /* where a signature lies */
	const char *hint;    /* for a reader who took it for metadata; may be NULL */
};

/* Can anything be recognised by libblkid? */
bool content_has_names(void) must_check;

/* Returns 1 with *content set, 0 if there is no signature that is known, or ERA_SYS, reported.  One
 * in the first block comes before others. */
int content_find(struct blk_dev *dev, struct content *content) must_check;

/* The same, where nothing depends on it: an error, which is not reported, is nothing found. */
bool content_guess(struct blk_dev *dev, struct content *content) must_check;

/* Where the partitions of a device begin, in bytes; its size is in bytes, too.  Returns how many of
 * them are in starts: 0 also without libblkid, and where the device can't be read. */
unsigned content_partitions(int fd, uint64_t size, uint64_t *starts, unsigned max);

/* What data begin with; without libblkid, and of a block or less. */
bool content_begins(const void *data, size_t len, struct content *content) must_check;

#endif
