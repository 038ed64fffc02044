/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A metadata device: a block device or a regular file, as an array of metadata blocks.
 *
 * A block device is always read and written with O_DIRECT, since the kernel's target writes past
 * the page cache, and is opened exclusively unless it is shared.  A file has an open file
 * description lock instead: a shared one for readers, an exclusive one for writers, none if it is
 * shared.  A file with a loop device on top of it is refused if that device would be, and a loop
 * device if its file would be.
 */
#ifndef ERA_BLOCK_DEV_H
#define ERA_BLOCK_DEV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/newfile.h"
#include "base/report.h"

enum blk_access {
	BLK_READ,
	BLK_READ_SHARED, /* others may have it open for writing: an active target's metadata */
	BLK_WRITE,
	/* The same; they let it be for the moment, or leave that part of it alone. */
	BLK_WRITE_SHARED,
};

struct blk_dev;

/* How a device is read and written; those three return 0 or a positive errno.  The default is that
 * of a file or block device.  Tests replace it by a simulated device. */
struct blk_dev_ops {
	int (*read)(struct blk_dev *dev, void *data, size_t len, off_t at);
	int (*write)(struct blk_dev *dev, const void *data, size_t len, off_t at);
	int (*flush)(struct blk_dev *dev);
	/* May be NULL, see blk_dev_find_data(). */
	off_t (*find_data)(struct blk_dev *dev, off_t at);
};

struct blk_dev {
	const struct blk_dev_ops *ops;
	void *ctx; /* of a simulated device */
	int fd;
	bool created;	     /* by blk_dev_create() */
	struct newfile made; /* if so */
	char *path;
	uint64_t nr_blocks; /* how many whole metadata blocks it has */
	const struct report *rep;
	enum progress_step step;		/* what it is read for, see blk_dev_begin() */
	uint64_t progress_done, progress_total; /* in metadata blocks */
};

/* Opens an existing device.  rep must outlive *dev.  Errors are reported. */
int blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
		 const struct report *rep) must_check;

/* Creates a file of nr_blocks blocks, which gets its name when it is published.  Nothing may have
 * that name, or get it meanwhile. */
int blk_dev_create(struct blk_dev *dev, const char *path, uint64_t nr_blocks,
		   const struct report *rep) must_check;

/* A device of nr_blocks behind ops; nothing is opened or locked. */
int blk_dev_open_ops(struct blk_dev *dev, const char *path, uint64_t nr_blocks,
		     const struct blk_dev_ops *ops, void *ctx, const struct report *rep) must_check;

/* Duplicates a device that is open, with its lock, into *copy; each is to be closed. */
int blk_dev_dup(const struct blk_dev *dev, struct blk_dev *copy) must_check;

/* Closes the device; a closed or zeroed dev is left alone. */
void blk_dev_close(struct blk_dev *dev);

/* To be called when everything is written: gives a file made by blk_dev_create() its name,
 * permanently.  Does nothing for other devices. */
int blk_dev_publish(struct blk_dev *dev) must_check;

/* Removes the file if blk_dev_create() made it. */
void blk_dev_discard(struct blk_dev *dev);

/* Memory for nr blocks, aligned as O_DIRECT requires; free() it.  NULL if memory is exhausted. */
void *blk_alloc(uint64_t nr);

/* Reads blocks first .. first + nr - 1, which must be on the device, into data from blk_alloc().
 * Returns 0 or a positive errno; nothing is reported, since the caller knows what the blocks are.
 */
int blk_dev_read(struct blk_dev *dev, uint64_t first, uint64_t nr, void *data) must_check;

/* What is read from now on belongs to this step, which will read about nr blocks (0: unknown). */
void blk_dev_begin(struct blk_dev *dev, enum progress_step step, uint64_t nr);

/* Counts nr blocks as done without reading them. */
void blk_dev_advance(struct blk_dev *dev, uint64_t nr);

/* The first block from `from` on that is not in a hole of a sparse file, or nr_blocks.  Those
 * before it are zero.  Where nothing is known of holes it is `from`. */
uint64_t blk_dev_find_data(struct blk_dev *dev, uint64_t from);

/* Writes blocks in the same way; errors are reported, with the blocks.  ERA_NO_SPACE if the file
 * system or the thin volume has no space for them; some may have been written nevertheless. */
int blk_dev_write(struct blk_dev *dev, uint64_t first, uint64_t nr, const void *data) must_check;

/* When this returns 0, everything that was written is on the medium.  Otherwise it is unknown what
 * is, even if the flush failed for lack of space: that is ERA_SYS, too. */
int blk_dev_flush(struct blk_dev *dev) must_check;

#endif
