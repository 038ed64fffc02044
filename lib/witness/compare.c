/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Eras are summed up on the witness's grid, over the blocks that both views have.  Nothing can be
 * said of blocks that are gone: of a region that was cut only the lowest era is compared, and each
 * count may be lower by as many blocks as are gone.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/next_step.h"
#include "witness/tally_internal.h"
#include "witness/witness_internal.h"

#define REFUSED "these are other metadata than the witness's, or older ones: " NEXT_FULL_BACKUP
#define MAYBE_REGROWN \
	"; or, if the device has shrunk and grown again, say to which size (--old-size)"

struct witness_comparison {
	const struct witness *old;
	const struct witness_subject *subject;
	uint32_t nr;		      /* blocks that are compared */
	uint32_t next;		      /* sample */
	uint32_t lowest;	      /* era of all blocks of the view */
	uint32_t nr_fallen;	      /* samples */
	struct witness_sample fallen; /* the first, with the era that it has now */
	uint32_t fallen_from;
	struct tally tally;
};

static int refuse_since(const struct witness *old, const struct witness_subject *subject,
			uint32_t since)
{
	return report_fail(subject->rep, ERA_NO_ANSWER,
			   "%s: era %" PRIu32 " was not remembered with the witness %s, which is "
			   "of era %" PRIu32 ": " NEXT_FULL_BACKUP,
			   subject->path, since, old->name, old->era);
}

static int refuse_older(const struct witness *old, const struct witness_subject *subject)
{
	bool snapshot = subject->is_snapshot;
	const char *why = snapshot ? "it was taken before, or of other metadata"
				   : "they are an older copy, or were made anew";

	return report_fail(subject->rep, ERA_NO_ANSWER,
			   "%s: the %s of era %" PRIu32 ", older than the witness %s, of era "
			   "%" PRIu32 ": %s; " NEXT_FULL_BACKUP,
			   subject->path, snapshot ? "metadata snapshot is" : "metadata are",
			   subject->sb->current_era, old->name, old->era, why);
}

/* A snapshot has nothing of the era that began with it. */
static bool is_older(const struct witness *old, const struct witness_subject *subject)
{
	bool lacks_era =
		subject->is_snapshot && !old->of_snapshot && old->nr_ages && old->counts[0];
	uint32_t era = subject->sb->current_era;

	return era < old->era || (era == old->era && lacks_era);
}

int witness_allowed(const struct witness *old, const struct witness_subject *subject,
		    uint32_t since)
{
	if (subject->sb->data_block_size != old->data_block_size)
		return report_fail(subject->rep, ERA_NO_ANSWER,
				   "%s: block size: found %" PRIu32 " sectors, wanted %" PRIu32
				   ", the witness %s's; " REFUSED,
				   subject->path, subject->sb->data_block_size,
				   old->data_block_size, old->name);
	if (is_older(old, subject))
		return refuse_older(old, subject);
	if (since > (uint64_t)old->era + 1)
		return refuse_since(old, subject, since);
	return 0;
}

struct witness_comparison *witness_comparison_begin(const struct witness *old,
						    const struct witness_subject *subject,
						    uint64_t limit)
{
	struct witness_comparison *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->old = old;
	c->subject = subject;
	c->nr = (uint32_t)min_u64(min_u64(old->nr_blocks, subject->sb->nr_blocks), limit);
	c->lowest = UINT32_MAX;
	tally_init(&c->tally, old->nr_blocks, old->era);
	return c;
}

static void compare_samples(struct witness_comparison *c, const struct era_chunk *chunk,
			    uint32_t nr)
{
	const struct witness *old = c->old;

	for (; c->next < old->nr_samples; c->next++) {
		const struct witness_sample *sample = &old->samples[c->next];
		uint64_t i = sample->block - chunk->first;

		if (i >= nr)
			return;
		if (chunk->eras[i] >= sample->era)
			continue;
		if (!c->nr_fallen++) {
			c->fallen = (struct witness_sample){sample->block, chunk->eras[i]};
			c->fallen_from = sample->era;
		}
	}
}

void witness_comparison_add(struct witness_comparison *c, const struct era_chunk *chunk)
{
	uint32_t nr = chunk->first < c->nr ? (uint32_t)min_u64(chunk->nr, c->nr - chunk->first) : 0;

	for (uint32_t i = 0; i < chunk->nr; i++)
		c->lowest = chunk->eras[i] < c->lowest ? chunk->eras[i] : c->lowest;
	tally_add(&c->tally, chunk, nr);
	compare_samples(c, chunk, nr);
}

