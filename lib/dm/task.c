/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/dm_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/loaded.h"

/* The functions of libdevmapper that are used here, each as a member of its own name. */
#define CALLS(X) \
	X(dm_get_library_version) \
	X(dm_get_next_target) \
	X(dm_lib_release) \
	X(dm_log_with_errno_init) \
	X(dm_task_add_target) \
	X(dm_task_create) \
	X(dm_task_destroy) \
	X(dm_task_get_errno) \
	X(dm_task_get_info) \
	X(dm_task_get_name) \
	X(dm_task_no_open_count) \
	X(dm_task_retry_remove) \
	X(dm_task_run) \
	X(dm_task_get_uuid) \
	X(dm_task_set_add_node) \
	X(dm_task_set_cookie) \
	X(dm_task_set_major) \
	X(dm_task_set_message) \
	X(dm_task_set_minor) \
	X(dm_task_set_name) \
	X(dm_task_set_sector) \
	X(dm_task_set_uuid) \
	X(dm_task_skip_lockfs) \
	X(dm_udev_set_sync_support) \
	X(dm_udev_wait)

struct library {
	void *handle;
	CALLS(LOADED_MEMBER)
};

static const int types[] = {
	[TASK_INFO] = DM_DEVICE_INFO,	    [TASK_TABLE] = DM_DEVICE_TABLE,
	[TASK_STATUS] = DM_DEVICE_STATUS,   [TASK_MESSAGE] = DM_DEVICE_TARGET_MSG,
	[TASK_CREATE] = DM_DEVICE_CREATE,   [TASK_REMOVE] = DM_DEVICE_REMOVE,
	[TASK_LOAD] = DM_DEVICE_RELOAD,	    [TASK_CLEAR] = DM_DEVICE_CLEAR,
	[TASK_SUSPEND] = DM_DEVICE_SUSPEND, [TASK_RESUME] = DM_DEVICE_RESUME,
};

/* What it would print: the errno of a request is reported instead. */
static void say_nothing(int level, const char *file, int line, int error, const char *fmt, ...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)error;
	(void)fmt;
}

static bool find_calls(struct library *l)
{
	CALLS(LOADED_FIND)
	return true;
}

struct library *library_open(const char **why)
{
	struct library *l = calloc(1, sizeof(*l));

