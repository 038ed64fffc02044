/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/open.h"

#include <stdlib.h>
#include <string.h>

#include "dmera/dmera_internal.h"
#include "metadata/superblock.h"

#define KNOWN_FLAGS (DMERA_SNAPSHOT | DMERA_REPAIR | DMERA_SUSPENDED)

static unsigned view_flags(unsigned flags)
{
	return (flags & DMERA_SNAPSHOT ? ERA_VIEW_SNAPSHOT : 0) |
	       (flags & DMERA_REPAIR ? ERA_VIEW_REPAIR : 0) |
	       (flags & DMERA_SUSPENDED ? ERA_VIEW_SUSPENDED : 0);
}

static int open_view(struct dmera *era, const char *path, unsigned flags)
{
	struct era_view *view;
	int r;

	era->view_path = strdup(path);
	if (!era->view_path)
		return report_nomem(&era->report);
	r = era_view_open(&view, path, view_flags(flags), &era->report);
	if (r) {
		dmera_close(era);
		return r;
	}
	era->view = view;
	era->is_snapshot = flags & DMERA_SNAPSHOT;
	era->was_read = false;
	return 0;
}

int dmera_open(struct dmera *era, const char *path, unsigned flags)
{
	dmera_begin(era, path);
	if (flags & ~(unsigned)KNOWN_FLAGS)
		return dmera_misused(era, "dmera_open: unknown flags");
	if (flags & DMERA_SNAPSHOT && flags & DMERA_SUSPENDED)
		return dmera_misused(era, "dmera_open: DMERA_SNAPSHOT and DMERA_SUSPENDED exclude "
					  "each other");
	if (!path)
		return dmera_misused(era, "dmera_open: no path");
	if (era->view)
		return dmera_misused(era, "dmera_open: metadata are open already");
	return dmera_end(era, open_view(era, path, flags));
}

void dmera_close(struct dmera *era)
{
	era_view_close(era->view);
	free(era->view_path);
	era->view = NULL;
	era->view_path = NULL;
}

static uint32_t fact_flags(const struct dmera *era, bool is_unflushed)
{
	const struct superblock *live = era_view_live_sb(era->view);

	return (era->is_snapshot ? DMERA_IS_SNAPSHOT : 0) |
	       (live->metadata_snap ? DMERA_HAS_SNAPSHOT : 0) |
	       (live->current_root ? 0 : DMERA_IS_CLEAN) | (is_unflushed ? DMERA_IS_UNFLUSHED : 0);
}

/* A target that runs begins eras at any time, and where anything is in doubt the current era may
 * be higher than the one that goes on. */
static uint32_t era_to_remember(const struct dmera *era, bool is_unflushed)
{
	uint32_t current = era_view_sb(era->view)->current_era;

	if (era->is_snapshot || is_unflushed || era_view_nr_problems(era->view))
		return 0;
	return current + (current < UINT32_MAX);
}

int dmera_get_facts(struct dmera *era, struct dmera_facts *facts, size_t size)
{
	const struct superblock *sb, *live;
	struct dmera_facts found;
	uint32_t since = 0;
	bool is_unflushed;

	dmera_begin(era, NULL);
	if (!era->view)
		return dmera_misused(era, "dmera_get_facts: no metadata are open");
	if (!facts)
		return dmera_misused(era, "dmera_get_facts: no place for the facts");
	sb = era_view_sb(era->view);
	live = era_view_live_sb(era->view);
	is_unflushed = superblock_is_unflushed(live, &since);
	found = (struct dmera_facts){
		.block_size = superblock_block_bytes(sb),
		.nr_blocks = sb->nr_blocks,
		.nr_problems = era_view_nr_problems(era->view),
		.flags = fact_flags(era, is_unflushed),
		.era = sb->current_era,
		.live_era = live->current_era,
		.era_to_remember = era_to_remember(era, is_unflushed),
		.unflushed_since = since,
	};
	dmera_copy_out(facts, size, &found, sizeof(found));
	return DMERA_OK;
}
