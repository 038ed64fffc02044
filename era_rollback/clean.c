/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What only the cache has is written to the origin: the policy cleaner does nothing else, and in
 * writethrough mode nothing becomes dirty meanwhile.
 *
 * The kernel forgets the hints of a policy when another takes its place, so a cache that has
 * nothing to clean keeps its own.
 *
 * The cache's own table is in the progress by then: a run that is killed leaves the other.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "era_backup/cancel.h"
#include "era_rollback/rollback.h"

#define TURN_MS 200

static int count_dirty(struct rollback *r, uint64_t *nr)
{
	struct mapper_table status = {0};
	struct cache_status s;
	int e = mapper_status(r->mapper, r->cache.name, &status);

	if (!e && (status.nr != 1 || !cache_status_parse(status.targets[0].params, &s)))
		e = report_fail(r->rep, ERA_SYS, "%s: the cache has failed", r->cache.name);
	if (!e)
		*nr = s.nr_dirty;
	mapper_table_free(&status);
	return e;
}

static bool is_mode(const char *word)
{
	return !strcmp(word, "writeback") || !strcmp(word, "writethrough") ||
	       !strcmp(word, "passthrough");
}

/* All features but the mode. */
static void put_features(const char *options, char *to, size_t size, unsigned *nr)
{
	char copy[LAYER_PARAMS], *rest = copy, *word;
	unsigned left = 0;
	size_t len = 0;

	snprintf(copy, sizeof(copy), "%s", options);
	word = strsep(&rest, " ");
	if (word)
		sscanf(word, "%u", &left);
	*nr = 1;
	to[0] = '\0';
	for (; left && (word = strsep(&rest, " ")); left--) {
		if (is_mode(word) || len + strlen(word) + 2 > size)
			continue;
		to[len++] = ' ';
		strcpy(to + len, word);
		len += strlen(word);
		(*nr)++;
	}
}

static int load(struct rollback *r, const char *params)
{
	char kind[] = "cache", text[LAYER_PARAMS];
	struct mapper_target target = {0, r->cache.sectors, kind, text};
	const struct mapper_table table = {.nr = 1, .targets = &target};
	int e;

	snprintf(text, sizeof(text), "%s", params);
	e = mapper_load(r->mapper, r->cache.name, &table);
	return e ? e : mapper_resume(r->mapper, r->cache.name, MAPPER_WITH_UDEV);
}

static int load_cleaner(struct rollback *r)
{
	const struct cache_table *t = &r->cache_table;
	char params[LAYER_PARAMS], features[LAYER_PARAMS / 2];
	unsigned nr;

	put_features(t->options, features, sizeof(features), &nr);
	if ((size_t)snprintf(params, sizeof(params),
			     "%s %s %s %" PRIu32 " %u writethrough%s cleaner 0", t->metadata,
			     t->cache, t->origin, t->block_sectors, nr, features) >= sizeof(params))
		return report_fail(r->rep, ERA_SYS, "%s: its table is too long", r->cache.name);
	r->is_cleaning = true;
	return load(r, params);
}

int clean_undo(struct rollback *r)
{
	int e = r->is_cleaning ? load(r, r->cache.params) : 0;

	if (e)
		report_note(r->rep, "%s: has the policy cleaner; its table was: %s", r->cache.name,
			    r->cache.params);
	else
		r->is_cleaning = false;
	return e;
}

static int too_slow(const struct rollback *r, uint64_t nr)
{
	return report_fail(
		r->rep, ERA_SYS,
		"%s: after %" PRIu32 " s %" PRIu64
		" cache blocks are still dirty: see in the kernel's log whether the origin fails; "
		"wait longer with --limit, or give these writes up with --drop-all",
		r->cache.name, r->options->limit_s, nr);
}

/* The unused cache has nothing to write but what is dirty. */
static int wait_until_clean(struct rollback *r, uint64_t total)
{
	int64_t until = clock_ms() + (int64_t)r->options->limit_s * 1000;
	uint64_t block = (uint64_t)r->cache_table.block_sectors * 512, nr = total;
	int e = 0;

	while (!e && nr) {
		e = count_dirty(r, &nr);
		if (!e && nr > total)
			total = nr;
		if (!e)
			report_progress(r->rep, PROGRESS_CLEAN, (total - nr) * block,
					total * block);
		if (!e && cancel_noted)
			return ERA_CANCELLED;
		if (!e && nr && clock_ms() >= until)
			return too_slow(r, nr);
		if (!e && nr)
			poll(NULL, 0, TURN_MS);
	}
	r->nr_cleaned = total;
	return e;
}

int clean_cache(struct rollback *r)
{
	uint64_t nr;
	int e;

	if (!r->cache.active || r->options->drop_all)
		return 0;
	e = count_dirty(r, &nr);
	if (e || !nr)
		return e;
	rollback_say(r, "%s: %" PRIu64 " dirty cache blocks are written to the origin",
		     r->cache.name, nr);
	if (r->options->dry_run)
		return 0;
	e = progress_write(r, r->step == STEP_NONE ? STEP_STOPPING : r->step);
	if (!e)
		e = load_cleaner(r);
	if (!e)
		e = wait_until_clean(r, nr);
	return e;
}
