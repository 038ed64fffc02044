/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/scratch.h"
#include "block/loop.h"

#define CREATE_MODE 0666
#define ZERO_BYTES (1u << 20)
#define ZEROOUT_BYTES (UINT64_C(1) << 28) /* of one call, which no signal ends */
#define ZEROOUT_ALIGN UINT64_C(4096)

static int fd_read(struct copy_target *target, void *data, size_t len, uint64_t at)
{
	return io_read_at(target->fd, data, len, (off_t)at);
}

static int fd_write(struct copy_target *target, const void *data, size_t len, uint64_t at)
{
	return io_write_at(target->fd, data, len, (off_t)at);
}

static int write_zeroes(struct copy_target *target, uint64_t at, uint64_t len)
{
	size_t size = (size_t)min_u64(len, ZERO_BYTES);
	void *zeroes = len ? calloc(1, size) : NULL;
	int error = zeroes || !len ? 0 : ENOMEM;

	for (uint64_t done = 0; done < len && !error; done += size) {
		size = (size_t)min_u64(size, len - done);
		error = fd_write(target, zeroes, size, at + done);
	}
	free(zeroes);
	return error;
}

static bool is_not_supported(int error)
{
	return error == EOPNOTSUPP || error == ENOTTY || error == EINVAL || error == ENOSYS;
}

static int punch(struct copy_target *target, uint64_t at, uint64_t len)
{
	if (!fallocate(target->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		       (off_t)len))
		return 0;
	return errno;
}

static int zeroout(struct copy_target *target, uint64_t at, uint64_t len)
{
	while (len) {
		uint64_t part = min_u64(len, ZEROOUT_BYTES);
		uint64_t range[2] = {at, part};

		if (ioctl(target->fd, BLKZEROOUT, range))
			return errno;
		at += part;
		len -= part;
	}
	return 0;
}

/* On a device, only whole blocks of any that there may be. */
static int zero_whole(struct copy_target *target, uint64_t at, uint64_t len)
{
	int error = EOPNOTSUPP;

	if (!len)
		return 0;
	if (target->can_punch)
		error = target->is_device ? zeroout(target, at, len) : punch(target, at, len);
	if (!is_not_supported(error))
		return error;
	target->can_punch = false;
	return write_zeroes(target, at, len);
}

static int fd_zero(struct copy_target *target, uint64_t at, uint64_t len)
{
	uint64_t align = target->is_device ? ZEROOUT_ALIGN : 1;
	uint64_t head = min_u64((align - at % align) % align, len);
	uint64_t tail = (len - head) % align;
	int error = write_zeroes(target, at, head);

	if (!error)
		error = zero_whole(target, at + head, len - head - tail);
	return error ? error : write_zeroes(target, at + len - tail, tail);
}

static int fd_set_size(struct copy_target *target, uint64_t size)
{
	return ftruncate(target->fd, (off_t)size) ? errno : 0;
}

static int fd_flush(struct copy_target *target)
{
	return fsync(target->fd) ? errno : 0;
}

static const struct copy_target_ops fd_ops = {fd_read, fd_write, fd_zero, fd_set_size, fd_flush};

static int fail(const struct copy_target *target, const char *what)
{
	return report_errno(target->rep, target->path, what);
}

static int busy(const struct copy_target *target)
{
	return report_fail(target->rep, ERA_SYS, "%s: is in use", target->path);
}

static short lock_type(enum target_access access)
{
	return access == TARGET_WRITE ? F_WRLCK : F_RDLCK;
}

