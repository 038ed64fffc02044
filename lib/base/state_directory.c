/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/state_directory.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0755

static int make(const char *dir, const struct report *rep)
{
	if (mkdir(dir, MODE))
		return errno == EEXIST ? 0 : report_errno(rep, dir, "cannot create");
	return chmod(dir, MODE) ? report_errno(rep, dir, "cannot let everybody read it") : 0;
}

int state_directory_make(const struct report *rep)
{
	return make(STATE_DIRECTORY, rep);
}

int run_directory_make(const struct report *rep)
{
	return access("/run", F_OK) ? 1 : make(RUN_DIRECTORY, rep);
}