	*why = "out of memory";
	if (!l)
		return NULL;
	l->handle = dlopen(DEVMAPPER_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	*why = "libdevmapper is missing: install " DEVMAPPER_LIBRARY;
	if (!l->handle) {
		free(l);
		return NULL;
	}
	*why = "libdevmapper is too old: install a newer one";
	if (!find_calls(l)) {
		library_close(l);
		return NULL;
	}
	l->dm_log_with_errno_init(say_nothing);
	return l;
}

void library_close(struct library *l)
{
	if (l->dm_lib_release)
		l->dm_lib_release();
	dlclose(l->handle);
	free(l);
}

void library_rest(struct library *l)
{
	l->dm_lib_release();
}

bool library_version(struct library *l, char *text, size_t size)
{
	return l->dm_get_library_version(text, size);
}

static bool add_targets(struct library *l, struct dm_task *dmt, const struct mapper_table *table)
{
	for (unsigned i = 0; table && i < table->nr; i++) {
		const struct mapper_target *t = &table->targets[i];

		if (!l->dm_task_add_target(dmt, t->start, t->sectors, t->type, t->params))
			return false;
	}
	return true;
}

static bool set_device(struct library *l, struct dm_task *dmt, const struct task *task)
{
	if (task->name)
		return l->dm_task_set_name(dmt, task->name);
	return l->dm_task_set_major(dmt, (int)task->major) &&
	       l->dm_task_set_minor(dmt, (int)task->minor);
}

/* What udev's rules run looks at a device for a moment. */
static bool is_patient(const struct task *task)
{
	return task->kind == TASK_REMOVE && task->udev == MAPPER_WITH_UDEV;
}

static bool prepare(struct library *l, struct dm_task *dmt, const struct task *task)
{
	return set_device(l, dmt, task) && l->dm_task_no_open_count(dmt) &&
	       add_targets(l, dmt, task->table) &&
	       (!task->uuid || l->dm_task_set_uuid(dmt, task->uuid)) &&
	       (!is_patient(task) || l->dm_task_retry_remove(dmt)) &&
	       (!task->skip_lockfs || l->dm_task_skip_lockfs(dmt)) &&
	       (task->kind != TASK_CREATE || l->dm_task_set_add_node(dmt, DM_ADD_NODE_ON_CREATE)) &&
	       (!task->message ||
		(l->dm_task_set_sector(dmt, 0) && l->dm_task_set_message(dmt, task->message)));
}

static bool has_event(enum task_kind kind)
{
	return kind == TASK_CREATE || kind == TASK_REMOVE || kind == TASK_RESUME;
}

/* Where nothing is waited for, udev's rules get the flags of the request all the same. */
static bool run(struct library *l, struct dm_task *dmt, const struct task *task)
{
	uint32_t cookie = 0;
	bool wait = task->udev == MAPPER_WITH_UDEV, done;

	if (!has_event(task->kind))
		return l->dm_task_run(dmt);
	l->dm_udev_set_sync_support(wait);
	done = l->dm_task_set_cookie(dmt, &cookie, 0) && l->dm_task_run(dmt);
	if (cookie)
		l->dm_udev_wait(cookie);
	l->dm_lib_release(); /* makes nodes, if there is no udev */
	return done;
}

static void take_info(struct library *l, struct dm_task *dmt, struct task *task)
{
	struct dm_info info;
	const char *name = l->dm_task_get_name(dmt), *uuid = l->dm_task_get_uuid(dmt);

	if (!l->dm_task_get_info(dmt, &info)) {
		task->error = EIO;
		return;
	}
	task->info = (struct mapper_info){
		.exists = info.exists,
		.suspended = info.suspended,
		.has_table = info.live_table,
		.has_loaded = info.inactive_table,
		.read_only = info.read_only,
		.open_count = info.open_count,
		.major = info.major,
		.minor = info.minor,
	};
	snprintf(task->info.uuid, sizeof(task->info.uuid), "%s", uuid ? uuid : "");
	snprintf(task->found, sizeof(task->found), "%s", name ? name : "");
}

static void take_text(struct library *l, struct dm_task *dmt, struct task *task)
{
	uint64_t start, sectors;
	char *type, *params, *text = NULL;
	void *next = NULL;
	size_t size;
	FILE *to;

	take_info(l, dmt, task);
	if (!task->error && !task->info.exists)
		task->error = ENXIO;
	if (task->error)
		return;
	to = open_memstream(&text, &size);
	task->error = to ? 0 : ENOMEM;
	if (!to)
		return;
	do {
		type = params = NULL;
		next = l->dm_get_next_target(dmt, next, &start, &sectors, &type, &params);
		if (type)
			fprintf(to, "%" PRIu64 " %" PRIu64 " %s %s\n", start, sectors, type,
				params ? params : "");
	} while (next);
	if (ferror(to) || fclose(to))
		task->error = ENOMEM;
	task->text = text;
}

/* libdevmapper does not always know one. */
static int error_of(struct library *l, struct dm_task *dmt)
{
	int error = l->dm_task_get_errno(dmt);

	return error ? error : EINVAL;
}

bool task_run(struct mapper *m, struct task *task)
{
	struct library *l = m->library;
	struct dm_task *dmt = l->dm_task_create(types[task->kind]);

	task->error = ENOMEM;
	if (!dmt)
		return false;
	task->error = 0;
	if (!prepare(l, dmt, task))
		task->error = EINVAL;
	else if (!run(l, dmt, task))
		task->error = error_of(l, dmt);
	else if (task->kind == TASK_INFO)
		take_info(l, dmt, task);
	else if (task->kind == TASK_TABLE || task->kind == TASK_STATUS)
		take_text(l, dmt, task);
	l->dm_task_destroy(dmt);
	return !task->error;
}
