/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/dev.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/io.h"
#include "block/loop.h"
#include "ondisk/era_disk.h"

#define CREATE_MODE 0666

static int fail(struct blk_dev *dev, const char *what)
{
	return report_errno(dev->rep, dev->path, what);
}

static int fd_read(struct blk_dev *dev, void *data, size_t len, off_t at)
{
	return io_read_at(dev->fd, data, len, at);
}

static int fd_write(struct blk_dev *dev, const void *data, size_t len, off_t at)
{
	return io_write_at(dev->fd, data, len, at);
}

static int fd_flush(struct blk_dev *dev)
{
	return fsync(dev->fd) ? errno : 0;
}

/* A block device knows nothing of holes, and says so by another error. */
static off_t fd_find_data(struct blk_dev *dev, off_t at)
{
	off_t data = lseek(dev->fd, at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? INT64_MAX : at;
	return data;
}

static const struct blk_dev_ops fd_ops = {fd_read, fd_write, fd_flush, fd_find_data};

static bool is_shared(enum blk_access access)
{
	return access == BLK_READ_SHARED || access == BLK_WRITE_SHARED;
}

static bool is_write(enum blk_access access)
{
	return access == BLK_WRITE || access == BLK_WRITE_SHARED;
}

static int open_flags(enum blk_access access, bool is_device)
{
	int flags = (is_write(access) ? O_RDWR : O_RDONLY) | O_CLOEXEC;

	if (is_device)
		flags |= O_DIRECT | (is_shared(access) ? 0 : O_EXCL);
	return flags;
}

static int busy(struct blk_dev *dev, enum blk_access access)
{
	return report_fail(dev->rep, ERA_SYS, "%s: is in use%s", dev->path,
			   access == BLK_WRITE ? ""
					       : ": stop what uses it, or take a metadata snapshot "
						 "and read that (--metadata-snapshot)");
}

static short lock_type(enum blk_access access)
{
	return is_write(access) ? F_WRLCK : F_RDLCK;
}

static int lock_file(struct blk_dev *dev, enum blk_access access)
{
	struct flock lock = {.l_type = lock_type(access), .l_whence = SEEK_SET};

	if (is_shared(access) || !fcntl(dev->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return busy(dev, access);
	return fail(dev, "cannot lock");
}

/* A file is used as its loop device is.  Where the process may not ask how, it may still read,
 * since device mapper, which writes metadata, shows in sysfs. */
static int check_loop(struct blk_dev *dev, const struct stat *st, enum blk_access access)
{
	enum loop_use use = is_shared(access) ? LOOP_UNUSED : loop_find_use(st);

	if (use == LOOP_BUSY)
		return busy(dev, access);
	if (use == LOOP_UNKNOWN && access == BLK_WRITE)
		return report_fail(
			dev->rep, ERA_SYS,
			"%s: a loop device stands for it, and may not be asked whether it "
			"is in use",
			dev->path);
	return 0;
}

static int check_file_of_loop(struct blk_dev *dev, const struct stat *st, enum blk_access access)
{
	if (!is_shared(access) && loop_file_is_locked(dev->fd, st, lock_type(access)))
		return busy(dev, access);
	return 0;
}

static int lock(struct blk_dev *dev, const struct stat *st, enum blk_access access)
{
	int r;

	if (S_ISBLK(st->st_mode))
		return check_file_of_loop(dev, st, access);
	r = lock_file(dev, access);
	return r ? r : check_loop(dev, st, access);
}

static int find_size(struct blk_dev *dev, const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_size;

	if (S_ISBLK(st->st_mode) && ioctl(dev->fd, BLKGETSIZE64, &bytes))
		return fail(dev, "cannot find its size");
	dev->nr_blocks = bytes / META_BLOCK_SIZE;
	return 0;
}

/* The type is looked at first, since opening a FIFO or a terminal may wait for ever. */
static int look_and_open(struct blk_dev *dev, enum blk_access access)
{
	struct stat st, opened;
	int r;

	if (stat(dev->path, &st))
		return fail(dev, "cannot open");
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return report_fail(dev->rep, ERA_SYS, "%s: Not a block device or regular file",
				   dev->path);
	dev->fd = open(dev->path, open_flags(access, S_ISBLK(st.st_mode)) | O_NONBLOCK);
	if (dev->fd < 0 && errno == EBUSY)
		return busy(dev, access);
	if (dev->fd < 0 || fstat(dev->fd, &opened))
		return fail(dev, "cannot open");
	if ((opened.st_mode & S_IFMT) != (st.st_mode & S_IFMT))
		return report_fail(dev->rep, ERA_SYS, "%s: changed while it was being opened",
				   dev->path);
	r = lock(dev, &opened, access);
	return r ? r : find_size(dev, &opened);
}

static int init(struct blk_dev *dev, const char *path, const struct report *rep)
{
	*dev = (struct blk_dev){.ops = &fd_ops, .fd = -1, .path = strdup(path), .rep = rep};
	return dev->path ? 0 : report_nomem(rep);
}

int blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
		 const struct report *rep)
{
	int r = init(dev, path, rep);

	if (!r)
		r = look_and_open(dev, access);
	if (r)
		blk_dev_close(dev);
	return r;
}

static int flush_name(struct blk_dev *dev)
{
	errno = io_flush_directory(dev->path);
	return errno ? fail(dev, "cannot flush its directory") : 0;
}

static int create_file(struct blk_dev *dev, uint64_t nr_blocks)
{
	int r;

	errno = newfile_open(&dev->made, dev->path, CREATE_MODE);
	if (errno)
		return fail(dev, "cannot create");
	dev->created = true;
	dev->fd = dev->made.fd;
	dev->nr_blocks = nr_blocks;
	r = lock_file(dev, BLK_WRITE);
	if (!r && ftruncate(dev->fd, (off_t)(nr_blocks * META_BLOCK_SIZE)))
		r = fail(dev, "cannot set its size");
	if (r)
		blk_dev_discard(dev);
	return r;
}

/* When the path was looked at before there was nothing, or a link that leads nowhere. */
static int refuse_existing(const char *path, const struct stat *found, const struct report *rep)
{
	struct stat st;

	if (S_ISLNK(found->st_mode) && stat(path, &st))
		return report_errno(rep, path, "cannot open");
	return newfile_refuse(EEXIST, path, rep);
}

int blk_dev_create(struct blk_dev *dev, const char *path, uint64_t nr_blocks,
		   const struct report *rep)
{
	struct stat st;
	int r;

	if (!lstat(path, &st))
		return refuse_existing(path, &st, rep);
	if (errno != ENOENT)
		return report_errno(rep, path, "cannot create");
	r = init(dev, path, rep);
	if (!r)
		r = create_file(dev, nr_blocks);
	if (r)
		blk_dev_close(dev);
	return r;
}

int blk_dev_open_ops(struct blk_dev *dev, const char *path, uint64_t nr_blocks,
		     const struct blk_dev_ops *ops, void *ctx, const struct report *rep)
{
	int r = init(dev, path, rep);

	dev->ops = ops;
	dev->ctx = ctx;
	dev->nr_blocks = nr_blocks;
	return r;
}

int blk_dev_dup(const struct blk_dev *dev, struct blk_dev *copy)
{
	*copy = (struct blk_dev){
		.ops = dev->ops,
		.ctx = dev->ctx,
		.fd = dev->fd < 0 ? -1 : fcntl(dev->fd, F_DUPFD_CLOEXEC, 0),
		.path = strdup(dev->path),
		.nr_blocks = dev->nr_blocks,
		.rep = dev->rep,
	};
	if (copy->path && (copy->fd >= 0 || dev->fd < 0))
		return 0;
	blk_dev_close(copy);
	return report_nomem(dev->rep);
}

void blk_dev_close(struct blk_dev *dev)
{
	if (!dev->path)
		return;
	if (dev->fd >= 0)
		close(dev->fd);
	newfile_keep(&dev->made);
	free(dev->path);
	*dev = (struct blk_dev){.fd = -1};
}

int blk_dev_publish(struct blk_dev *dev)
{
	int error;

	if (!dev->created)
		return 0;
	error = newfile_create(&dev->made, dev->path);
	return error ? newfile_refuse(error, dev->path, dev->rep) : flush_name(dev);
}

void blk_dev_discard(struct blk_dev *dev)
{
	newfile_drop(&dev->made);
	dev->created = false;
}

void *blk_alloc(uint64_t nr)
{
	if (nr > SIZE_MAX / META_BLOCK_SIZE)
		return NULL;
	return aligned_alloc(META_BLOCK_SIZE, (size_t)nr * META_BLOCK_SIZE);
}

void blk_dev_begin(struct blk_dev *dev, enum progress_step step, uint64_t nr)
{
	dev->step = step;
	dev->progress_done = 0;
	dev->progress_total = nr;
}

void blk_dev_advance(struct blk_dev *dev, uint64_t nr)
{
	dev->progress_done += nr;
	report_progress(dev->rep, dev->step, dev->progress_done * META_BLOCK_SIZE,
			dev->progress_total * META_BLOCK_SIZE);
}

int blk_dev_read(struct blk_dev *dev, uint64_t first, uint64_t nr, void *data)
{
	blk_dev_advance(dev, nr);
	return dev->ops->read(dev, data, (size_t)nr * META_BLOCK_SIZE,
			      (off_t)(first * META_BLOCK_SIZE));
}

uint64_t blk_dev_find_data(struct blk_dev *dev, uint64_t from)
{
	off_t at = (off_t)(from * META_BLOCK_SIZE);

	if (dev->ops->find_data)
		at = dev->ops->find_data(dev, at);
	return max_u64(from, min_u64((uint64_t)at / META_BLOCK_SIZE, dev->nr_blocks));
}

/* What a write says that has changed nothing and may succeed later. */
static bool is_no_space(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static int fail_write(struct blk_dev *dev, uint64_t first, uint64_t nr)
{
	int r = is_no_space(errno) ? ERA_NO_SPACE : ERA_SYS;
	char what[80];

	if (nr == 1)
		snprintf(what, sizeof(what), "cannot write block %" PRIu64, first);
	else
		snprintf(what, sizeof(what), "cannot write blocks %" PRIu64 " to %" PRIu64, first,
			 first + nr - 1);
	fail(dev, what);
	return r;
}

int blk_dev_write(struct blk_dev *dev, uint64_t first, uint64_t nr, const void *data)
{
	errno = dev->ops->write(dev, data, (size_t)nr * META_BLOCK_SIZE,
				(off_t)(first * META_BLOCK_SIZE));
	return errno ? fail_write(dev, first, nr) : 0;
}

int blk_dev_flush(struct blk_dev *dev)
{
	errno = dev->ops->flush(dev);
	return errno ? fail(dev, "cannot flush") : 0;
}
