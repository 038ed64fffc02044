/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What there is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dm/era.h"
#include "era_setup/discards.h"
#include "era_setup/print_json.h"
#include "era_setup/setup.h"
#include "open/untracked.h"
#include "tools/human.h"

#define SECTOR_BYTES 512u

/* A device as it is now. */
struct facts {
	struct tracked t;
	bool active, suspended, has_status;
	const char *discards; /* NULL: it is not active */
	bool was_untracked;   /* and is not, or not yet, tracked again */
	char since[UNTRACKED_SINCE_BYTES];
	struct era_status status;
};

static const char *discards_name(const struct tracked *t, const struct mapper_info *info)
{
	static const char *const names[] = {
		[DISCARDS_UNKNOWN] = "unknown",
		[DISCARDS_OFF] = "off",
		[DISCARDS_ON] = "on",
	};

	return t->entry->pass_discards ? "passed" : names[discards_look(info)];
}

/* Of a suspended device no status can be had. */
static int find_status(const struct setup *s, struct facts *facts)
{
	const char *name = facts->t.entry->name;
	struct mapper_info info;
	int r = mapper_info(s->mapper, name, &info);

	if (r)
		return r;
	facts->suspended = info.suspended;
	facts->discards = discards_name(&facts->t, &info);
	if (info.suspended)
		return 0;
	facts->has_status = true;
	return era_device_status(s->mapper, name, &facts->status);
}

static int find(const struct setup *s, const struct eratab_entry *entry, struct facts *facts)
{
	struct untracked device;
	int r = 0;

	*facts = (struct facts){.t = tracked_of(entry)};
	if (s->mapper)
		r = tracked_is_active(s, &facts->t, &facts->active);
	device = tracked_untracked(&facts->t);
	facts->was_untracked = untracked_since(&device, facts->since) || facts->t.untracked;
	if (!r && facts->active && !facts->t.untracked && !setup_is_brief(s))
		r = find_status(s, facts);
	return r;
}

static void print_line(const struct facts *facts)
{
	const struct eratab_entry *entry = facts->t.entry;
	char size[HUMAN_SIZE_BYTES];

	tool_print("%s: %s, %s, metadata on %s, blocks of %s", entry->name,
		   facts->active ? "active" : "not active", entry->origin, entry->metadata,
		   human_size_rounded((uint64_t)entry->block_sectors * SECTOR_BYTES, size));
	if (facts->was_untracked)
		tool_print("%s: NOT TRACKED since %s", entry->name, facts->since);
}

static void print_status(const struct facts *facts)
{
	const struct era_status *status = &facts->status;
	const char *name = facts->t.entry->name;

	if (facts->suspended)
		tool_print("%s: is suspended", name);
	if (facts->has_status)
		tool_print("%s: era %" PRIu32 "%s, %" PRIu64 " of %" PRIu64
			   " metadata blocks used, discards %s",
			   name, status->era,
			   status->has_snapshot ? ", a metadata snapshot is held" : "",
			   status->nr_used, status->nr_total, facts->discards);
}

static void put(struct json *json, const struct facts *facts)
{
	const struct eratab_entry *entry = facts->t.entry;
	const struct era_status *status = &facts->status;

	json_begin_object(json, NULL);
	json_string(json, "name", entry->name);
	json_string(json, "origin", entry->origin);
	json_string(json, "metadata", entry->metadata);
	json_number(json, "block_size", (uint64_t)entry->block_sectors * SECTOR_BYTES);
	json_bool(json, "active", facts->active);
	json_bool(json, "suspended", facts->suspended);
	json_string(json, "untracked_since", facts->was_untracked ? facts->since : NULL);
	json_string(json, "discards", facts->discards);
	json_number_or_null(json, "current_era", facts->has_status ? status->era : 0);
	json_number_or_null(json, "metadata_blocks", facts->has_status ? status->nr_total : 0);
	json_number_or_null(json, "used_blocks", facts->has_status ? status->nr_used : 0);
	json_bool(json, "snapshot_held", facts->has_status && status->has_snapshot);
	json_end_object(json);
}

static bool is_meant(const struct setup *s, const struct eratab_entry *entry)
{
	return !*s->options->path || !strcmp(s->options->path, entry->name);
}

/* One that fails leaves the others. */
int setup_each(const struct setup *s, struct json *json)
{
	struct facts facts;
	int r = 0, failed;

	for (unsigned i = 0; i < s->tab.nr; i++) {
		if (!is_meant(s, &s->tab.entries[i]))
			continue;
		failed = find(s, &s->tab.entries[i], &facts);
		r = r ? r : failed;
		if (!failed && json) {
			put(json, &facts);
		} else if (!failed) {
			print_line(&facts);
			print_status(&facts);
		}
	}
	return r;
}

int setup_list(struct setup *s)
{
	return s->options->json ? 0 : setup_each(s, NULL);
}

int setup_status(struct setup *s)
{
	struct tracked t;
	int r = *s->options->path ? setup_find(s, &t) : 0;

	return r ? r : setup_list(s);
}
