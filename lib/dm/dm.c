/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/dm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dm/dm_internal.h"

#define CONTROL "/dev/mapper/control"

static int look_for_kernel(struct mapper *m)
{
	struct task task = {.kind = TASK_INFO, .name = "era-tools-probe"};

	if (task_run(m, &task))
		return 0;
	if (task.error == EACCES || task.error == EPERM || geteuid())
		return report_fail(m->rep, ERA_SYS, "%s: cannot use device mapper: be root",
				   CONTROL);
	return report_fail(m->rep, ERA_SYS,
			   "%s: cannot use device mapper: load the kernel's module dm-mod",
			   CONTROL);
}

int mapper_open(struct mapper **to, uint32_t limit_ms, const struct report *rep)
{
	const char *why = NULL;
	struct mapper *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!m)
		return report_nomem(rep);
	m->rep = rep;
	m->limit_ms = limit_ms ? limit_ms : MAPPER_LIMIT_MS;
	m->library = library_open(&why);
	if (!m->library)
		r = report_fail(rep, ERA_SYS, "cannot use device mapper: %s", why);
	else
		r = look_for_kernel(m);
	if (r)
		mapper_close(m);
	else
		*to = m;
	return r;
}

void mapper_close(struct mapper *m)
{
	if (m && m->library)
		library_close(m->library);
	free(m);
}

void mapper_rest(struct mapper *m)
{
	library_rest(m->library);
}

const char *mapper_version(char text[64])
{
	const char *why;
	struct library *library = library_open(&why);
	bool known = library && library_version(library, text, 64);

	if (library)
		library_close(library);
	return known ? text : NULL;
}

int task_failed(const struct mapper *m, const struct task *task, const char *what)
{
	if (task->error == ENXIO)
		return report_fail(m->rep, ERA_SYS,
				   "%s: cannot %s: there is no such device; dmsetup ls lists them",
				   task->name, what);
	if (task->error == EBUSY)
		return report_fail(m->rep, ERA_SYS,
				   "%s: cannot %s: it is in use; stop what uses it", task->name,
				   what);
	return report_fail(m->rep, ERA_SYS,
			   "%s: cannot %s: %s; the kernel's log may say more, see dmesg",
			   task->name, what, strerror(task->error));
}

int mapper_info(struct mapper *m, const char *name, struct mapper_info *info)
{
	struct task task = {.kind = TASK_INFO, .name = name};

	if (!task_run(m, &task))
		return task_failed(m, &task, "look at the device");
	*info = task.info;
	return 0;
}

static int read_table(struct mapper *m, struct task *task, const char *what,
		      struct mapper_table *table)
{
	int r = task_run_limited(m, task, what);

	return r ? r : table_parse(m, task->name, task->text, table);
}

int mapper_table(struct mapper *m, const char *name, struct mapper_table *table)
{
	struct task task = {.kind = TASK_TABLE, .name = name};

	return read_table(m, &task, "read the table", table);
}

int mapper_status(struct mapper *m, const char *name, struct mapper_table *status)
{
	struct task task = {.kind = TASK_STATUS, .name = name};

	return read_table(m, &task, "ask for the status", status);
}

static int run_and_forget(struct mapper *m, struct task *task, const char *what)
{
	int r = task_run_limited(m, task, what);

	free(task->text);
	return r;
}

int mapper_message(struct mapper *m, const char *name, const char *message)
{
	struct task task = {.kind = TASK_MESSAGE, .name = name, .message = message};
	char what[128];

	snprintf(what, sizeof(what), "send the message %.96s", message);
	return run_and_forget(m, &task, what);
}

int mapper_create(struct mapper *m, const char *name, const char *uuid,
		  const struct mapper_table *table, enum mapper_udev udev)
{
	struct task task = {.kind = TASK_CREATE,
			    .name = name,
			    .uuid = uuid,
			    .table = table,
			    .udev = udev};

	return run_and_forget(m, &task, "create the device");
}

int mapper_remove(struct mapper *m, const char *name, enum mapper_udev udev)
{
	struct task task = {.kind = TASK_REMOVE, .name = name, .udev = udev};
	struct mapper_info info;
	int r = mapper_info(m, name, &info);

	if (!r && info.suspended)
		r = report_fail(m->rep, ERA_SYS,
				"%s: is suspended: resume it, by " ERA_PROGRAM
				" ctl %s resume, before it is removed",
				name, name);
	return r ? r : run_and_forget(m, &task, "remove the device");
}

int mapper_load(struct mapper *m, const char *name, const struct mapper_table *table)
{
	struct task task = {.kind = TASK_LOAD, .name = name, .table = table};

	return run_and_forget(m, &task, "load the table");
}

int mapper_clear(struct mapper *m, const char *name)
{
	struct task task = {.kind = TASK_CLEAR, .name = name};

	return run_and_forget(m, &task, "drop the loaded table");
}

int mapper_resume(struct mapper *m, const char *name, enum mapper_udev udev)
{
	struct task task = {.kind = TASK_RESUME, .name = name, .udev = udev};
	struct mapper_info info = {0};
	int r = mapper_info(m, name, &info);

	if (r || (info.exists && !info.suspended && !info.has_loaded))
		return r;
	return run_and_forget(m, &task, "resume the device");
}

/* What the kernel calls a device is a name in /dev, with devtmpfs or udev. */
static bool node_of(const char *numbers, char path[PATH_MAX])
{
	char line[NAME_MAX + 16];
	bool found = false;
	FILE *from;

	snprintf(line, sizeof(line), "/sys/dev/block/%.32s/uevent", numbers);
	from = fopen(line, "re");
	if (!from)
		return false;
	while (!found && fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = '\0';
		found = !strncmp(line, "DEVNAME=", strlen("DEVNAME="));
		if (found)
			snprintf(path, PATH_MAX, "/dev/%s", line + strlen("DEVNAME="));
	}
	fclose(from);
	return found;
}

static bool is_device(int fd, const char *numbers)
{
	char text[32];
	struct stat st;

	if (fstat(fd, &st) || !S_ISBLK(st.st_mode))
		return false;
	snprintf(text, sizeof(text), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return !strcmp(text, numbers);
}

int mapper_device_path(struct mapper *m, const char *numbers, char path[PATH_MAX])
{
	char found[PATH_MAX];

	if (!node_of(numbers, found))
		return report_fail(m->rep, ERA_SYS,
				   "%s: the block device of these numbers is not in /sys: mount it",
				   numbers);
	memcpy(path, found, PATH_MAX);
	return 0;
}

int mapper_open_device(struct mapper *m, const char *numbers, int flags)
{
	char path[PATH_MAX];
	int fd, r = mapper_device_path(m, numbers, path);

	if (r)
		return r;
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return report_errno(m->rep, path, "cannot open");
	if (is_device(fd, numbers))
		return fd;
	close(fd);
	return report_fail(m->rep, ERA_SYS,
			   "%s: is not the block device %s: see what is wrong in /dev", path,
			   numbers);
}

bool mapper_find(struct mapper *m, const char *what, char name[MAPPER_NAME_MAX])
{
	struct task task = {.kind = TASK_INFO, .name = what};
	struct stat st;

	if (strchr(what, '/')) {
		if (stat(what, &st) || !S_ISBLK(st.st_mode))
			return false;
		task.name = NULL;
		task.major = major(st.st_rdev);
		task.minor = minor(st.st_rdev);
	} else if (!*what || strlen(what) >= MAPPER_NAME_MAX) {
		return false;
	}
	if (!task_run(m, &task) || !task.info.exists)
		return false;
	memcpy(name, task.found, MAPPER_NAME_MAX);
	return true;
}
