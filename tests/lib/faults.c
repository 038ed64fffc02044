/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Makes calls of the C library fail, for a program that has it in LD_PRELOAD:
 *
 *	FAULT=CALL:NTH:HOW	from the environment; HOW is the number of an errno, "short",
 *				"nothing" or "kill"; with a "+" behind it all calls from the NTH on
 *				fail
 *	FAULT_LOG=FILE		the name of a call that was made to fail is appended
 *
 * The NTH call of that name fails, or transfers half of what it should. With NTH 0 it is all that
 * are short; or, with an errno, every second one that fails. With "nothing" a write is said to have
 * written nothing; with "kill" the process is killed before the call. "memory" stands for malloc()
 * and its kin, and open for all that open.
 *
 * FAULT_TRACE=FILE: what is done to files is appended, a line a call; with FAULT_TRACE_READS=1
 * what is read at some place, too.
 * FAULT_NO_TMPFILE=1: no file system knows nameless files.
 *
 * A program that hangs is ended by SIGALRM.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PATIENCE 60

static char fault_call[32];
static unsigned long fault_nth, nr_calls;
static int fault_error;
static bool fault_short, fault_nothing, fault_kills, fault_goes_on, no_tmpfile, trace_reads;
static const char *log_path, *trace_path;

static void append(const char *path, const char *text)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0666);

	if (fd < 0)
		_exit(98);
	syscall(SYS_write, fd, text, strlen(text));
	syscall(SYS_close, fd);
}

__attribute__((constructor)) static void start(void)
{
	const char *fault = getenv("FAULT");
	char how[32] = "";

	log_path = getenv("FAULT_LOG");
	trace_path = getenv("FAULT_TRACE");
	if (fault && sscanf(fault, "%31[^:]:%lu:%31s", fault_call, &fault_nth, how) != 3)
		_exit(98);
	no_tmpfile = getenv("FAULT_NO_TMPFILE");
	trace_reads = getenv("FAULT_TRACE_READS");
	fault_goes_on = strchr(how, '+');
	how[strcspn(how, "+")] = '\0';
	fault_short = !strcmp(how, "short");
	fault_nothing = !strcmp(how, "nothing");
	fault_kills = !strcmp(how, "kill");
	fault_error = atoi(how);
	alarm(PATIENCE);
}

static bool is_hit(unsigned long nr)
{
	if (!fault_nth)
		return fault_short || nr % 2;
	return fault_goes_on ? nr >= fault_nth : nr == fault_nth;
}

static bool strikes(const char *call)
{
	bool struck;

	if (strcmp(call, fault_call))
		return false;
	struck = is_hit(__atomic_add_fetch(&nr_calls, 1, __ATOMIC_RELAXED));
	if (struck && log_path)
		append(log_path, call);
	if (struck && fault_kills)
		kill(getpid(), SIGKILL);
	if (struck)
		errno = fault_error;
	return struck;
}

static bool fails(const char *call)
{
	return !fault_short && !fault_nothing && strikes(call);
}

static size_t shortened(const char *call, size_t size)
{
	return fault_short && size > 1 && strikes(call) ? size / 2 : size;
}

static void trace_name(const char *call, const char *path, unsigned mode)
{
	char line[512];
	int saved = errno;

	if (!trace_path)
		return;
	snprintf(line, sizeof(line), "%s %s %o\n", call, path, mode);
	append(trace_path, line);
	errno = saved;
}