static int lock_file(struct copy_target *target, enum target_access access)
{
	struct flock lock = {.l_type = lock_type(access), .l_whence = SEEK_SET};

	if (!fcntl(target->fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EAGAIN || errno == EACCES ? busy(target) : fail(target, "cannot lock");
}

static int lock(struct copy_target *target, const struct stat *st, enum target_access access)
{
	int r;

	if (target->is_device)
		return loop_file_is_locked(target->fd, st, lock_type(access)) ? busy(target) : 0;
	r = lock_file(target, access);
	return !r && loop_find_use(st) != LOOP_UNUSED ? busy(target) : r;
}

static int find_size(struct copy_target *target, const struct stat *st)
{
	target->size = (uint64_t)st->st_size;
	if (target->is_device && ioctl(target->fd, BLKGETSIZE64, &target->size))
		return fail(target, "cannot find its size");
	return 0;
}

/* Who held the lock before may have put another file in its place. */
static int is_there_still(const struct copy_target *target, const struct stat *st)
{
	struct stat now;

	if (!stat(target->path, &now) && io_is_same_file(st, &now))
		return 0;
	return report_fail(target->rep, ERA_SYS, "%s: changed while it was being opened",
			   target->path);
}

static int open_existing(struct copy_target *target, enum target_access access)
{
	int flags = (access == TARGET_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
	struct stat st;
	int r;

	target->exists = true;
	target->fd = open(target->path, flags | (target->is_device ? O_EXCL : 0));
	if (target->fd < 0 && errno == EBUSY)
		return busy(target);
	if (target->fd < 0 || fstat(target->fd, &st))
		return fail(target, "cannot open");
	if (S_ISBLK(st.st_mode) != target->is_device || S_ISREG(st.st_mode) == target->is_device)
		return report_fail(target->rep, ERA_SYS, "%s: changed while it was being opened",
				   target->path);
	r = lock(target, &st, access);
	if (!r)
		r = is_there_still(target, &st);
	return r ? r : find_size(target, &st);
}

/* Of the name in its directory, in the kernel, which forgets it when this process ends.  Returns
 * the length, or 0 if there is no such directory. */
static socklen_t name_claim(const struct copy_target *target, struct sockaddr_un *address)
{
	const char *slash = strrchr(target->path, '/'), *name = slash ? slash + 1 : target->path;
	char *dir = io_directory_of(target->path);
	struct stat st;
	int len = 0;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (dir && !stat(dir, &st))
		len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
			       "era-tools %" PRIx64 ":%" PRIx64 " %" PRIx64, (uint64_t)st.st_dev,
			       (uint64_t)st.st_ino, hash_bytes(name, strlen(name)));
	free(dir);
	return len ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len) : 0;
}

/* Where there are no sockets nobody is kept away. */
static int claim(struct copy_target *target)
{
	struct sockaddr_un address;
	socklen_t len = name_claim(target, &address);
	struct stat st;

	target->claim = len ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	target->is_claimed = target->claim >= 0;
	if (target->is_claimed && bind(target->claim, (struct sockaddr *)&address, len) &&
	    errno == EADDRINUSE)
		return busy(target);
	if (stat(target->path, &st))
		return 0;
	return report_fail(target->rep, ERA_SYS, "%s: changed while it was being opened",
			   target->path);
}

/* The type is looked at first, since opening a FIFO may wait for ever. */
int copy_target_open(struct copy_target *target, const char *path, enum target_access access,
		     const struct report *rep)
{
	struct stat st;

	*target = (struct copy_target){.ops = &fd_ops,
				       .path = path,
				       .rep = rep,
				       .fd = -1,
				       .can_punch = true};
	if (stat(path, &st)) {
		if (errno != ENOENT)
			return fail(target, "cannot open");
		if (!lstat(path, &st))
			return report_fail(rep, ERA_SYS,
					   "%s: is a link to a file that is not there; wanted a "
					   "file, or the name of a new one",
					   path);
		return access == TARGET_WRITE ? claim(target) : 0;
	}
	target->is_device = S_ISBLK(st.st_mode);
	if (!target->is_device && !S_ISREG(st.st_mode))
		return report_fail(rep, ERA_SYS, "%s: Not a block device or regular file", path);
	return open_existing(target, access);
}

int copy_target_open_temporary(struct copy_target *target, const char *near,
			       const struct report *rep)
{
	int fd = near ? scratch_open_near(near, rep) : scratch_open(rep);

	*target = (struct copy_target){
		.ops = &fd_ops,
		.path = near ? near : "a temporary file",
		.rep = rep,
		.fd = fd < 0 ? -1 : fd,
		.can_punch = true,
		.exists = fd >= 0,
	};
	return fd < 0 ? fd : 0;
}

int copy_target_create(struct copy_target *target)
{
	target->fd = open(target->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, CREATE_MODE);
	if (target->fd < 0)
		return fail(target, "cannot create");
	target->exists = target->created = true;
	return lock_file(target, TARGET_WRITE);
}

void copy_target_drop(struct copy_target *target)
{
	if (!target->created)
		return;
	if (unlink(target->path))
		report_note(target->rep, "%s: cannot remove it: %s", target->path, strerror(errno));
	close(target->fd);
	target->fd = -1;
	target->exists = target->created = false;
}

void copy_target_close(struct copy_target *target)
{
	if (target->ops && target->fd >= 0)
		close(target->fd);
	if (target->is_claimed)
		close(target->claim);
	*target = (struct copy_target){.fd = -1};
}

static bool is_no_space(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static int fail_range(const struct copy_target *target, int error, const char *what, uint64_t at,
		      uint64_t len)
{
	char text[100];

	errno = error;
	snprintf(text, sizeof(text), "cannot %s %" PRIu64 " bytes at byte %" PRIu64, what, len, at);
	fail(target, text);
	return is_no_space(error) ? ERA_NO_SPACE : ERA_SYS;
}

int copy_target_set_limit(struct copy_target *target, uint64_t size)
{
	int error;

	if (target->is_device && size > target->size)
		return report_fail(target->rep, ERA_SYS,
				   "%s: is too small: found %" PRIu64 " bytes, wanted %" PRIu64,
				   target->path, target->size, size);
	target->limit = size;
	if (size <= target->size)
		return 0;
	error = target->ops->set_size(target, size);
	if (error)
		return fail_range(target, error, "add", target->size, size - target->size);
	target->size = size;
	return 0;
}

int copy_target_cut(struct copy_target *target)
{
	if (target->is_device || target->size <= target->limit)
		return 0;
	errno = target->ops->set_size(target, target->limit);
	if (errno)
		return fail(target, "cannot set its size");
	target->size = target->limit;
	return 0;
}

static bool is_inside(uint64_t limit, uint64_t at, uint64_t len)
{
	return at <= limit && len <= limit - at;
}

int copy_target_read(struct copy_target *target, void *data, size_t len, uint64_t at)
{
	int error =
		is_inside(target->size, at, len) ? target->ops->read(target, data, len, at) : EIO;

	return error ? fail_range(target, error, "read", at, len) : 0;
}

int copy_target_write(struct copy_target *target, const void *data, size_t len, uint64_t at)
{
	int error =
		is_inside(target->limit, at, len) ? target->ops->write(target, data, len, at) : EIO;

	return error ? fail_range(target, error, "write", at, len) : 0;
}

int copy_target_zero(struct copy_target *target, uint64_t at, uint64_t len)
{
	int error = is_inside(target->limit, at, len) ? target->ops->zero(target, at, len) : EIO;

	return error ? fail_range(target, error, "zero", at, len) : 0;
}

int copy_target_flush(struct copy_target *target)
{
	errno = target->ops->flush(target);
	if (!errno && !target->is_device)
		errno = io_flush_directory(target->path);
	return errno ? fail(target, "cannot flush") : 0;
}