static int refuse_sample(const struct witness_comparison *c)
{
	return report_fail(c->subject->rep, ERA_NO_ANSWER,
			   "%s: block %" PRIu32 ": era: found %" PRIu32 ", wanted at least %" PRIu32
			   ", the witness %s's (%" PRIu32 " of its %" PRIu32
			   " samples fell); " REFUSED "%s",
			   c->subject->path, c->fallen.block, c->fallen.era, c->fallen_from,
			   c->old->name, c->nr_fallen, c->old->nr_samples,
			   c->fallen.era ? "" : MAYBE_REGROWN);
}

static int refuse_region(const struct witness_comparison *c, uint64_t first, uint64_t end,
			 const struct witness_region *now, const struct witness_region *then)
{
	bool low = now->lowest < then->lowest;

	return report_fail(c->subject->rep, ERA_NO_ANSWER,
			   "%s: blocks %" PRIu64 " to %" PRIu64 ": %s era: found %" PRIu32
			   ", wanted at least %" PRIu32 ", the witness %s's; " REFUSED "%s",
			   c->subject->path, first, end - 1, low ? "lowest" : "highest",
			   low ? now->lowest : now->highest, low ? then->lowest : then->highest,
			   c->old->name, now->lowest ? "" : MAYBE_REGROWN);
}

static int refuse_count(const struct witness_comparison *c, uint32_t i, uint64_t found)
{
	uint32_t age = age_class_last(i), era = age < c->old->era ? c->old->era - age : 1;

	return report_fail(c->subject->rep, ERA_NO_ANSWER,
			   "%s: blocks of era %" PRIu32 " or later: found %" PRIu64
			   ", wanted at least %" PRIu32 ", the witness %s's; " REFUSED "%s",
			   c->subject->path, era, found, c->old->counts[i], c->old->name,
			   i + 1 < c->old->nr_ages ? "" : MAYBE_REGROWN);
}

static int compare_regions(const struct witness_comparison *c)
{
	uint64_t size = c->tally.region_blocks;

	for (uint32_t i = 0; i * size < c->nr; i++) {
		struct witness_region now = c->tally.regions[i], then = c->old->regions[i];
		uint64_t end = min_u64((i + 1) * size, c->old->nr_blocks);

		if (end > c->nr)
			then.highest = 0;
		if (now.lowest < then.lowest || now.highest < then.highest)
			return refuse_region(c, i * size, min_u64(end, c->nr), &now, &then);
	}
	return 0;
}

static int compare_counts(const struct witness_comparison *c)
{
	/* Those that are gone may be of any era. */
	uint64_t now = c->old->nr_blocks - c->nr;

	for (uint32_t i = 0; i < c->old->nr_ages; i++) {
		now += c->tally.counts[i];
		if (now < c->old->counts[i])
			return refuse_count(c, i, now);
	}
	return 0;
}

static void tell_notes(const struct witness_comparison *c)
{
	const struct witness *old = c->old;
	const struct witness_subject *subject = c->subject;
	uint32_t nr = c->subject->sb->nr_blocks;

	if (nr < old->nr_blocks)
		report_note(subject->rep,
			    "%s: the device had %" PRIu32 " blocks when the witness %s was made, "
			    "and has %" PRIu32 ": the others were not compared",
			    subject->path, old->nr_blocks, old->name, nr);
	if (nr > old->nr_blocks)
		report_note(subject->rep,
			    "%s: the device had %" PRIu32 " blocks when the witness %s was made: "
			    "the %" PRIu32 " behind them are listed",
			    subject->path, old->nr_blocks, old->name, nr - old->nr_blocks);
	if (nr && c->lowest > old->era)
		report_note(subject->rep,
			    "%s: every block is of a later era than the witness %s, and is "
			    "listed: these metadata were made later, or all was written",
			    subject->path, old->name);
}

int witness_comparison_end(const struct witness_comparison *c)
{
	int r = c->nr_fallen ? refuse_sample(c) : compare_regions(c);

	if (!r)
		r = compare_counts(c);
	if (!r)
		tell_notes(c);
	return r;
}
