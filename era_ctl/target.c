/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/target.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/decimal.h"
#include "base/text.h"
#include "dm/above.h"

#define MS_PER_S 1000u

static bool is_socket(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISSOCK(st.st_mode);
}

static bool is_device(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode);
}

/* Could it be the name of a device? */
static bool may_be_name(const char *path)
{
	return *path && strlen(path) < MAPPER_NAME_MAX && !strchr(path, '/');
}

/* Milliseconds, as many as a uint32_t counts. */
static uint32_t limit_ms(uint32_t timeout_s)
{
	return timeout_s < INT32_MAX / MS_PER_S ? timeout_s * MS_PER_S : INT32_MAX;
}

static int find_device(struct target *t)
{
	int r = mapper_open(&t->mapper, limit_ms(t->timeout_s), &t->tool->report);

	if (r || mapper_find(t->mapper, t->path, t->name))
		return r;
	if (is_device(t->path))
		return report_fail(&t->tool->report, ERA_SYS,
				   "%s: is no device of device mapper: dmsetup ls --target era "
				   "lists era devices",
				   t->path);
	return report_fail(&t->tool->report, ERA_SYS,
			   "%s: cannot connect: there is no socket, and no device of device "
			   "mapper of this name: dmsetup ls --target era lists era devices",
			   t->path);
}

/* A word that is neither: where device mapper can't be asked, that is not worth a message. */
static bool has_mapper(void)
{
	struct mapper *m = NULL;
	int r = mapper_open(&m, 0, NULL);

	mapper_close(m);
	return !r;
}

int target_open(struct target *t, const char *path, uint32_t timeout_s, struct tool *tool)
{
	*t = (struct target){.tool = tool, .path = path, .timeout_s = timeout_s};
	t->peer.fd = -1;
	if (is_socket(path) || (!is_device(path) && !(may_be_name(path) && has_mapper())))
		return peer_open(&t->peer, path, timeout_s, &tool->report);
	return find_device(t);
}

void target_close(struct target *t)
{
	peer_close(&t->peer);
	mapper_close(t->mapper);
	t->mapper = NULL;
}

bool target_is_kernels(const struct target *t)
{
	return t->mapper;
}

int target_check_mounts(const struct target *t, const struct option_texts *mounts)
{
	if (!t->mapper)
		return 0;
	return above_check_mounts(mounts->texts, mounts->nr, t->mapper, t->name, &t->tool->report);
}

int target_ask(struct target *t, const char *request, bool lines)
{
	int r = peer_send(&t->peer, request);

	if (!r)
		r = peer_receive(&t->peer, lines);
	if (!r && peer_refused(&t->peer))
		r = report_fail(&t->tool->report, ERA_SYS, "%s: %s", t->path, t->peer.reply);
	return r;
}

void target_reply(struct target *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vformat(t->peer.reply, sizeof(t->peer.reply), fmt, args);
	va_end(args);
}

static int not_understood(const struct target *t)
{
	return report_fail(&t->tool->report, ERA_SYS, "%s: the reply is not understood: %s",
			   t->path, t->peer.reply);
}

int target_status(struct target *t, struct era_status *status)
{
	int r;

	if (t->mapper)
		return era_device_status(t->mapper, t->name, status);
	r = target_ask(t, "status", false);
	if (!r && !era_status_parse(t->peer.reply, status))
		r = not_understood(t);
	return r;
}

int target_barrier(struct target *t, uint32_t *era)
{
	uint64_t value;
	int r;

	if (t->mapper)
		return era_device_barrier(t->mapper, t->name, era);
	r = target_ask(t, "checkpoint", false);
	if (!r && !decimal_parse(t->peer.reply, strlen(t->peer.reply), UINT32_MAX, &value))
		r = not_understood(t);
	if (!r)
		*era = (uint32_t)value;
	return r;
}
