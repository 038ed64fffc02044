/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dm/guard.h"

#define NOT_FOUND 127
#define MS_PER_S 1000u

static const char no_era[] = "no era counts";

static _Noreturn void become(char *const *command)
{
	signal(SIGPIPE, SIG_DFL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(command[0], command);
	_exit(NOT_FOUND);
}

static int judge(const struct report *rep, const char *command, int status)
{
	if (WIFSIGNALED(status))
		return report_fail(rep, ERA_SYS, "%s: was ended by signal %d: %s", command,
				   WTERMSIG(status), no_era);
	if (WEXITSTATUS(status) == NOT_FOUND)
		return report_fail(rep, ERA_SYS, "%s: could not be run: %s", command, no_era);
	if (WEXITSTATUS(status))
		return report_fail(rep, ERA_SYS, "%s: ended with status %d: %s", command,
				   WEXITSTATUS(status), no_era);
	return 0;
}

static int run_command(const struct report *rep, char *const *command)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		become(command);
	if (pid < 0)
		return report_errno(rep, command[0], "cannot start a process");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return report_errno(rep, command[0], "cannot wait for it");
	return judge(rep, command[0], status);
}

static int bar_and_run(struct target *t, char *const *command, uint32_t *era)
{
	int r = target_barrier(t, era);

	if (t->mapper)
		mapper_rest(t->mapper);
	return r ? r : run_command(&t->tool->report, command);
}

/* A filesystem that is not frozen says EINVAL. */
static bool thaw(void *ctx)
{
	const int *fd = ctx;

	return !ioctl(*fd, FITHAW, 0) || errno == EINVAL;
}

static int freeze(const struct report *rep, const char *mount, int fd)
{
	if (!ioctl(fd, FIFREEZE, 0))
		return 0;
	if (errno == EBUSY)
		return report_fail(rep, ERA_SYS,
				   "%s: is frozen by somebody; wait until it is thawed, or if "
				   "nobody will, thaw it by fsfreeze --unfreeze",
				   mount);
	return report_errno(rep, mount, "cannot freeze");
}

static int late(const struct report *rep, const char *mount, uint32_t limit_s)
{
	return report_fail(rep, ERA_SYS,
			   "%s: was thawed before the command had ended, after %" PRIu32
			   " s: %s; give more time (--timeout)",
			   mount, limit_s, no_era);
}

/* A filesystem that somebody else froze is not thawed: the guard is dismissed before that. */
static int run_frozen(struct target *t, const char *mount, int fd, uint32_t limit_s,
		      char *const *command, uint32_t *era)
{
	const struct report *rep = &t->tool->report;
	struct guard guard;
	int r = guard_begin(&guard, thaw, &fd, limit_s * MS_PER_S, mount, rep);

	if (r)
		return r;
	r = freeze(rep, mount, fd);
	if (r) {
		guard_dismiss(&guard);
		return r;
	}
	r = bar_and_run(t, command, era);
	if (ioctl(fd, FITHAW, 0) && !r)
		r = late(rep, mount, limit_s);
	if (!guard_dismiss(&guard) && !r)
		r = late(rep, mount, limit_s);
	return r;
}

int snapshot_make(struct target *t, const char *mount, uint32_t limit_s, char *const *command)
{
	uint32_t era;
	int fd, r;

	if (!mount) {
		r = bar_and_run(t, command, &era);
	} else {
		fd = open(mount, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return report_errno(&t->tool->report, mount, "cannot open");
		r = run_frozen(t, mount, fd, limit_s, command, &era);
		close(fd);
	}
	if (!r)
		target_reply(t, "%" PRIu32, era);
	return r;
}
