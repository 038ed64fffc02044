/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/state_directory.h"

#include <errno.h>
#include <sys/stat.h>

#define MODE 0755

int state_directory_make(const struct report *rep)
{
	if (mkdir(STATE_DIRECTORY, MODE))
		return errno == EEXIST ? 0 : report_errno(rep, STATE_DIRECTORY, "cannot create");
	return chmod(STATE_DIRECTORY, MODE)
		       ? report_errno(rep, STATE_DIRECTORY, "cannot let everybody read it")
		       : 0;
}
