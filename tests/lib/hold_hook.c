/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * In LD_PRELOAD: runs the shell command in HOLD_HOOK while the program holds writers: when it has
 * suspended a device whose filesystem is frozen, by this suspend or before, and before it tells a
 * target in userspace to go on.
 */
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool was_busy; /* the filesystem was frozen already */

static void run(const char *command)
{
	pid_t pid = fork();

	if (!pid) {
		unsetenv("LD_PRELOAD");
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

int ioctl(int fd, unsigned long request, ...)
{
	const char *command = getenv("HOLD_HOOK");
	const struct dm_ioctl *dm;
	va_list args;
	unsigned wanted = 0;
	void *arg;
	int r;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	dm = arg;
	if (request == DM_DEV_SUSPEND)
		wanted = dm->flags & (DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG);
	r = (int)syscall(SYS_ioctl, fd, request, arg);
	if (!r && command && (wanted == DM_SUSPEND_FLAG || (wanted && was_busy)))
		run(command);
	if (request == DM_DEV_SUSPEND)
		was_busy = r && wanted == DM_SUSPEND_FLAG;
	return r;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	static const char word[] = "unpause ";
	const char *command = getenv("HOLD_HOOK");

	if (command && len > strlen(word) && !memcmp(data, word, strlen(word)))
		run(command);
	return sendto(fd, data, len, flags, NULL, 0);
}
