/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/clone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attributes.h"
#include "base/io.h"
#include "base/scratch.h"

#define PROBE_BYTES 4096
#define STATE_SUFFIX ".era"

static bool is_not_supported(int error)
{
	return error == EOPNOTSUPP || error == ENOTTY || error == EINVAL || error == EXDEV ||
	       error == ENOSYS;
}

/* Replacing. */

static int lock(int fd, const struct copy_target *target)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &lock)
		       ? report_errno(target->rep, target->path, "cannot lock its clone")
		       : 0;
}

static void drop(struct clone *clone)
{
	if (clone->file.target && clone->file.file.fd >= 0)
		close(clone->file.file.fd);
	replacement_close(&clone->file);
}

int clone_begin(struct clone *clone, struct copy_target *target)
{
	int r;

	*clone = (struct clone){.old_fd = target->fd};
	if (target->is_device || target->fd < 0)
		return 0;
	r = replacement_open(&clone->file, target->path, target->path, target->rep);
	if (!r)
		r = lock(clone->file.file.fd, target);
	if (!r && ioctl(clone->file.file.fd, FICLONE, target->fd)) {
		if (!is_not_supported(errno))
			r = report_errno(target->rep, target->path, "cannot clone");
		drop(clone);
		return r;
	}
	if (r)
		drop(clone);
	else
		target->fd = clone->file.file.fd;
	return r;
}

bool clone_is_open(const struct clone *clone)
{
	return clone->file.target;
}

void clone_end(struct clone *clone, struct copy_target *target)
{
	if (!clone_is_open(clone))
		return;
	target->fd = clone->old_fd;
	drop(clone);
}

int clone_commit(struct clone *clone, struct copy_target *target)
{
	int r;

	if (!clone_is_open(clone))
		return copy_target_flush(target);
	r = replacement_commit(&clone->file, target->path, target->rep);
	if (r) {
		clone_end(clone, target);
		return r;
	}
	replacement_close(&clone->file);
	close(clone->old_fd);
	return 0;
}

/* Whether there are clones. */

static int try_clone(int from, int to)
{
	static const char data[PROBE_BYTES] = "clone";

	if (io_write_at(from, data, sizeof(data), 0))
		return errno;
	return ioctl(to, FICLONE, from) ? errno : 0;
}

static int refuse(const char *path, const struct report *rep)
{
	return report_fail(rep, ERA_SYS,
			   "%s: its filesystem has no clones, which --keep needs: use Btrfs or XFS "
			   "with reflink, or leave --keep out",
			   path);
}

/* What is kept lies beside the name that was said. */
static int refuse_link(const char *path, const char *real, const struct report *rep)
{
	return report_fail(rep, ERA_SYS,
			   "%s: leads to %s, on another filesystem, and --keep makes clones beside "
			   "the name that is given: give that one",
			   path, real);
}

static int judge_support(const char *path, const char *real, int error, const struct report *rep)
{
	if (error == EXDEV)
		return refuse_link(path, real, rep);
	if (is_not_supported(error))
		return refuse(path, rep);
	errno = error;
	return error ? report_errno(rep, path, "cannot make a clone beside it") : 0;
}

int clone_wants_support(const char *path, const struct report *rep)
{
	char *link = realpath(path, NULL);
	const char *real = link ? link : path;
	int from = scratch_open_near(real, rep),
	    to = from < 0 ? from : scratch_open_near(path, rep);
	int r = to < 0 ? to : 0;

	if (to >= 0) {
		r = judge_support(path, real, try_clone(from, to), rep);
		close(to);
	}
	if (from >= 0)
		close(from);
	free(link);
	return r;
}

/* Older backups. */

static char *join(const char *path, const char *dot, const char *name, const char *suffix)
{
	char *text;

	return asprintf(&text, "%s%s%s%s", path, dot, name, suffix) < 0 ? NULL : text;
}

