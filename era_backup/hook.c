/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_backup/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_FOUND 127

static _Noreturn void become(const char *command)
{
	int nothing = open("/dev/null", O_RDONLY);

	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (nothing >= 0)
		dup2(nothing, STDIN_FILENO);
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

int hook_run(const char *command, const struct report *rep)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		become(command);
	if (pid < 0)
		return report_errno(rep, command, "cannot start a process");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return report_errno(rep, command, "cannot wait for it");
	return judge(command, status, rep);
}
