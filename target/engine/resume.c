/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"
#include "target/engine/engine_internal.h"

/* One bit per data block, all clear. */
static int allocate_marks(struct engine *e, uint64_t nr_blocks)
{
	_Atomic uint64_t *marked = calloc((size_t)bits_words(nr_blocks) + 1, sizeof(*marked));

	if (!marked)
		return report_nomem(&e->rep);
	free(e->marked);
	e->marked = marked;
	return 0;
}

static int resume_live(struct engine *e, uint64_t nr_blocks)
{
	int r;

	engine_begin_doubt(e, nr_blocks);
	r = era_live_resume(e->live, nr_blocks);
	if (!r)
		r = engine_mark_doubtful_at_resume(e);
	if (!r)
		r = era_live_count_writesets(e->live);
	if (r)
		return engine_give_up(e, r);
	engine_show(e);
	engine_publish_era(e);
	engine_believe_doubtful(e);
	return 0;
}

int engine_resume(struct engine *e, uint64_t origin_bytes)
{
	uint64_t nr_blocks = div_up(origin_bytes, e->block_bytes);
	int r;

	if (nr_blocks > ERA_MAX_BLOCKS)
		return report_fail(&e->rep, ERA_SYS,
				   "the origin has %" PRIu64 " blocks, more than %" PRIu64
				   ", the most that dm-era can track",
				   nr_blocks, ERA_MAX_BLOCKS);
	r = engine_flush_origin(e);
	if (r)
		return r;
	era_live_keep_pace(era_live_sb(e->live)->current_era, 1, atomic_load(&e->begun_ms));
	turns_take(&e->turns);
	if (e->failed)
		r = engine_refuse(e);
	if (!r)
		r = allocate_marks(e, nr_blocks);
	if (!r) {
		e->origin_bytes = origin_bytes;
		e->nr_blocks = (uint32_t)nr_blocks;
		r = resume_live(e, nr_blocks);
	}
	turns_give(&e->turns);
	return r ? r : engine_start_digester(e);
}

static int archive(struct engine *e)
{
	int r;

	if (e->failed)
		return engine_refuse(e);
	r = era_live_archive(e->live);
	return r ? engine_give_up(e, r) : engine_commit(e);
}

int engine_suspend(struct engine *e)
{
	int r;

	atomic_store(&e->era, 0);
	engine_drop_pause(e, 0);
	engine_drain(e, 0);
	engine_drain(e, 1);
	engine_stop_digester(e);
	r = engine_flush_origin(e);
	if (r)
		return r;
	turns_take(&e->turns);
	engine_forget_doubt(e);
	r = archive(e);
	turns_give(&e->turns);
	return r;
}
