/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The target comes and goes. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "era_setup/discards.h"
#include "era_setup/prepare.h"
#include "era_setup/setup.h"

#define UUID_PREFIX "ERA-"
#define UDEV_LIMIT_MS 10000
#define UDEV_TURN_MS 10

/* udev, if there is one, has a file for each device that it has processed. */
static void wait_for_udev(const struct mapper_info *info)
{
	int64_t until = clock_ms() + UDEV_LIMIT_MS;
	char path[64];

	if (access("/run/udev/control", F_OK))
		return;
	snprintf(path, sizeof(path), "/run/udev/data/b%" PRIu32 ":%" PRIu32, info->major,
		 info->minor);
	while (access(path, F_OK) && clock_ms() < until)
		poll(NULL, 0, UDEV_TURN_MS);
}

/* Before anybody hears of it. */
int setup_keep_discards_off(const struct setup *s, const struct tracked *t)
{
	struct mapper_info info;
	int r = mapper_info(s->mapper, t->entry->name, &info);

	if (!r && !t->entry->pass_discards)
		r = discards_switch_off(t->entry->name, &info, s->rep);
	if (!r)
		wait_for_udev(&info);
	return r;
}

static int create_target(const struct preparation *a)
{
	const char *name = a->t.entry->name;
	char params[3 * MAPPER_DEVICE_MAX], uuid[MAPPER_NAME_MAX];
	struct mapper_target target = {0, a->origin.sectors, "era", params};
	const struct mapper_table table = {.nr = 1, .targets = &target};
	int r;

	snprintf(uuid, sizeof(uuid), UUID_PREFIX "%s", name);
	snprintf(params, sizeof(params), "%s %s %" PRIu32, a->metadata, a->origin.numbers,
		 a->t.entry->block_sectors);
	setup_say(a->s, "%s: 0 %" PRIu64 " era %s", name, target.sectors, params);
	if (a->s->options->dry_run)
		return 0;
	r = mapper_create(a->s->mapper, name, uuid, &table, MAPPER_WITHOUT_UDEV);
	if (r)
		return r;
	r = setup_keep_discards_off(a->s, &a->t);
	if (r && mapper_remove(a->s->mapper, name, MAPPER_WITH_UDEV))
		report_fail(a->s->rep, ERA_SYS, "%s: is there, with discards", name);
	return r;
}

static int find(struct setup *s, struct tracked *t, bool *active)
{
	int r = setup_find(s, t);

	return r ? r : tracked_is_active(s, t, active);
}

/* For the device on the command line, or each of the table: one that fails leaves the others, and a
 * line that is wrong has failed. */
static int for_each(struct setup *s, int (*request)(struct setup *s, const struct tracked *t))
{
	struct tracked t;
	int r = 0, failed;

	if (!s->options->all) {
		r = setup_find(s, &t);
		return r ? r : request(s, &t);
	}
	for (unsigned i = 0; i < s->tab.nr; i++) {
		t = tracked_of(&s->tab.entries[i]);
		failed = request(s, &t);
		r = r ? r : failed;
	}
	return r ? r : s->tab.has_wrong ? ERA_DAMAGED : 0;
}

static int activate(struct setup *s, const struct tracked *t)
{
	struct preparation a = {.s = s, .t = *t};
	bool active;
	int r = tracked_is_active(s, t, &active);

	if (r)
		return r;
	if (active) {
		tool_say(s->tool, "%s: is active already", a.t.entry->name);
		return s->options->dry_run ? 0 : setup_keep_discards_off(s, &a.t);
	}
	r = prepare(&a);
	return r ? r : create_target(&a);
}

int setup_activate(struct setup *s)
{
	return for_each(s, activate);
}

int setup_find_stopped(struct setup *s, struct tracked *t)
{
	bool active;
	int r = find(s, t, &active);

	if (!r && active)
		r = report_fail(s->rep, ERA_SYS, "%s: is active; deactivate it first",
				t->entry->name);
	return r;
}

/* What only a target that is stopped can get. */
static int change(struct preparation *a)
{
	int r = setup_find_stopped(a->s, &a->t);

	return r ? r : prepare(a);
}

int setup_resize(struct setup *s)
{
	struct preparation a = {.s = s, .may_shrink = true};
	bool active;
	int r = find(s, &a.t, &active);

	if (!r)
		r = active ? setup_grow(s, &a.t) : prepare(&a);
	return r;
}

int setup_mark(struct setup *s)
{
	struct preparation a = {.s = s, .marks_all = true};

	return change(&a);
}

static int find_length(const struct setup *s, const char *name, uint64_t *sectors)
{
	struct mapper_table table = {0};
	int r = mapper_table(s->mapper, name, &table);

	if (!r)
		*sectors = table.targets[0].sectors;
	mapper_table_free(&table);
	return r;
}

static int stop(struct preparation *p)
{
	const char *name = p->t.entry->name;
	int r = find_length(p->s, name, &p->sectors);

	setup_say(p->s, "%s: the target is stopped", name);
	if (r || p->s->options->dry_run)
		return r;
	r = mapper_remove(p->s->mapper, name, MAPPER_WITH_UDEV);
	if (!r)
		r = prepare_remember(p);
	if (!r && !p->t.entry->noauto)
		tool_say(p->s->tool,
			 "%s: starts again at the next boot, unless " ERA_PROGRAM
			 " setup disable %s takes it from %s",
			 name, name, p->s->options->eratab);
	return r;
}

static int deactivate(struct setup *s, const struct tracked *t)
{
	struct preparation p = {.s = s, .t = *t};
	bool active;
	int r = tracked_is_active(s, t, &active);

	if (r)
		return r;
	if (active)
		return stop(&p);
	tool_say(s->tool, "%s: is not active", t->entry->name);
	return 0;
}

int setup_deactivate(struct setup *s)
{
	return for_each(s, deactivate);
}
