/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <stdlib.h>

#include "dmera/dmera_internal.h"
#include "dmera/own.h"
#include "metadata/superblock.h"
#include "open/untracked.h"

static int list_waiting(const struct dmera *era, struct dmera_stat *stat)
{
	size_t nr = era_view_nr_writesets(era->view);

	stat->waiting = calloc(nr + 1, sizeof(*stat->waiting));
	if (!stat->waiting)
		return report_nomem(&era->report);
	for (size_t i = 0; i < nr; i++) {
		struct era_writeset writeset = era_view_writeset(era->view, i);

		if (!writeset.is_current)
			stat->waiting[stat->nr_waiting++] = writeset.era;
	}
	return 0;
}

static int read_view(struct dmera *era, const struct era_chunk_listener *listener,
		     struct dmera_stat *stat)
{
	const struct superblock *live = era_view_live_sb(era->view);
	int r = dmera_rewind(era);

	if (!r)
		r = era_counts_read_with(era->view, listener, &stat->counts);
	if (!r)
		r = list_waiting(era, stat);
	stat->nr_metadata_blocks = live->sm.nr_blocks;
	stat->nr_metadata_used = live->sm.nr_allocated;
	return era_view_revalidate(era->view, r);
}

int dmera_get_stat(struct dmera *era, const struct era_chunk_listener *listener,
		   struct dmera_stat *stat)
{
	int r;

	*stat = (struct dmera_stat){0};
	dmera_begin(era, era->view_path);
	if (!era->view)
		return dmera_misused(era, "dmera_get_stat: no metadata are open");
	r = untracked_refuse(era->view_path, &era->report);
	if (!r)
		r = read_view(era, listener, stat);
	return dmera_end(era, r);
}

void dmera_stat_free(struct dmera_stat *stat)
{
	era_counts_free(&stat->counts);
	free(stat->waiting);
}
