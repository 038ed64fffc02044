/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* A filesystem that is not frozen says EINVAL. */
static bool thaw(void *ctx)
{
	const int *fd = ctx;

	return !ioctl(*fd, FITHAW, 0) || errno == EINVAL;
}

/* Linux before 5.8 does not say it, and some C libraries do not ask. */
#ifdef STATX_ATTR_MOUNT_ROOT
static int wants_mount(int fd, const char *mount, const struct report *rep)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st))
		return report_errno(rep, mount, "cannot ask what it is");
	if (!(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	    st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return 0;
	return report_fail(rep, ERA_SYS,
			   "%s: cannot freeze: no filesystem is mounted there; mount "
			   "it, or leave --freeze out",
			   mount);
}
#else
static int wants_mount(int fd, const char *mount, const struct report *rep)
{
	(void)fd;
	(void)mount;
	(void)rep;
	return 0;
}
#endif

static int freeze_now(int fd, const char *mount, const struct report *rep)
{
	if (!ioctl(fd, FIFREEZE, 0))
		return 0;
	if (errno == EBUSY)
		return report_fail(rep, ERA_SYS,
				   "%s: is frozen by somebody; wait until it is thawed, or if "
				   "nobody will, thaw it by fsfreeze --unfreeze",
				   mount);
	return report_errno(rep, mount, "cannot freeze");
}

/* What somebody else froze is not thawed: the guard is dismissed. */
static int guard_and_freeze(struct frozen_one *one, const char *mount, uint32_t limit_ms,
			    const struct report *rep)
{
	int r = wants_mount(one->fd, mount, rep);

	if (!r)
		r = guard_begin(&one->guard, thaw, &one->fd, limit_ms, mount, rep);
	if (r)
		return r;
	r = freeze_now(one->fd, mount, rep);
	if (r)
		guard_dismiss(&one->guard);
	return r;
}

static int begin_one(struct freeze *f, const char *mount, const struct report *rep)
{
	struct frozen_one *one = &f->each[f->nr];
	int r;

	one->fd = open(mount, O_RDONLY | O_CLOEXEC);
	if (one->fd < 0)
		return report_errno(rep, mount, "cannot open");
	r = guard_and_freeze(one, mount, freeze_left_ms(f), rep);
	if (r)
		close(one->fd);
	else
		f->nr++;
	return r;
}

static const char *end_all(struct freeze *f, const char *const *mounts)
{
	const char *early = NULL;

	while (f->nr) {
		struct frozen_one *one = &f->each[--f->nr];
		bool was_frozen = !ioctl(one->fd, FITHAW, 0);

		if (!guard_dismiss(&one->guard) || !was_frozen)
			early = mounts[f->nr];
		close(one->fd);
	}
	return early;
}

int freeze_begin(struct freeze *f, const char *const *mounts, unsigned nr, uint32_t limit_ms,
		 const struct report *rep)
{
	int r = 0;

	f->nr = 0;
	f->began_ms = clock_ms();
	f->limit_ms = limit_ms;
	for (unsigned i = 0; !r && i < nr; i++)
		r = begin_one(f, mounts[i], rep);
	if (r)
		end_all(f, mounts);
	return r;
}

uint32_t freeze_left_ms(const struct freeze *f)
{
	int64_t took = clock_ms() - f->began_ms;

	return took < f->limit_ms ? f->limit_ms - (uint32_t)took : 1;
}

const char *freeze_end(struct freeze *f, const char *const *mounts)
{
	return end_all(f, mounts);
}
