/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/suspend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "dm/child.h"
#include "dm/dm_internal.h"
#include "dm/guard.h"

#define RESUME_TRIES 20
#define RESUME_TURN_MS 100
#define GUARD_LIMIT_MS 15000

/* How far the child came. */
enum stage {
	STAGE_LOCK,
	STAGE_GUARD,
	STAGE_LOOK,
	STAGE_BUSY,
	STAGE_LOADED,
	/* From here on it may have been suspended. */
	STAGE_SUSPEND,
	STAGE_WORK,
	STAGE_BREAK,
	STAGE_RESUME,
	STAGE_DONE,
};

struct outcome {
	enum stage stage;
	int error;
	uint64_t waited_us;
};

static const char *const failures[] = {
	[STAGE_LOCK] = "cannot suspend: the memory of a process can't be locked; be root, and see "
		       "that memory is free",
	[STAGE_GUARD] = "cannot suspend: the process that would resume it if this one were killed "
			"can't start; be root, and see that memory is free",
	[STAGE_LOOK] = "cannot suspend: there is no such device; dmsetup ls lists them",
	[STAGE_BUSY] = "cannot suspend: the device is suspended by somebody; wait until it is "
		       "resumed, or if nobody will, resume it by " ERA_PROGRAM " ctl",
	[STAGE_LOADED] = "cannot suspend: a table was loaded, which the resume would bring into "
			 "use; resume or clear it by dmsetup",
	[STAGE_SUSPEND] = "cannot suspend",
	[STAGE_WORK] = "what was to be done while it was suspended failed",
	[STAGE_BREAK] = "was resumed by somebody before its time; try again",
	[STAGE_RESUME] = "cannot resume",
	[STAGE_DONE] = NULL,
};

struct section {
	struct mapper *m;
	const struct suspension *suspension;
	pid_t parent, pid;
	int result;
	bool is_others; /* it was suspended before */
};

static bool look(struct mapper *m, const char *name, struct mapper_info *info)
{
	struct task task = {.kind = TASK_INFO, .name = name};

	if (!task_run(m, &task) || !task.info.exists)
		return false;
	*info = task.info;
	return true;
}

static int run(const struct section *s, enum task_kind kind, bool lockfs)
{
	struct task task = {.kind = kind,
			    .name = s->suspension->name,
			    .skip_lockfs = kind == TASK_SUSPEND && !lockfs};

	return task_run(s->m, &task) ? 0 : task.error;
}

/* A filesystem that somebody has frozen already makes it fail, and needs no other freeze. */
static int suspend(const struct section *s)
{
	int error = run(s, TASK_SUSPEND, s->suspension->lockfs);

	return error == EBUSY && s->suspension->lockfs ? run(s, TASK_SUSPEND, false) : error;
}

/* The guard's work.  A device that is gone needs none. */
static bool undo(void *ctx)
{
	const struct section *s = ctx;
	struct mapper_info info;

	if (!look(s->m, s->suspension->name, &info) || !info.suspended)
		return true;
	return !run(s, TASK_RESUME, false);
}

static int resume_at_last(const struct section *s)
{
	int error = run(s, TASK_RESUME, false);

	for (unsigned i = 0; error && i < RESUME_TRIES; i++) {
		poll(NULL, 0, RESUME_TURN_MS);
		error = run(s, TASK_RESUME, false);
	}
	return error;
}

static struct outcome ended(enum stage stage, int error)
{
	return (struct outcome){.stage = stage, .error = error};
}

static struct outcome work(const struct section *s)
{
	const struct suspension *suspension = s->suspension;
	struct mapper_info info;
	int error;

	if (!suspension->work)
		return ended(STAGE_DONE, 0);
	error = suspension->work(s->m, suspension->name, suspension->ctx);
	if (error)
		return ended(STAGE_WORK, error);
	if (!look(s->m, suspension->name, &info) || !info.suspended)
		return ended(STAGE_BREAK, 0);
	return ended(STAGE_DONE, 0);
}

/* From the suspend to the resume: nothing else here may wait for a device. */
static struct outcome hold(const struct section *s)
{
	struct outcome outcome;
	uint64_t began = clock_us();
	int error = suspend(s);

	if (error)
		return ended(STAGE_SUSPEND, error);
	outcome = work(s);
	error = resume_at_last(s);
	if (error)
		return ended(STAGE_RESUME, error);
	outcome.waited_us = clock_us() - began;
	return outcome;
}

static uint32_t limit_ms(const struct section *s)
{
	return s->suspension->limit_ms ? s->suspension->limit_ms : s->m->limit_ms;
}

static struct outcome act(struct section *s, struct guard *guard)
{
	struct mapper_info info;
	struct outcome outcome;

