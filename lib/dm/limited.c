/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A request in a child.
 *
 * A child that hangs in the kernel does not even end when it is killed, so nobody waits for it: it
 * is told to end, and left behind.  While it works, the device is looked at from time to time; one
 * that is suspended each time is not going to answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "dm/child.h"
#include "dm/dm_internal.h"

#define TURN_MS 250
#define SUSPENDED_LIMIT_MS 5000
#define MAX_TEXT (1u << 20)

/* What the child sends before the text. */
struct answer {
	int error;
	struct mapper_info info;
	size_t len;
};

struct request {
	struct mapper *m;
	struct task *task;
	const char *what;
	pid_t pid;
	int fd;
};

static bool send_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static _Noreturn void work(struct mapper *m, struct task *task, int fd)
{
	struct answer answer;
	bool sent;

	child_leave_files();
	task_run(m, task);
	answer = (struct answer){.error = task->error,
				 .info = task->info,
				 .len = task->text ? strlen(task->text) : 0};
	sent = send_all(fd, &answer, sizeof(answer)) && send_all(fd, task->text, answer.len);
	_exit(sent ? 0 : 1);
}

static bool is_suspended(struct mapper *m, const struct task *task)
{
	struct task info = {.kind = TASK_INFO, .name = task->name};

	return task_run(m, &info) && info.info.exists && info.info.suspended;
}

static int give_up(const struct request *req, bool suspended, int64_t waited_ms)
{
	const struct task *task = req->task;

	kill(req->pid, SIGKILL);
	waitpid(req->pid, NULL, WNOHANG);
	if (suspended)
		return report_fail(req->m->rep, ERA_SYS,
				   "%s: cannot %s: the device is suspended by somebody; wait until "
				   "it is resumed, or if nobody will, resume it by " ERA_PROGRAM
				   " ctl %s resume",
				   task->name, req->what, task->name);
	return report_fail(req->m->rep, ERA_SYS,
			   "%s: cannot %s: no answer in %" PRId64
			   " s; see what keeps the devices below it from working",
			   task->name, req->what, waited_ms / 1000);
}

/* Waits until there is something to read, or the end of the child. */
static int wait_for_child(const struct request *req)
{
	struct pollfd fd = {.fd = req->fd, .events = POLLIN};
	int64_t began = clock_ms(), suspended_since = -1, now;
	/* Only these wait for a resume; others are done while the device is suspended. */
	bool may_look = req->task->kind == TASK_STATUS || req->task->kind == TASK_MESSAGE;

	while (poll(&fd, 1, TURN_MS) <= 0) {
		now = clock_ms();
		if (!may_look || !is_suspended(req->m, req->task))
			suspended_since = -1;
		else if (suspended_since < 0)
			suspended_since = now;
		else if (now - suspended_since >= SUSPENDED_LIMIT_MS)
			return give_up(req, true, now - began);
		if (now - began >= req->m->limit_ms)
			return give_up(req, suspended_since >= 0, now - began);
	}
	return 0;
}

/* false: the child ended before that. */
static bool receive_all(int fd, void *data, size_t len)
{
	char *at = data;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive(const struct request *req)
{
	struct task *task = req->task;
	struct answer answer;
	char *text = NULL;

	if (!receive_all(req->fd, &answer, sizeof(answer)) || answer.len > MAX_TEXT)
		return false;
	if (!answer.error && !(text = malloc(answer.len + 1)))
		answer.error = ENOMEM;
	if (text && !receive_all(req->fd, text, answer.len)) {
		free(text);
		return false;
	}
	if (text)
		text[answer.len] = '\0';
	task->error = answer.error;
	task->info = answer.info;
	task->text = text;
	return true;
}

static int finish(const struct request *req)
{
	int r = wait_for_child(req);

	if (r)
		return r;
	if (!receive(req))
		req->task->error = EIO;
	waitpid(req->pid, NULL, 0);
	return req->task->error ? task_failed(req->m, req->task, req->what) : 0;
}

int task_run_limited(struct mapper *m, struct task *task, const char *what)
{
	struct request req = {.m = m, .task = task, .what = what};
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC))
		return report_errno(m->rep, task->name, "cannot open a pipe");
	req.pid = fork();
	if (!req.pid)
		work(m, task, fds[1]);
	close(fds[1]);
	req.fd = fds[0];
	r = req.pid > 0 ? finish(&req) : report_errno(m->rep, task->name, "cannot start a process");
	close(fds[0]);
	return r;
}
