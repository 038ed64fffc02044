/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Makes any processor look to a tracer, which has it in LD_PRELOAD, as one with AMX does to
 * user-mode Linux: the tracer's buffer for the extended state is too small.
 *
 * It is one word too small.  The tracer can't keep what is cut off for its child, so that must be
 * something that the child does not use: the end of the last vector register.
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

static __typeof__(&ptrace) next;
static char state[64 << 10];

static void cut(pid_t pid, struct iovec *buffer)
{
	struct iovec whole = {state, sizeof(state)};

	if (next(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &whole) < 0)
		return;
	whole.iov_len -= sizeof(uint64_t);
	if (buffer->iov_len > whole.iov_len)
		buffer->iov_len = whole.iov_len;
}

static bool moves_registers(enum __ptrace_request request)
{
	return request == PTRACE_GETREGSET || request == PTRACE_SETREGSET;
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list rest;
	pid_t pid;
	void *addr, *data;

	va_start(rest, request);
	pid = va_arg(rest, pid_t);
	addr = va_arg(rest, void *);
	data = va_arg(rest, void *);
	va_end(rest);

	if (!next)
		next = (__typeof__(&ptrace))dlsym(RTLD_NEXT, "ptrace");
	if (moves_registers(request) && (uintptr_t)addr == NT_X86_XSTATE)
		cut(pid, data);
	return next(request, pid, addr, data);
}
