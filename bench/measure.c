/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Runs a command and appends "MICROSECONDS PEAK_KIB CPU_MICROSECONDS" to a file:
 *	measure FILE COMMAND...
 * Its standard output is left alone.  The exit status is the command's.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static long long us(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
	long long begin = now_us(), end;
	struct rusage usage;
	int status;
	FILE *file;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 3;
	end = now_us();
	file = fopen(argv[1], "a");
	if (!file ||
	    fprintf(file, "%lld %ld %lld\n", end - begin, usage.ru_maxrss,
		    us(usage.ru_utime) + us(usage.ru_stime)) < 0 ||
	    fclose(file))
		return 3;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