	if (!child_needs_no_devices())
		return ended(STAGE_LOCK, errno);
	if (!look(s->m, s->suspension->name, &info))
		return ended(STAGE_LOOK, 0);
	if (info.suspended)
		return ended(STAGE_BUSY, 0);
	if (info.has_loaded)
		return ended(STAGE_LOADED, 0);
	if (guard_begin(guard, undo, s, s->suspension->work ? limit_ms(s) : 0, s->suspension->name,
			NULL))
		return ended(STAGE_GUARD, 0);
	outcome = hold(s);
	/* A device that can't be resumed is left to the guard, which tries longer. */
	if (outcome.stage == STAGE_RESUME)
		return outcome;
	if (!guard_dismiss(guard) && s->suspension->work && outcome.stage == STAGE_DONE)
		return ended(STAGE_BREAK, 0);
	return outcome;
}

/* Ends with its parent; the guard doesn't. */
static _Noreturn void child(struct section *s, int result)
{
	struct guard guard;
	struct outcome outcome;

	prctl(PR_SET_NAME, "era-suspend");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s->parent)
		_exit(1);
	s->m->rep = NULL;
	outcome = act(s, &guard);
	_exit(write(result, &outcome, sizeof(outcome)) < 0);
}

static int report_outcome(const struct section *s, const struct outcome *outcome)
{
	const char *name = s->suspension->name;

	if (outcome->stage == STAGE_DONE)
		return 0;
	if (!outcome->error)
		return report_fail(s->m->rep, ERA_SYS, "%s: %s", name, failures[outcome->stage]);
	return report_fail(s->m->rep, ERA_SYS,
			   "%s: %s: %s; the kernel's log may say more, see dmesg", name,
			   failures[outcome->stage], strerror(outcome->error));
}

int suspended_load(struct mapper *m, const char *name, const struct mapper_table *table)
{
	struct task task = {.kind = TASK_LOAD, .name = name, .table = table};

	return task_run(m, &task) ? 0 : task.error;
}

/* Waits for the child, and kills it when it takes too long. */
static int take_outcome(const struct section *s, struct outcome *outcome)
{
	const char *name = s->suspension->name;
	struct pollfd fd = {.fd = s->result, .events = POLLIN};
	int n;

	do
		n = poll(&fd, 1, (int)limit_ms(s));
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		kill(s->pid, SIGKILL);
		return report_fail(s->m->rep, ERA_SYS,
				   "%s: %s in %" PRIu32
				   " s; see what keeps the devices below it from working",
				   name,
				   s->suspension->work ? "was not suspended, worked on and resumed"
						       : "cannot suspend: what is being written "
							 "was not done",
				   (uint32_t)div_up(limit_ms(s), 1000));
	}
	if (read(s->result, outcome, sizeof(*outcome)) != (ssize_t)sizeof(*outcome))
		return report_fail(s->m->rep, ERA_SYS,
				   "%s: the process that suspends it was killed; try again", name);
	if (s->suspension->waited_us)
		*s->suspension->waited_us = outcome->waited_us;
	return report_outcome(s, outcome);
}

/* The guard was killed, too. */
static void resume_for_guard(const struct section *s)
{
	const char *name = s->suspension->name;

	if (s->is_others || mapper_resume(s->m, name, MAPPER_WITHOUT_UDEV))
		report_fail(s->m->rep, ERA_SYS,
			    "%s: is suspended, and whatever writes to it waits: resume it "
			    "by " ERA_PROGRAM " ctl %s resume",
			    name, name);
}

/* After a failure the guard resumes the device. */
static void wait_for_guard(const struct section *s)
{
	int64_t until = clock_ms() + GUARD_LIMIT_MS;
	struct mapper_info info;

	while (look(s->m, s->suspension->name, &info) && info.suspended) {
		if (clock_ms() > until) {
			resume_for_guard(s);
			return;
		}
		poll(NULL, 0, RESUME_TURN_MS);
	}
}

static int wait_for_child(const struct section *s)
{
	struct outcome outcome = {.stage = STAGE_SUSPEND};
	int r = take_outcome(s, &outcome);

	if (r && outcome.stage >= STAGE_SUSPEND)
		wait_for_guard(s);
	/* A child that was killed may not end; the others have ended but for their exit. */
	waitpid(s->pid, NULL, r ? WNOHANG : 0);
	return r;
}

/* With all signals blocked, for which the child has no time. */
static pid_t start(struct section *s, int result)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	s->parent = getpid();
	pid = fork();
	if (!pid)
		child(s, result);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

int mapper_while_suspended(struct mapper *m, const struct suspension *suspension)
{
	struct section s = {.m = m, .suspension = suspension};
	struct mapper_info info;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC))
		return report_errno(m->rep, suspension->name, "cannot open a pipe");
	s.result = fds[0];
	s.is_others = look(m, suspension->name, &info) && info.suspended;
	s.pid = start(&s, fds[1]);
	close(fds[1]);
	r = s.pid < 0 ? report_errno(m->rep, suspension->name, "cannot start a process")
		      : wait_for_child(&s);
	close(fds[0]);
	return r;
}
