/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * In LD_PRELOAD: stops a program before one of its steps, which are the calls that change a device,
 * a file, or what device mapper has:
 *
 *	STEPS=N:kill	before the Nth step the program is killed, with the child that was to do it
 *	STEPS=N:off	the power of the machine is cut there
 *	STEPS=PATH:...	the same, before the file PATH is removed
 *	STEPS_LOG=FILE	the name of each step is appended
 *
 * Children count with their parent, but commands that are run do not.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	unsigned nr;
	pid_t program;
} * shared;

static unsigned wanted;
static char where[128], how[8];
static const char *log_path;

__attribute__((constructor)) static void start(void)
{
	const char *steps = getenv("STEPS");

	log_path = getenv("STEPS_LOG");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || (steps && sscanf(steps, "%127[^:]:%7s", where, how) != 2) ||
	    (*where && *where != '/' && sscanf(where, "%u", &wanted) != 1))
		_exit(98);
	shared->program = getpid();
	unsetenv("LD_PRELOAD");
}

static void note(const char *name)
{
	int fd;

	if (!log_path)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0)
		_exit(98);
	syscall(SYS_write, fd, name, strlen(name));
	syscall(SYS_write, fd, "\n", 1);
	syscall(SYS_close, fd);
}

static void stop(void)
{
	if (!strcmp(how, "off"))
		reboot(RB_POWER_OFF);
	kill(shared->program, SIGKILL);
	kill(getpid(), SIGKILL);
}

static void step(const char *name)
{
	note(name);
	if (__atomic_add_fetch(&shared->nr, 1, __ATOMIC_SEQ_CST) == wanted)
		stop();
}

/* Not what is said to a reader. */
static void step_of(const char *name, int fd)
{
	struct stat st;

	if (fd > STDERR_FILENO && !fstat(fd, &st) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		step(name);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OF_FILE(type, name, params, args) \
	type name params \
	{ \
		step_of(#name, fd); \
		return NEXT(name) args; \
	}

OF_FILE(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
OF_FILE(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
OF_FILE(int, fsync, (int fd), (fd))
OF_FILE(int, fdatasync, (int fd), (fd))
OF_FILE(int, ftruncate, (int fd, off_t size), (fd, size))

#define OF_NAME(name, params, args) \
	int name params \
	{ \
		step(#name); \
		return NEXT(name) args; \
	}

OF_NAME(rename, (const char *from, const char *to), (from, to))
OF_NAME(mknod, (const char *path, mode_t mode, dev_t dev), (path, mode, dev))
OF_NAME(linkat, (int from_dir, const char *from, int to_dir, const char *to, int flags),
	(from_dir, from, to_dir, to, flags))

int unlink(const char *path)
{
	step("unlink");
	if (!strcmp(path, where))
		stop();
	return NEXT(unlink)(path);
}

/* NULL: it changes nothing. */
static const char *name_of(unsigned long request)
{
	switch (request) {
	case DM_DEV_CREATE:
		return "create";
	case DM_DEV_REMOVE:
		return "remove";
	case DM_DEV_SUSPEND:
		return "suspend or resume";
	case DM_TABLE_LOAD:
		return "load";
	case DM_TABLE_CLEAR:
		return "clear";
	case DM_TARGET_MSG:
		return "message";
	}
	return NULL;
}

int ioctl(int fd, unsigned long request, ...)
{
	const char *name = name_of(request);
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (name)
		step(name);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}
