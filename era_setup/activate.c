/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The target comes and goes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/state_directory.h"
#include "dm/era.h"
#include "dm/guard.h"
#include "era_setup/device_name.h"
#include "era_setup/discards.h"
#include "era_setup/prepare.h"
#include "era_setup/setup.h"
#include "metadata/untracked_mark.h"

#define UNTRACKED_PREFIX "UNTRACKED-"
#define BUSY_MS 5000
#define BUSY_TURN_NS 50000000

/* Where udev runs its rules have done so already, before anybody has heard of the device. */
int setup_keep_discards_off(const struct setup *s, const struct tracked *t)
{
	struct mapper_info info;
	int r = mapper_info(s->mapper, t->entry->name, &info);

	if (!r && !t->entry->pass_discards)
		r = discards_switch_off(t->entry->name, &info, s->rep);
	return r;
}

static int create_target(const struct preparation *a)
{
	const char *name = a->t.entry->name;
	struct era_table era = {.block_sectors = a->t.entry->block_sectors};
	char params[ERA_TABLE_PARAMS], uuid[MAPPER_NAME_MAX];
	struct mapper_target target = {0, a->origin.sectors, "era", params};
	const struct mapper_table table = {.nr = 1, .targets = &target};
	int r;

	snprintf(uuid, sizeof(uuid), DEVICE_UUID_PREFIX "%s", name);
	strcpy(era.metadata, a->metadata);
	strcpy(era.origin, a->origin.numbers);
	era_table_format(&era, params);
	setup_say(a->s, "%s: 0 %" PRIu64 " era %s", name, target.sectors, params);
	if (a->s->options->dry_run)
		return 0;
	r = mapper_create(a->s->mapper, name, uuid, &table, MAPPER_WITH_UDEV);
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
static int for_each(struct setup *s, int (*request)(struct setup *s, struct tracked *t))
{
	struct tracked t;
	int r = 0, failed;

	if (!s->options->all) {
		r = setup_find(s, &t);
		return r ? r : request(s, &t);
	}
	for (unsigned i = 0; i < s->tab.nr; i++) {
		t = tracked_of(&s->tab.entries[i]);
		s->tool->path = t.entry->name;
		failed = request(s, &t);
		r = r ? r : failed;
	}
	return r ? r : s->tab.has_wrong ? ERA_DAMAGED : 0;
}

static int create_linear(struct setup *s, const struct tracked *t, const struct origin *origin)
{
	const char *name = t->entry->name;
	char params[MAPPER_DEVICE_MAX + 2], uuid[MAPPER_NAME_MAX];
	struct mapper_target target = {0, origin->sectors, "linear", params};
	const struct mapper_table table = {.nr = 1, .targets = &target};

	snprintf(uuid, sizeof(uuid), UNTRACKED_PREFIX "%s", name);
	snprintf(params, sizeof(params), "%s 0", origin->numbers);
	return mapper_create(s->mapper, name, uuid, &table, MAPPER_WITH_UDEV);
}

/* The note is of the device by its names, the mark goes where the metadata go.  That these can't be
 * opened may be why there is no target. */
static int mark_untracked(const struct tracked *t, const char *since)
{
	const struct report nobody = {.ctx = NULL};
	struct blk_dev dev;
	int r;

	if (blk_dev_open(&dev, t->metadata, BLK_WRITE, &nobody))
		return 0;
	r = state_is_at_end(&dev);
	if (r >= 0)
		r = untracked_mark_write(&dev, since, r);
	blk_dev_close(&dev);
	return r;
}

static int note_untracked(const struct setup *s, const struct tracked *t)
{
	const struct untracked device = tracked_untracked(t);
	char since[UNTRACKED_SINCE_BYTES];
	int r = untracked_note(&device, s->rep);

	if (!r && untracked_since(&device, since) && mark_untracked(t, since))
		report_note(s->rep,
			    "%s: cannot be marked as untracked: if it gets another path, as the "
			    "origin and the device, too, that is not noticed",
			    t->metadata);
	return r;
}

/* If the line says so: the device is there without its target.  That is remembered before. */
static int degrade(struct setup *s, const struct tracked *t)
{
	struct origin origin;
	int r = origin_open(&origin, t->origin, s->rep);

	if (!r)
		r = note_untracked(s, t);
	origin_close(&origin);
	if (!r)
		r = create_linear(s, t, &origin);
	if (!r)
		tool_always(s->tool,
			    "%s: is NOT TRACKED: there is a linear device in its place, as line "
			    "%" PRIu64 " of %s wants; all blocks will count as written when it is "
			    "tracked again",
			    t->entry->name, t->entry->line, s->options->eratab);
	return r;
}

/* It may have been made where nothing could be remembered. */
static int stay_untracked(struct setup *s, const struct tracked *t)
{
	int r = s->options->dry_run ? 0 : note_untracked(s, t);

	if (r)
		return r;
	if (!t->entry->degraded)
		return report_fail(s->rep, ERA_SYS,
				   "%s: is active, but not tracked; deactivate it first",
				   t->entry->name);
	tool_always(s->tool, "%s: is active already, and NOT TRACKED", t->entry->name);
	return 0;
}

/* Whoever loads its table anew lets discards pass. */
static bool has_discarded(const struct setup *s, const struct tracked *t)
{
	struct mapper_info info;

	return !mapper_info(s->mapper, t->entry->name, &info) && discards_were_done(&info);
}

static int stop_discards(struct setup *s, const struct tracked *t)
{
	const struct preparation p = {.s = s, .t = *t};
	int r = setup_keep_discards_off(s, t);

	if (r || t->entry->pass_discards || !has_discarded(s, t))
		return r;
	report_note(s->rep, "%s: discards have passed, and are not listed", t->entry->name);
	return prepare_note_discards(&p);
}

static int stay_active(struct setup *s, const struct tracked *t)
{
	if (t->untracked)
		return stay_untracked(s, t);
	tool_say(s->tool, "%s: is active already", t->entry->name);
	return s->options->dry_run ? 0 : stop_discards(s, t);
}

static int start(struct setup *s, const struct tracked *t)
{
	struct preparation a = {.s = s, .t = *t};
	int r = prepare(&a);

	return r ? r : create_target(&a);
}

static bool is_busy(const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

/* Who reads the metadata, or marks blocks, has them for a moment.  Were they in use? */
static bool wait_while_busy(const char *metadata)
{
	const struct timespec turn = {.tv_nsec = BUSY_TURN_NS};
	struct timespec end = clock_in(BUSY_MS);
	bool was_busy = false;

	while (is_busy(metadata) && !clock_is_past(&end)) {
		was_busy = true;
		nanosleep(&turn, NULL);
	}
	return was_busy;
}

static int start_or_degrade(struct setup *s, const struct tracked *t)
{
	bool may_degrade = t->entry->degraded && !s->options->dry_run;
	int r;

	if (may_degrade)
		(void)wait_while_busy(t->metadata);
	r = start(s, t);
	if (r && may_degrade && wait_while_busy(t->metadata))
		r = start(s, t);
	return r && may_degrade ? degrade(s, t) : r;
}

static int activate(struct setup *s, struct tracked *t)
{
	bool active;
	int r = tracked_is_active(s, t, &active);

	if (r)
		return r;
	return active ? stay_active(s, t) : start_or_degrade(s, t);
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

	p->has_discarded = has_discarded(p->s, &p->t);
	if (!r && !p->s->options->dry_run)
		r = mapper_remove(p->s->mapper, name, MAPPER_WITH_UDEV);
	if (!r)
		setup_say(p->s, "%s: the target is stopped", name);
	if (r || p->s->options->dry_run)
		return r;
	if (!p->t.untracked)
		r = prepare_remember(p);
	if (!r && p->t.untracked)
		r = note_untracked(p->s, &p->t);
	if (!r && !p->t.entry->noauto)
		tool_say(p->s->tool,
			 "%s: starts again at the next boot, unless " ERA_PROGRAM
			 " setup disable %s takes it from %s",
			 name, name, p->s->options->eratab);
	return r;
}

static int deactivate(struct setup *s, struct tracked *t)
{
	struct preparation p = {.s = s};
	bool active;
	int r = tracked_is_active(s, t, &active);

	if (r)
		return r;
	p.t = *t;
	if (active)
		return stop(&p);
	tool_say(s->tool, "%s: is not active", t->entry->name);
	return 0;
}

int setup_deactivate(struct setup *s)
{
	return for_each(s, deactivate);
}

static int refuse_held(const struct setup *s, const char *name)
{
	struct era_status status;
	int r = era_device_status(s->mapper, name, &status);

	if (!r && status.has_snapshot)
		r = report_fail(s->rep, ERA_SYS,
				"%s: a metadata snapshot is held, and there can be one only: drop "
				"it first",
				name);
	return r;
}

static int drop_snapshot(const struct preparation *p)
{
	const char *name = p->t.entry->name;
	struct era_status status;
	int r = era_device_status(p->s->mapper, name, &status);

	if (!r && status.has_snapshot)
		r = mapper_message(p->s->mapper, name, "drop_metadata_snap");
	return r;
}

static bool undo_snapshot(void *ctx)
{
	return !drop_snapshot(ctx);
}

static int take_and_remember(struct preparation *p)
{
	int r, dropped;

	do {
		r = mapper_message(p->s->mapper, p->t.entry->name, "take_metadata_snap");
		if (r)
			return r;
		r = prepare_remember_active(p);
		dropped = drop_snapshot(p);
	} while (r > 0 && !dropped);
	return r ? r : dropped;
}

/* With a metadata snapshot of its own, which a guard drops if this program is killed. */
static int remember(struct preparation *p)
{
	const char *name = p->t.entry->name;
	struct guard guard;
	int r = refuse_held(p->s, name);

	if (!r)
		r = guard_begin(&guard, undo_snapshot, p, 0, name, p->s->rep);
	if (r)
		return r;
	r = take_and_remember(p);
	guard_dismiss(&guard);
	if (!r)
		tool_say(p->s->tool, "%s: what the origin is now is remembered", name);
	return r;
}

static int remember_active(struct setup *s, struct tracked *t)
{
	struct preparation p = {.s = s};
	bool active;
	int r = tracked_is_active(s, t, &active);

	if (r)
		return r;
	p.t = *t;
	if (!active || t->untracked) {
		tool_say(s->tool, "%s: is not %s", t->entry->name, active ? "tracked" : "active");
		return 0;
	}
	p.has_discarded = has_discarded(s, t);
	r = find_length(s, t->entry->name, &p.sectors);
	if (s->options->dry_run)
		setup_say(s, "%s: what the origin is now is remembered", t->entry->name);
	return r || s->options->dry_run ? r : remember(&p);
}

int setup_remember(struct setup *s)
{
	return for_each(s, remember_active);
}

int setup_settle(struct setup *s)
{
	setup_say(s, "what was noted before " STATE_DIRECTORY " was there is noted in it");
	return s->options->dry_run ? 0 : untracked_settle(s->rep);
}
