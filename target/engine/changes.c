/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The question what was written since an era.  The answer is gathered in turns that read a few
 * dozen blocks each, so that a mark waits for no more than that.
 *
 * The first turn takes over the bits of the current era, as they are at that moment.  What was
 * marked before in the current era is among them, and what was marked in older eras is in the
 * metadata already, in a writeset or, once digested, in the era array, which is read last.
 */
#include <inttypes.h>

#include "target/engine/engine_internal.h"

static int refuse_future(struct engine *e, uint32_t since)
{
	return report_fail(&e->rep, ERA_NO_ANSWER,
			   "era %" PRIu32 " is after the current one, %" PRIu32
			   ": these metadata can't have tracked it; treat every block as written",
			   since, era_live_sb(e->live)->current_era);
}

/* With the turn, so that no bit is set meanwhile. */
static int copy_marks(struct engine *e, uint32_t since, uint64_t *bits)
{
	uint64_t nr_words = bits_words(e->nr_blocks);
	uint32_t era = era_live_sb(e->live)->current_era;

	if (e->failed)
		return engine_refuse(e);
	if (since > era + UINT64_C(1))
		return refuse_future(e, since);
	for (uint64_t i = 0; i < nr_words; i++)
		bits[i] = since > era ? 0 : engine_marked_word(e, i);
	return 0;
}

static int read_some(struct engine *e, struct era_live_changes *changes)
{
	int r;

	turns_take(&e->turns);
	r = e->failed ? engine_refuse(e)
		      : era_live_changes_step(e->live, changes, ENGINE_BLOCKS_A_TURN);
	turns_give(&e->turns);
	return r;
}

int engine_read_changes(struct engine *e, uint32_t since, uint64_t *bits,
			bool (*goes_on)(void *ctx), void *ctx, uint32_t *era)
{
	struct era_live_changes changes;
	int r;

	turns_take(&e->turns);
	r = copy_marks(e, since, bits);
	*era = era_live_sb(e->live)->current_era;
	turns_give(&e->turns);
	era_live_changes_init(&changes, since, bits);
	if (!r)
		r = 1;
	while (r > 0) {
		if (goes_on && !goes_on(ctx))
			return ERA_CANCELLED;
		r = read_some(e, &changes);
	}
	return r;
}

int engine_changes(struct engine *e, uint32_t since, uint64_t *bits)
{
	uint32_t era;

	return engine_read_changes(e, since, bits, NULL, NULL, &era);
}

/* With the turn. */
static enum engine_added add_marks(struct engine *e, uint64_t *bits, bool may_change)
{
	uint64_t nr_words = bits_words(e->nr_blocks);

	for (uint64_t i = 0; i < nr_words; i++) {
		uint64_t missing = engine_marked_word(e, i) & ~bits[i];

		if (missing && !may_change)
			return ENGINE_MISSING;
		if (missing)
			bits[i] |= missing;
	}
	return ENGINE_ADDED;
}

/* While that era lasts, nothing but its bits can be new; and those are not asked for when `since`
 * is the next one. */
enum engine_added engine_add_marks(struct engine *e, uint32_t since, uint32_t era, uint64_t *bits,
				   bool may_change)
{
	enum engine_added r = ENGINE_OTHER_ERA;

	turns_take(&e->turns);
	if (!e->failed && era_live_sb(e->live)->current_era == era)
		r = since > era ? ENGINE_ADDED : add_marks(e, bits, may_change);
	turns_give(&e->turns);
	return r;
}
