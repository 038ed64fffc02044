/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_backup/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"

#define NOT_FOUND 127

static _Noreturn void become(const char *command)
{
	int nothing = open("/dev/null", O_RDONLY);

	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (nothing > STDIN_FILENO) {
		dup2(nothing, STDIN_FILENO);
		close(nothing);
	}
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(NOT_FOUND);
}

static int judge(const char *command, int status, const struct report *rep)
{
	if (WIFSIGNALED(status))
		return report_fail(rep, ERA_SYS, "%s: was ended by signal %d", command,
				   WTERMSIG(status));
	if (WEXITSTATUS(status))
		return report_fail(rep, ERA_SYS, "%s: ended with status %d", command,
				   WEXITSTATUS(status));
	return 0;
}

static bool wait_for(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

int hook_run(const char *command, const struct report *rep)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		become(command);
	if (pid < 0)
		return report_errno(rep, command, "cannot start a process");
	if (!wait_for(pid, &status))
		return report_errno(rep, command, "cannot wait for it");
	return judge(command, status, rep);
}

/* The keeper: what asks the command to end does not end it. */
static _Noreturn void keep(const char *command, int to)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
	int status;
	pid_t pid = fork();

	if (!pid)
		become(command);
	for (unsigned i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	if (pid < 0 || !wait_for(pid, &status))
		_exit(1);
	_exit(write(to, &status, sizeof(status)) != sizeof(status));
}

int hook_run_kept(const char *command, const struct report *rep)
{
	int ends[2], status, ended;
	ssize_t nr;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return report_errno(rep, command, "cannot start a process");
	pid = fork();
	if (!pid)
		keep(command, ends[1]);
	close(ends[1]);
	do
		nr = pid < 0 ? -1 : read(ends[0], &status, sizeof(status));
	while (nr < 0 && errno == EINTR && pid > 0);
	close(ends[0]);
	if (pid < 0 || !wait_for(pid, &ended) || nr != sizeof(status))
		return report_fail(rep, ERA_SYS, "%s: what waits for its end was ended", command);
	return judge(command, status, rep);
}
