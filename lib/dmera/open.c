/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmera/dmera_internal.h"
#include "open/open.h"

#define KNOWN_FLAGS (DMERA_SNAPSHOT | DMERA_REPAIR)

static unsigned view_flags(unsigned flags)
{
	return (flags & DMERA_SNAPSHOT ? ERA_VIEW_SNAPSHOT : 0) |
	       (flags & DMERA_REPAIR ? ERA_VIEW_REPAIR : 0);
}

int dmera_open(struct dmera *era, const char *path, unsigned flags)
{
	int r;

	dmera_begin(era, path);
	if (flags & ~(unsigned)KNOWN_FLAGS)
		return dmera_misused(era, "dmera_open: unknown flags");
	if (!path)
		return dmera_misused(era, "dmera_open: no path");
	if (era->is_open)
		return dmera_misused(era, "dmera_open: metadata are open already");
	r = era_view_open(&era->view, path, view_flags(flags), &era->report);
	era->is_open = !r;
	era->was_read = false;
	return dmera_end(era, r);
}

void dmera_close(struct dmera *era)
{
	if (era->is_open)
		era_view_close(&era->view);
	era->is_open = false;
}

static uint32_t fact_flags(const struct era_view *view, bool is_unflushed)
{
	return (view->flags & ERA_VIEW_SNAPSHOT ? DMERA_IS_SNAPSHOT : 0) |
	       (view->live.metadata_snap ? DMERA_HAS_SNAPSHOT : 0) |
	       (view->live.current_root ? 0 : DMERA_IS_CLEAN) |
	       (is_unflushed ? DMERA_IS_UNFLUSHED : 0);
}

/* A target that runs begins eras at any time, and where anything is in doubt the current era may be higher
 * than the one that goes on. */
static uint32_t era_to_remember(const struct era_view *view)
{
	if (view->flags & (ERA_VIEW_SNAPSHOT | ERA_VIEW_ALL_LOST) || view->nr_problems)
		return 0;
	return view->sb.current_era + (view->sb.current_era < UINT32_MAX);
}

int dmera_get_facts(struct dmera *era, struct dmera_facts *facts, size_t size)
{
	const struct era_view *view = &era->view;
	struct dmera_facts found;
	uint32_t since = 0;
	bool is_unflushed;

	dmera_begin(era, NULL);
	if (!era->is_open)
		return dmera_misused(era, "dmera_get_facts: no metadata are open");
	is_unflushed = superblock_is_unflushed(&view->live, &since);
	found = (struct dmera_facts){
		.block_size = superblock_block_bytes(&view->sb),
		.nr_blocks = view->sb.nr_blocks,
		.nr_problems = view->nr_problems,
		.flags = fact_flags(view, is_unflushed),
		.era = view->sb.current_era,
		.live_era = view->live.current_era,
		.era_to_remember = era_to_remember(view),
		.unflushed_since = since,
	};
	dmera_copy_out(facts, size, &found, sizeof(found));
	return DMERA_OK;
}
