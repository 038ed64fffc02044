/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/attributes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACCESS_LIST "system.posix_acl_access"
#define USER_PREFIX "user."

/* What the new file will have, beside what is done at once. */
struct kept {
	int fd;
	const char *path; /* of the old file */
	bool has_group;
	mode_t mode;
};

/* The file system, or the writer's rights, have no such thing. */
static bool is_denied(int error)
{
	return error == EPERM || error == EACCES || error == EOPNOTSUPP || error == EINVAL;
}

static bool is_missing(int error)
{
	return error == ENODATA || error == EOPNOTSUPP;
}

/* Users who are no longer in the group belong to the others. */
static mode_t without_group(mode_t mode)
{
	mode_t both = mode >> 3 & mode & S_IRWXO;

	return (mode & S_IRWXU) | both << 3 | both;
}

/* If the process may not give the file away, it stays its own, without the set-uid and set-gid
 * bits. */
static int keep_owner(struct kept *kept, const struct stat *old)
{
	kept->mode = old->st_mode & 07777;
	kept->has_group = true;
	if (!fchown(kept->fd, old->st_uid, old->st_gid))
		return 0;
	if (errno != EPERM && errno != EINVAL)
		return errno;
	kept->mode &= 0777;
	kept->has_group = !fchown(kept->fd, (uid_t)-1, old->st_gid);
	if (!kept->has_group)
		kept->mode = without_group(kept->mode);
	return 0;
}

/* Of an attribute, or the names of them all when name is NULL; free() it.  Its length, or -1. */
static ssize_t read_value(const char *path, const char *name, char **value)
{
	ssize_t n;

	do {
		n = name ? getxattr(path, name, NULL, 0) : listxattr(path, NULL, 0);
		if (n < 0)
			return -1;
		*value = malloc((size_t)n + 1);
		if (!*value)
			return -1;
		n = name ? getxattr(path, name, *value, (size_t)n)
			 : listxattr(path, *value, (size_t)n);
		if (n >= 0)
			return n;
		free(*value);
	} while (errno == ERANGE);
	return -1;
}

/* By the mode alone: with a list it says of the group what the list's mask is, no more. */
static void leave_to_owner(struct kept *kept)
{
	kept->mode &= ~(mode_t)(S_IRWXG | S_IRWXO);
}

static int keep_access_list(struct kept *kept)
{
	char *list = NULL;
	ssize_t n = read_value(kept->path, ACCESS_LIST, &list);
	int error = 0;

	if (n < 0 && !is_missing(errno))
		return errno;
	if (n < 0) {
		if (fremovexattr(kept->fd, ACCESS_LIST) && !is_missing(errno))
			leave_to_owner(kept);
		return 0;
	}
	if (!kept->has_group)
		leave_to_owner(kept);
	else if (fsetxattr(kept->fd, ACCESS_LIST, list, (size_t)n, 0))
		error = errno;
	free(list);
	if (!is_denied(error))
		return error;
	leave_to_owner(kept);
	return 0;
}

static int keep_user_attribute(const struct kept *kept, const char *name)
{
	char *value;
	ssize_t n = read_value(kept->path, name, &value);
	int error;

	if (n < 0)
		return errno;
	error = fsetxattr(kept->fd, name, value, (size_t)n, 0) ? errno : 0;
	free(value);
	return error;
}

static int keep_user_attributes(const struct kept *kept)
{
	char *names;
	ssize_t n = read_value(kept->path, NULL, &names);
	int error = 0;

	if (n < 0)
		return is_missing(errno) ? 0 : errno;
	for (char *name = names; name < names + n && !error; name += strlen(name) + 1) {
		if (!strncmp(name, USER_PREFIX, strlen(USER_PREFIX)))
			error = keep_user_attribute(kept, name);
		if (is_missing(error) || is_denied(error))
			error = 0;
	}
	free(names);
	return error;
}

/* The mode comes last: a change of the owner takes some of it away, and a list sets it. */
int attributes_keep(int fd, const char *path, const char **what)
{
	struct kept kept = {.fd = fd, .path = path};
	struct stat old;
	int error;

	*what = "cannot find its mode";
	if (stat(path, &old))
		return errno == ENOENT ? 0 : errno;
	*what = "cannot set its owner";
	error = keep_owner(&kept, &old);
	if (error)
		return error;
	*what = "cannot keep its access control list";
	error = keep_access_list(&kept);
	if (error)
		return error;
	*what = "cannot keep its attributes";
	error = keep_user_attributes(&kept);
	if (error)
		return error;
	*what = "cannot set its mode";
	return fchmod(fd, kept.mode) ? errno : 0;
}