static int keep_file(struct copy_target *target, const char *name)
{
	struct clone clone = {.file.target = NULL};
	const char *what = "cannot keep its attributes";
	int fd, r = replacement_open(&clone.file, name, name, target->rep);

	if (!r) {
		fd = clone.file.file.fd;
		if (ioctl(fd, FICLONE, target->fd))
			r = is_not_supported(errno)
				    ? refuse(target->path, target->rep)
				    : report_errno(target->rep, name, "cannot clone");
		if (!r)
			errno = attributes_keep(fd, target->path, &what);
		if (!r && errno)
			r = report_errno(target->rep, name, what);
	}
	if (!r)
		r = replacement_commit(&clone.file, name, target->rep);
	drop(&clone);
	return r;
}

int clone_keep(struct copy_target *target, const struct backup_state *state)
{
	char text[BACKUP_NAME_BYTES];
	const char *backup = backup_name_format(&state->base, text);
	char *name = join(target->path, ".", backup, "");
	char *state_path = join(target->path, ".", backup, STATE_SUFFIX);
	int r;

	if (!name || !state_path)
		r = report_nomem(target->rep);
	else
		r = backup_state_save(state, state_path, target->rep);
	if (!r)
		r = keep_file(target, name);
	free(name);
	free(state_path);
	return r;
}

struct kept {
	struct timespec made;
	char *path;
};

struct kept_list {
	struct kept *all;
	size_t nr;
};

static int newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct kept *)a)->made;
	const struct timespec *y = &((const struct kept *)b)->made;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

/* Is it the name that clone_keep() gives a backup of the target, whose own name is `base`? */
static bool is_kept(const char *name, const char *base)
{
	size_t len = strlen(base);
	struct backup_name backup;

	return !strncmp(name, base, len) && name[len] == '.' &&
	       backup_name_parse(name + len + 1, strlen(name + len + 1), &backup);
}

static int add(struct kept_list *list, const char *target, const char *name, size_t len)
{
	struct kept *all = reallocarray(list->all, list->nr + 1, sizeof(*all));
	struct stat st;

	if (!all)
		return ERA_SYS;
	list->all = all;
	all[list->nr].path = join(target, name + len, "", "");
	if (!all[list->nr].path)
		return ERA_SYS;
	if (stat(all[list->nr].path, &st) || !S_ISREG(st.st_mode)) {
		free(all[list->nr].path);
		return 0;
	}
	all[list->nr++].made = st.st_mtim;
	return 0;
}

static int list_kept(struct kept_list *list, const char *target, const struct report *rep)
{
	const char *slash = strrchr(target, '/'), *base = slash ? slash + 1 : target;
	char *directory = slash ? strndup(target, (size_t)(base - target)) : strdup(".");
	DIR *dir = directory ? opendir(directory) : NULL;
	const struct dirent *entry;
	int r = 0;

	if (!directory)
		return report_nomem(rep);
	if (!dir)
		r = report_errno(rep, directory, "cannot list");
	while (!r && (entry = readdir(dir)))
		if (is_kept(entry->d_name, base) && add(list, target, entry->d_name, strlen(base)))
			r = report_nomem(rep);
	if (dir)
		closedir(dir);
	free(directory);
	return r;
}

static int remove_kept(const char *path, const struct report *rep)
{
	char *state = join(path, "", "", STATE_SUFFIX);
	int r = state ? 0 : report_nomem(rep);

	if (!r && unlink(path))
		r = report_errno(rep, path, "cannot remove");
	if (!r && unlink(state) && errno != ENOENT)
		r = report_errno(rep, state, "cannot remove");
	free(state);
	return r;
}

int clone_prune(const char *target, uint32_t nr, const struct report *rep)
{
	struct kept_list list = {0};
	int r = list_kept(&list, target, rep);

	if (!r && list.nr)
		qsort(list.all, list.nr, sizeof(*list.all), newest_first);
	for (size_t i = nr; !r && i < list.nr; i++)
		r = remove_kept(list.all[i].path, rep);
	while (list.nr)
		free(list.all[--list.nr].path);
	free(list.all);
	return r;
}
