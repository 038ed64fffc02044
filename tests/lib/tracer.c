/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Traces a child as user-mode Linux does, and says what comes of it, one line per request.  A test
 * runs it with tests/lib/xstate.c in LD_PRELOAD, and without.  Exit status 77: on this processor
 * the whole state fits into a buffer that has no room for AVX.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the processor keeps what, in the state's standard form. */
#define XMM0 160
#define IN_USE 512 /* a bit for each part: 1 << 1 SSE, 1 << 2 AVX */
#define YMM0_HIGH 576
#define SMALL 576

static uint8_t state[64 << 10];
static long word = -1, other_word = 4711;
static pid_t child;

static void must(long r, const char *what)
{
	if (r >= 0)
		return;
	perror(what);
	exit(1);
}

static long request_state(enum __ptrace_request request, size_t *size)
{
	struct iovec buffer = {state, *size};
	long r = ptrace(request, child, NT_X86_XSTATE, &buffer);

	*size = buffer.iov_len;
	return r;
}

static size_t get_whole(void)
{
	size_t size = sizeof(state);

	must(request_state(PTRACE_GETREGSET, &size), "the state can't be read");
	return size;
}

static void set_registers(uint8_t low, uint8_t high, size_t size, const char *name)
{
	state[XMM0] = low;
	state[YMM0_HIGH] = high;
	state[IN_USE] |= 1 << 1 | 1 << 2;
	if (request_state(PTRACE_SETREGSET, &size) < 0)
		printf("set %s: %s\n", name, strerror(errno));
}

static void show_registers(void)
{
	memset(state, 0, sizeof(state));
	get_whole();
	printf("registers: %d %d\n", state[XMM0], state[YMM0_HIGH]);
}

static void peek(const char *name, void *addr)
{
	long r;

	errno = EAGAIN;
	r = ptrace(PTRACE_PEEKDATA, child, addr, NULL);
	if (r == -1 && errno)
		printf("peek %s: %s\n", name, strerror(errno));
	else
		printf("peek %s: %ld\n", name, r);
}

static void start_child(void)
{
	child = fork();
	must(child, "fork");
	if (!child) {
		must(ptrace(PTRACE_TRACEME, 0, NULL, NULL), "the child can't be traced");
		raise(SIGSTOP);
		_exit(0);
	}
	must(waitpid(child, NULL, 0), "wait");
}

int main(void)
{
	size_t whole;

	start_child();
	whole = get_whole();
	if (whole <= SMALL)
		return 77;
	set_registers(1, 2, whole, "whole");
	show_registers();
	set_registers(3, 4, SMALL, "front");
	show_registers();
	peek("a word", &other_word);
	peek("a word that looks like an error", &word);
	peek("nowhere", NULL);
	must(ptrace(PTRACE_KILL, child, NULL, NULL), "kill");
	must(waitpid(child, NULL, 0), "wait");
	peek("no child", &word);
	return 0;
}
