/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmera/dmera_internal.h"
#include "dmera/own.h"
#include "metadata/superblock.h"

static uint32_t count_waiting(const struct era_view *view)
{
	uint32_t nr = 0;

	for (size_t i = 0; i < era_view_nr_writesets(view); i++)
		nr += !era_view_writeset(view, i).is_current;
	return nr;
}

bool dmera_is_waiting(const struct dmera *era, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < era_view_nr_writesets(era->view); i++) {
		struct era_writeset writeset = era_view_writeset(era->view, i);

		if (!writeset.is_current && first <= writeset.era && writeset.era <= last)
			return true;
	}
	return false;
}

int dmera_get_stat(struct dmera *era, const struct era_chunk_listener *listener,
		   struct dmera_stat *stat)
{
	const struct superblock *live;
	int r;

	*stat = (struct dmera_stat){0};
	dmera_begin(era, era->view_path);
	if (!era->view)
		return dmera_misused(era, "dmera_get_stat: no metadata are open");
	r = dmera_rewind(era);
	if (!r)
		r = era_counts_read_with(era->view, listener, &stat->counts);
	r = era_view_revalidate(era->view, r);
	if (r) {
		era_counts_free(&stat->counts);
		return dmera_end(era, r);
	}
	live = era_view_live_sb(era->view);
	stat->nr_waiting = count_waiting(era->view);
	stat->nr_metadata_blocks = live->sm.nr_blocks;
	stat->nr_metadata_used = live->sm.nr_allocated;
	return dmera_end(era, 0);
}
