/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "dm/child.h"

#define TRY_MS 10000
#define TURN_MS 100
#define DONE 'd'
#define READY 'r'

/* Returns 1 if there is something to read, or the other end is closed, 0 after the time. */
static bool wait_for(int fd, int64_t limit_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int64_t until = clock_ms() + limit_ms, left = limit_ms;
	int n = 0;

	do {
		n = poll(&poll_fd, 1, limit_ms ? (int)left : -1);
		left = until - clock_ms();
		if (limit_ms && left < 0)
			left = 0;
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* What stays open: the guard's own ends of the two pipes, and what it needs to undo. */
static void be_alone(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	child_leave_files();
	prctl(PR_SET_NAME, "era-guard");
	if (chdir("/"))
		errno = 0; /* a directory that can't be unmounted meanwhile */
}

static bool read_byte(int fd, char want)
{
	char byte = 0;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 && byte == want;
}

static _Noreturn void keep_guard(int life, int gone, guard_undo *undo, void *ctx, uint32_t limit_ms)
{
	const char ready = READY;
	int64_t began;

	be_alone();
	if (!child_needs_no_devices() || write(gone, &ready, 1) != 1)
		_exit(1);
	if (wait_for(life, limit_ms) && read_byte(life, DONE))
		_exit(0);
	began = clock_ms();
	while (!undo(ctx) && clock_ms() - began < TRY_MS)
		poll(NULL, 0, TURN_MS);
	_exit(0);
}

/* The guard's process, or an error. */
static int begin(struct guard *guard, int life[2], int gone[2], guard_undo *undo, void *ctx,
		 uint32_t limit_ms)
{
	guard->pid = fork();
	if (guard->pid < 0)
		return -1;
	if (!guard->pid) {
		close(life[1]);
		close(gone[0]);
		keep_guard(life[0], gone[1], undo, ctx, limit_ms);
	}
	close(life[0]);
	close(gone[1]);
	guard->life = life[1];
	guard->gone = gone[0];
	return 0;
}

/* The guard undoes, unless it was told not to. */
static void end(struct guard *guard)
{
	close(guard->life);
	wait_for(guard->gone, TRY_MS + TURN_MS);
	close(guard->gone);
	waitpid(guard->pid, NULL, WNOHANG);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

int guard_begin(struct guard *guard, guard_undo *undo, void *ctx, uint32_t limit_ms,
		const char *what, const struct report *rep)
{
	int life[2], gone[2];

	if (pipe2(life, O_CLOEXEC))
		return report_errno(rep, what, "cannot open a pipe");
	if (pipe2(gone, O_CLOEXEC)) {
		close_pair(life);
		return report_errno(rep, what, "cannot open a pipe");
	}
	if (begin(guard, life, gone, undo, ctx, limit_ms)) {
		int r = report_errno(rep, what, "cannot start a process");

		close_pair(life);
		close_pair(gone);
		return r;
	}
	if (read_byte(guard->gone, READY))
		return 0;
	end(guard);
	return report_fail(rep, ERA_SYS,
			   "%s: cannot guard it: the memory of a process can't be locked; be root, "
			   "and see that memory is free",
			   what);
}

bool guard_dismiss(struct guard *guard)
{
	const char done = DONE;
	struct pollfd gone = {.fd = guard->gone, .events = POLLIN};
	bool was_there = poll(&gone, 1, 0) == 0;

	/* SIGPIPE is ignored or blocked. */
	if (was_there)
		was_there = write(guard->life, &done, 1) == 1;
	end(guard);
	return was_there;
}
