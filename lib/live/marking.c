/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "live/marking.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/clock.h"
#include "block/dev.h"
#include "live/live.h"
#include "live/pace.h"

#define CACHE_BLOCKS 256u
#define BLOCKS_A_STEP 32u

struct marking {
	struct era_live *live;
	const struct report *rep;
	uint32_t nr_blocks, least_era;
	uint64_t *bits;
	bool was_clean;
	uint32_t doubtful_since;
};

static int refuse_last_era(const struct marking *m, const char *path)
{
	return report_fail(m->rep, ERA_SYS, "%s: era %" PRIu32 " is the last there is", path,
			   UINT32_MAX);
}

/* What a target that was killed has written in its last two eras may still be on its way. */
static int add_doubtful(struct marking *m)
{
	struct era_live_changes changes;
	int r;

	if (m->was_clean)
		return 0;
	era_live_changes_init(&changes, m->doubtful_since, m->bits);
	do
		r = era_live_changes_step(m->live, &changes, BLOCKS_A_STEP);
	while (r > 0);
	return r;
}

static int mark_runs(struct marking *m)
{
	int r = 0;

	for (uint64_t end = 0, first; !r; r = era_live_mark(m->live, first, end - first)) {
		first = bits_next_set(m->bits, end, m->nr_blocks);
		if (first >= m->nr_blocks)
			break;
		end = bits_next_clear(m->bits, first, m->nr_blocks);
	}
	return r;
}

static int begin(struct marking *m, const char *path)
{
	const struct superblock *sb = era_live_sb(m->live);

	if (sb->current_era == UINT32_MAX)
		return refuse_last_era(m, path);
	m->was_clean = !sb->current_root;
	m->doubtful_since = sb->current_era ? sb->current_era - 1 : 0;
	era_live_keep_pace(sb->current_era, 1, clock_ms());
	era_live_leave_eras(m->live, m->least_era);
	return era_live_resume(m->live, m->nr_blocks);
}

static int end(struct marking *m)
{
	int r = m->was_clean ? era_live_archive(m->live) : 0;

	return r ? r : era_live_commit(m->live);
}

static int mark(struct marking *m, const char *path)
{
	int r = begin(m, path);

	if (!r)
		r = add_doubtful(m);
	if (!r)
		r = mark_runs(m);
	return r ? r : end(m);
}

static int mark_all(struct marking *m, struct blk_dev *dev, uint32_t *era)
{
	int r = mark(m, dev->path);

	if (!r)
		*era = era_live_sb(m->live)->current_era;
	era_live_close(m->live);
	return r;
}

int era_mark_blocks(struct blk_dev *dev, uint64_t *bits, uint32_t least_era, uint32_t *era)
{
	struct marking m = {.rep = dev->rep, .bits = bits, .least_era = least_era};
	int r = era_live_open(&m.live, dev, CACHE_BLOCKS);

	if (r)
		return r;
	m.nr_blocks = era_live_sb(m.live)->nr_blocks;
	return mark_all(&m, dev, era);
}

int era_mark_resized(struct blk_dev *dev, uint32_t nr_blocks, uint64_t *bits, uint32_t least_era,
		     uint32_t *era)
{
	struct marking m = {.rep = dev->rep,
			    .nr_blocks = nr_blocks,
			    .least_era = least_era,
			    .bits = bits};
	int r = era_live_open(&m.live, dev, CACHE_BLOCKS);

	return r ? r : mark_all(&m, dev, era);
}
