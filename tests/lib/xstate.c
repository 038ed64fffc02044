/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Lets user-mode Linux, which has it in LD_PRELOAD, run on processors with AMX.
 *
 * With PTRACE_SETREGSET of NT_X86_XSTATE the host's kernel takes the whole extended state or, with
 * EFAULT, nothing.  User-mode Linux has a buffer for the state without AMX's tiles, and panics when
 * that is refused.  Here what was refused so is put over the front of the state that the process
 * has, and all of that is set.  What the host's kernel takes, and any other request, is the system
 * call and no more; so this changes nothing where it isn't needed.
 *
 * The caller may be on a stack of a few pages, so the state is in a static buffer; a caller that
 * traces from several threads would need one each.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char state[64 << 10]; /* with AMX it is 11 KiB */

static long call(int request, pid_t pid, void *addr, void *data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

/* The C library returns the word; the system call stores it. */
static long peek(int request, pid_t pid, void *addr)
{
	long word, r = call(request, pid, addr, &word);

	if (r < 0)
		return r;
	errno = 0;
	return word;
}

static long set_front(pid_t pid, void *type, const struct iovec *front)
{
	struct iovec whole = {state, sizeof(state)};

	if (call(PTRACE_GETREGSET, pid, type, &whole) < 0)
		return -1;
	if (front->iov_len >= whole.iov_len) {
		errno = EFAULT;
		return -1;
	}
	memcpy(state, front->iov_base, front->iov_len);
	return call(PTRACE_SETREGSET, pid, type, &whole);
}

static bool is_peek(int request)
{
	return request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
	       request == PTRACE_PEEKUSER;
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list rest;
	pid_t pid;
	void *addr, *data;
	long r;

	va_start(rest, request);
	pid = va_arg(rest, pid_t);
	addr = va_arg(rest, void *);
	data = va_arg(rest, void *);
	va_end(rest);

	if (is_peek(request))
		return peek(request, pid, addr);
	r = call(request, pid, addr, data);
	if (r < 0 && errno == EFAULT && request == PTRACE_SETREGSET &&
	    (uintptr_t)addr == NT_X86_XSTATE)
		return set_front(pid, addr, data);
	return r;
}
