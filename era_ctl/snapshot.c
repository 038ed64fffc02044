/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dm/freeze.h"

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

static int late(const struct report *rep, const char *mount, uint32_t limit_s)
{
	return report_fail(rep, ERA_SYS,
			   "%s: was thawed before the command had ended, after %" PRIu32
			   " s: %s; give more time (--timeout)",
			   mount, limit_s, no_era);
}

int snapshot_make(struct target *t, const struct option_texts *mounts, uint32_t limit_s,
		  char *const *command)
{
	const struct report *rep = &t->tool->report;
	struct freeze freeze;
	const char *early;
	uint32_t era;
	int r = target_check_mounts(t, mounts);

	if (!r)
		r = freeze_begin(&freeze, mounts->texts, mounts->nr, limit_s * MS_PER_S, rep);
	if (r)
		return r;
	r = bar_and_run(t, command, &era);
	early = freeze_end(&freeze, mounts->texts);
	if (!r && early)
		r = late(rep, early, limit_s);
	if (!r)
		target_reply(t, "%" PRIu32, era);
	return r;
}
