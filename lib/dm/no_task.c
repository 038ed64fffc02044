/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* In place of task.c, where libdevmapper is left out. */
#include <errno.h>

#include "dm/dm_internal.h"

struct library *library_open(const char **why)
{
	*why = "this program was built without libdevmapper";
	return NULL;
}

void library_close(struct library *library)
{
	(void)library;
}

void library_rest(struct library *library)
{
	(void)library;
}

bool library_version(struct library *library, char *text, size_t size)
{
	(void)library;
	(void)text;
	(void)size;
	return false;
}

bool task_run(struct mapper *m, struct task *task)
{
	(void)m;
	task->error = ENOSYS;
	return false;
}
