/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* New metadata for a device, and its line in the table. */
#include <inttypes.h>
#include <string.h>

#include "build/written.h"
#include "era_setup/origin.h"
#include "era_setup/prepare.h"
#include "era_setup/setup.h"
#include "metadata/untracked_mark.h"
#include "salvage/first_era.h"

static int refuse(const struct setup *s, const struct eratab_entry *entry)
{
	const char *what, *why = eratab_refuse(entry, &what);
	const struct eratab_entry *other = eratab_find(&s->tab, entry->name);
	const char *const devices[] = {entry->origin, entry->metadata};

	if (why)
		return report_fail(s->rep, ERA_SYS, "%s: %s", what, why);
	if (other)
		return report_fail(s->rep, ERA_SYS, "%s: is in line %" PRIu64 " of %s already",
				   entry->name, other->line, s->options->eratab);
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		if (eratab_find_device(&s->tab, devices[i]))
			return report_fail(s->rep, ERA_SYS, "%s: belongs to %s already", devices[i],
					   eratab_find_device(&s->tab, devices[i]));
	return 0;
}

static int format(struct setup *s, const struct tracked *t, struct era_build *build,
		  uint32_t nr_blocks)
{
	struct era_header header = {t->entry->block_sectors, nr_blocks, 0};
	int r = first_era(era_build_dev(build), NULL, &header.current_era);

	if (!r)
		r = setup_fit(s, era_build_dev(build), nr_blocks);
	if (r)
		return r;
	setup_say(s, "%s: metadata for %" PRIu32 " blocks; all count as written in era %" PRIu32,
		  t->metadata, nr_blocks, header.current_era);
	if (s->options->dry_run)
		return 0;
	r = era_build_feed_written(build, &header, s->rep);
	if (!r)
		r = era_build_commit(build);
	return r ? r : untracked_mark_clear(era_build_dev(build));
}

static int refuse_same(const struct setup *s, const struct tracked *t, const struct origin *origin)
{
	char numbers[MAPPER_DEVICE_MAX];
	int r = origin_numbers(t->metadata, numbers, s->rep);

	if (!r && !strcmp(numbers, origin->numbers))
		r = report_fail(s->rep, ERA_SYS, "%s: is the origin, too", t->metadata);
	return r;
}

static int make_metadata(struct setup *s, const struct tracked *t, const struct origin *origin)
{
	const unsigned flags = ERA_BUILD_KEEP_SOUND | ERA_BUILD_RECOMMENDED |
			       (s->options->force ? ERA_BUILD_FORCE : 0);
	struct era_build *build;
	uint32_t nr_blocks;
	int r = origin_count_blocks(origin, t->origin, t->entry->block_sectors, &nr_blocks, s->rep);

	if (!r)
		r = refuse_same(s, t, origin);
	if (!r)
		r = era_build_open(&build, t->metadata, flags, s->rep);
	if (r)
		return r;
	r = format(s, t, build, nr_blocks);
	era_build_close(build);
	return r;
}

static int add_line(const struct setup *s, const struct eratab_entry *entry)
{
	char text[ERATAB_OPTIONS_BYTES];

	setup_say(s, "%s: %s %s %s %" PRIu32 "k %s", s->options->eratab, entry->name, entry->origin,
		  entry->metadata, entry->block_sectors / 2, eratab_options(entry, text));
	return s->options->dry_run ? 0 : eratab_put(s->options->eratab, entry, s->rep);
}

/* So that writes before the first start of the target are noticed. */
static int remember(struct setup *s, const struct tracked *t, uint64_t sectors)
{
	struct preparation p = {.s = s, .t = *t, .is_new = true, .sectors = sectors};

	return s->options->dry_run ? 0 : prepare_remember(&p);
}

static int create(struct setup *s, const struct tracked *t)
{
	struct origin origin;
	int r = origin_open(&origin, t->origin, s->rep);

	if (!r)
		r = make_metadata(s, t, &origin);
	origin_close(&origin);
	if (!r)
		r = remember(s, t, origin.sectors);
	if (!r)
		r = add_line(s, t->entry);
	if (!r && s->options->enable)
		setup_tell_system(s, t->origin);
	return r;
}

static int create_locked(struct setup *s)
{
	const struct setup_options *options = s->options;
	const struct eratab_entry entry = {
		.name = options->path,
		.origin = options->origin,
		.metadata = options->metadata,
		.block_sectors = options->block_sectors,
		.pass_discards = options->pass_discards,
	};
	struct tracked t;
	int r = refuse(s, &entry);

	if (r)
		return r;
	t = tracked_of(&entry);
	return create(s, &t);
}

int setup_create(struct setup *s)
{
	return setup_change_table(s, create_locked);
}
