/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_repair/all_written.h"

#include <inttypes.h>

#include "metadata/view.h"
#include "open/open.h"
#include "salvage/first_era.h"

static int find_sound(struct era_header *header, struct blk_dev *dev, unsigned flags)
{
	struct era_view *view;
	int r = era_view_open_dev(&view, dev, flags);

	if (r)
		return r;
	era_header_of(era_view_sb(view), header);
	header->current_era = era_view_live_sb(view)->current_era;
	r = era_view_revalidate(view, 0);
	era_view_close(view);
	return r;
}

static int find_destroyed(struct era_header *header, struct blk_dev *dev,
			  const struct salvage_options *options, struct tool *tool)
{
	struct era_salvage *s;
	int r = salvage_open(&s, dev, options, tool);

	if (r)
		return r;
	*header = *era_salvage_header(s);
	era_salvage_close(s);
	return 0;
}

int all_written_find(struct all_written *all, struct blk_dev *dev, unsigned flags,
		     const struct salvage_options *salvage, struct tool *tool)
{
	int r = salvage ? find_destroyed(&all->header, dev, salvage, tool)
			: find_sound(&all->header, dev, flags);

	if (r)
		return r;
	all->header.current_era = first_era_of_unknown(all->header.current_era);
	all->rep = &tool->report;
	return 0;
}

int all_written_produce(void *ctx, const struct era_stream *to)
{
	const struct all_written *all = ctx;

	return era_stream_written(&all->header, to, all->rep);
}

enum exit_status all_written_status(const struct all_written *all, struct tool *tool)
{
	tool_always(tool, "%s: all %" PRIu32 " blocks count as written in era %" PRIu32, tool->path,
		    all->header.nr_blocks, all->header.current_era);
	return STATUS_UNKNOWN;
}
