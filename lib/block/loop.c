/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Which file a loop device stands for is asked of the device, by device and inode number.  The path
 * in sysfs is the one it was set up with, as that process saw it, so it is believed only when it
 * leads to the file now, and only where the device may not be opened.
 *
 * Whether it is in use shows an exclusive open.  Who may not do that sees in sysfs whether a device
 * mapper target holds it, but not a mount.
 *
 * The other way round the file's lock is asked for, where its path leads to it.  Who uses either
 * takes first and asks then, so of two at once at least one sees the other.
 */
#include "block/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/holders.h"

#define SYSFS "/sys/block"
#define DEVICES "/sys/dev/block"
#define PATH_ROOM 4200
#define DIRECTORY_MAX 320

/* As the kernel packs a device number into 64 bits. */
static uint64_t packed_device(dev_t dev)
{
	uint64_t major = major(dev), minor = minor(dev);

	return (minor & 0xff) | major << 8 | (minor & ~UINT64_C(0xff)) << 12;
}

static bool stands_for(int fd, const struct stat *file)
{
	struct loop_info64 info;

	return !ioctl(fd, LOOP_GET_STATUS64, &info) && info.lo_inode == file->st_ino &&
	       info.lo_device == packed_device(file->st_dev);
}

/* Of the device with that directory in sysfs.  The path may have newlines of its own. */
static bool read_path(const char *directory, char path[PATH_ROOM])
{
	char name[PATH_ROOM];
	size_t len;
	FILE *in;

	snprintf(name, sizeof(name), "%s/loop/backing_file", directory);
	in = fopen(name, "re");
	if (!in)
		return false;
	len = fread(path, 1, PATH_ROOM, in);
	fclose(in);
	if (!len || path[len - 1] != '\n')
		return false;
	path[len - 1] = '\0';
	return true;
}

static bool path_leads_to(const char *name, const struct stat *file)
{
	char directory[DIRECTORY_MAX], path[PATH_ROOM];
	struct stat st;

	snprintf(directory, sizeof(directory), SYSFS "/%s", name);
	return read_path(directory, path) && !stat(path, &st) && st.st_dev == file->st_dev &&
	       st.st_ino == file->st_ino;
}

static bool has_holders(const char *name)
{
	char device[DIRECTORY_MAX];

	snprintf(device, sizeof(device), SYSFS "/%s", name);
	return holders_at(device).nr;
}

static enum loop_use use_without_opening(const char *name, const struct stat *file)
{
	if (!path_leads_to(name, file))
		return LOOP_UNUSED;
	return has_holders(name) ? LOOP_BUSY : LOOP_UNKNOWN;
}

static enum loop_use find_use(const char *name, const struct stat *file)
{
	enum loop_use use = LOOP_UNUSED;
	char path[PATH_ROOM];
	int fd, exclusive;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return use_without_opening(name, file);
	if (stands_for(fd, file)) {
		exclusive = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
		if (exclusive >= 0)
			close(exclusive);
		else
			use = errno == EBUSY ? LOOP_BUSY : LOOP_UNKNOWN;
	}
	close(fd);
	return use;
}

/* Only a loop device that stands for a file has this directory. */
static bool is_set_up(const char *name)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), SYSFS "/%s/loop", name);
	return !access(path, F_OK);
}

enum loop_use loop_find_use(const struct stat *file)
{
	enum loop_use worst = LOOP_UNUSED;
	struct dirent *entry;
	DIR *directory = opendir(SYSFS);

	while (directory && worst != LOOP_BUSY && (entry = readdir(directory))) {
		enum loop_use use = LOOP_UNUSED;

		if (!strncmp(entry->d_name, "loop", 4) && is_set_up(entry->d_name))
			use = find_use(entry->d_name, file);
		if (use != LOOP_UNUSED)
			worst = use;
	}
	if (directory)
		closedir(directory);
	return worst;
}

static bool has_lock_against(const char *path, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool locked;

	if (fd < 0)
		return false;
	locked = !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
	close(fd);
	return locked;
}

bool loop_file_is_locked(int fd, const struct stat *device, short type)
{
	char directory[DIRECTORY_MAX], path[PATH_ROOM];
	struct stat st;

	snprintf(directory, sizeof(directory), DEVICES "/%u:%u", major(device->st_rdev),
		 minor(device->st_rdev));
	return read_path(directory, path) && !stat(path, &st) && stands_for(fd, &st) &&
	       has_lock_against(path, type);
}
