/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * One request to device mapper as a value, and the two ways to make it: here, or in a child with a
 * time limit.  Only task.c knows libdevmapper.
 */
#ifndef ROOM_DM
#error "of the room dm alone"
#endif
#ifndef ERA_DM_DM_INTERNAL_H
#define ERA_DM_DM_INTERNAL_H

#include "dm/dm.h"

enum task_kind {
	TASK_INFO,
	TASK_TABLE,
	TASK_STATUS,
	TASK_MESSAGE,
	TASK_CREATE,
	TASK_REMOVE,
	TASK_LOAD,
	TASK_CLEAR,
	TASK_SUSPEND,
	TASK_RESUME,
};

struct task {
	enum task_kind kind;
	const char *name; /* NULL: the device major:minor below */
	uint32_t major, minor;
	const char *uuid, *message;
	const struct mapper_table *table;
	enum mapper_udev udev;
	bool skip_lockfs;

	/* What comes of it: 0 or an errno, and with 0 the rest. */
	int error;
	struct mapper_info info;
	char found[MAPPER_NAME_MAX]; /* its name */
	/* Of TABLE and STATUS: lines "START SECTORS TYPE PARAMS"; free() it. */
	char *text;
};

struct library;

struct mapper {
	const struct report *rep;
	uint32_t limit_ms;
	struct library *library;
};

/* NULL: there is none, and *why says so. */
struct library *library_open(const char **why);
void library_close(struct library *library);
void library_rest(struct library *library);
bool library_version(struct library *library, char *text, size_t size);

/* Makes the request, which sets task->error; false if it is not 0. */
bool task_run(struct mapper *m, struct task *task);

/* The same in a child.  Reports all errors: "cannot `what`". */
int task_run_limited(struct mapper *m, struct task *task, const char *what) must_check;

/* Reports task->error, of a request to `what` the device. */
int task_failed(const struct mapper *m, const struct task *task, const char *what);

/* Splits `text` into the lines of a table, and keeps it; on failure it is freed. */
int table_parse(const struct mapper *m, const char *name, char *text,
		struct mapper_table *table) must_check;

#endif
