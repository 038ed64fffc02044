/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/child.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What libdevmapper takes for a request, several times over. */
#define RESERVED (1u << 20)

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

void child_leave_files(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void spare_me(void)
{
	static const char least[] = "-1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, least, sizeof(least) - 1) < 0)
		errno = 0; /* a user who may not gets by without */
	close(fd);
}

/* From here on memory comes from the heap, which does not shrink. musl's can't be told so: there
 * the kernel may be asked for memory again, and all that helps is PR_SET_IO_FLUSHER. */
static void keep_heap(void)
{
#ifdef M_MMAP_MAX
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

static bool reserve(void)
{
	void *p;

	keep_heap();
	p = malloc(RESERVED);
	if (!p)
		return false;
	explicit_bzero(p, RESERVED);
	free(p);
	return true;
}

bool child_needs_no_devices(void)
{
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	spare_me();
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return false;
	return reserve();
}