static void trace(const char *call, int fd, long long at, size_t size)
{
	char name[64], path[256], line[512];
	long n;
	int saved = errno;

	if (!trace_path)
		return;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlink, name, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	snprintf(line, sizeof(line), "%s %s %lld %zu\n", call, path, at, size);
	append(trace_path, line);
	errno = saved;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Calls that only fail. */
#define PLAIN(type, failure, name, call, params, args) \
	type name params \
	{ \
		return fails(call) ? failure : NEXT(name) args; \
	}

PLAIN(int, -1, stat, "stat", (const char *path, struct stat *st), (path, st))
PLAIN(int, -1, lstat, "stat", (const char *path, struct stat *st), (path, st))
PLAIN(int, -1, fstat, "stat", (int fd, struct stat *st), (fd, st))
PLAIN(int, -1, mkostemp, "open", (char *path, int flags), (path, flags))
PLAIN(off_t, -1, lseek, "lseek", (int fd, off_t at, int whence), (fd, at, whence))
PLAIN(int, -1, ftruncate, "ftruncate", (int fd, off_t size), (fd, size))
PLAIN(int, -1, fallocate, "fallocate", (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))
PLAIN(int, -1, unlink, "unlink", (const char *path), (path))
PLAIN(int, -1, dup, "dup", (int fd), (fd))
PLAIN(int, -1, fchmod, "fchmod", (int fd, mode_t mode), (fd, mode))
PLAIN(int, -1, fchown, "fchown", (int fd, uid_t user, gid_t group), (fd, user, group))
PLAIN(int, -1, close, "close", (int fd), (fd))
PLAIN(int, -1, fsetxattr, "fsetxattr",
      (int fd, const char *name, const void *value, size_t size, int flags),
      (fd, name, value, size, flags))
PLAIN(int, -1, fremovexattr, "fremovexattr", (int fd, const char *name), (fd, name))
PLAIN(ssize_t, -1, getxattr, "getxattr",
      (const char *path, const char *name, void *value, size_t size), (path, name, value, size))
PLAIN(ssize_t, -1, listxattr, "getxattr", (const char *path, char *names, size_t size),
      (path, names, size))
PLAIN(int, EOF, fclose, "fclose", (FILE * file), (file))

int rename(const char *from, const char *to)
{
	trace_name("rename", to, 0);
	return fails("rename") ? -1 : NEXT(rename)(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	trace_name("renameat2", to, 0);
	return fails("renameat2") ? -1 : NEXT(renameat2)(from_folder, from, to_folder, to, flags);
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
	trace_name("linkat", new, 0);
	return fails("linkat") ? -1 : NEXT(linkat)(from, old, to, new, flags);
}

int open(const char *path, int flags, ...)
{
	bool is_nameless = (flags & O_TMPFILE) == O_TMPFILE,
	     is_new = is_nameless || flags & O_CREAT;
	va_list rest;
	unsigned mode;

	va_start(rest, flags);
	mode = is_new ? va_arg(rest, unsigned) : 0;
	va_end(rest);
	if (no_tmpfile && is_nameless) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (is_new)
		trace_name(is_nameless ? "tmpfile" : "create", path, mode);
	return fails("open") ? -1 : NEXT(open)(path, flags, mode);
}

/* What _FORTIFY_SOURCE, as in a package, makes of an open() without a mode. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return fails("open") ? -1 : NEXT(open)(path, flags, 0);
}

int fcntl(int fd, int cmd, ...)
{
	va_list rest;
	void *arg;

	va_start(rest, cmd);
	arg = va_arg(rest, void *);
	va_end(rest);
	return cmd != F_GETFD && fails("fcntl") ? -1 : NEXT(fcntl)(fd, cmd, arg);
}

ssize_t read(int fd, void *data, size_t size)
{
	return fails("read") ? -1 : NEXT(read)(fd, data, shortened("read", size));
}

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
	if (trace_reads)
		trace("pread", fd, at, size);
	return fails("pread") ? -1 : NEXT(pread)(fd, data, shortened("pread", size), at);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (fault_nothing && strikes("write"))
		return 0;
	return fails("write") ? -1 : NEXT(write)(fd, data, shortened("write", size));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	trace("pwrite", fd, at, size);
	if (fault_nothing && strikes("pwrite"))
		return 0;
	return fails("pwrite") ? -1 : NEXT(pwrite)(fd, data, shortened("pwrite", size), at);
}

int fsync(int fd)
{
	trace("fsync", fd, 0, 0);
	return fails("fsync") ? -1 : NEXT(fsync)(fd);
}

/* A sanitizer has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t nr, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
	return fails("memory") ? NULL : __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
	return fails("memory") ? NULL : __libc_calloc(nr, size);
}

void *realloc(void *memory, size_t size)
{
	return fails("memory") ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return fails("memory") ? NULL : __libc_memalign(align, size);
}
#endif
