/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/view.h"

#include <inttypes.h>

#include "base/report.h"
#include "open/open.h"
#include "open/untracked.h"
#include "target/log.h"

static int open_view(const struct target_view *v, struct era_view **view)
{
	struct blk_dev dev;
	int r = blk_dev_dup(&v->metadata->dev, &dev);

	if (r)
		return r;
	r = untracked_refuse_dev(&dev);
	if (!r)
		return era_view_open_dev(view, &dev, v->is_snapshot ? ERA_VIEW_SNAPSHOT : 0);
	blk_dev_close(&dev);
	return r;
}

void target_view_live(struct target_view *v, const struct metadata *metadata)
{
	*v = (struct target_view){.metadata = metadata};
}

static int judge(const char *path, uint32_t found, uint32_t live, uint64_t wanted)
{
	if (found == wanted || (wanted == TARGET_LIVE_ERA && found == live))
		return 0;
	if (wanted != TARGET_LIVE_ERA)
		return report_fail(&log_report, ERA_NO_ANSWER,
				   "%s: the metadata snapshot is of era %" PRIu32
				   ", wanted one of era %" PRIu64
				   "; the live metadata are in era %" PRIu32
				   ": drop it and take another",
				   path, found, wanted, live);
	return report_fail(&log_report, ERA_NO_ANSWER,
			   "%s: the metadata snapshot is of era %" PRIu32
			   ", the live metadata are in era %" PRIu32
			   ": it was left over, and lacks what was written since: drop it and take "
			   "another, or say that it is the one you mean (era-snapshot-era=%" PRIu32
			   ")",
			   path, found, live, found);
}

int target_view_snapshot(struct target_view *v, const struct metadata *metadata, uint64_t wanted)
{
	const struct superblock *live;
	struct era_view *view;
	int r;

	*v = (struct target_view){.metadata = metadata, .is_snapshot = true};
	r = open_view(v, &view);
	if (r)
		return r;
	live = era_view_live_sb(view);
	v->snapshot = live->metadata_snap;
	v->era = era_view_sb(view)->current_era;
	r = judge(metadata->dev.path, v->era, live->current_era, wanted);
	era_view_close(view);
	return r;
}

int target_view_open(const struct target_view *v, struct era_view **view)
{
	struct era_view *opened;
	int r = open_view(v, &opened);

	if (r)
		return r;
	if (!v->is_snapshot || (era_view_live_sb(opened)->metadata_snap == v->snapshot &&
				era_view_sb(opened)->current_era == v->era)) {
		*view = opened;
		return 0;
	}
	era_view_close(opened);
	return report_fail(&log_report, ERA_NO_ANSWER,
			   "%s: the metadata snapshot is another one than at the start of this "
			   "server, which was of era %" PRIu32 ": start the server again",
			   v->metadata->dev.path, v->era);
}
