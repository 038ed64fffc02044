/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/le.h"
#include "base/next_step.h"
#include "metadata/map.h"
#include "metadata/unknown_ranges.h"
#include "metadata/view_internal.h"

int era_changes_allowed(struct era_view *view, uint32_t since)
{
	bool snapshot = view->flags & ERA_VIEW_SNAPSHOT;
	uint64_t last = view->sb.current_era + (snapshot ? UINT64_C(0) : UINT64_C(1));

	if (since <= last)
		return 0;
	return report_fail(view->dev.rep, ERA_NO_ANSWER,
			   "%s: era %" PRIu32 " is after the last that %s can answer for (%" PRIu64
			   "): these metadata cannot have tracked it; " NEXT_FULL_BACKUP,
			   view->dev.path, since, snapshot ? "the snapshot" : "the metadata", last);
}

/* Makes the lowest bits of eight bytes that are 0 or 1 the bits of one: the product moves the bit
 * of byte n to bit 56 + n, and no two to the same place. */
static uint64_t gather(const uint8_t bytes[8])
{
	struct le64 word;

	memcpy(&word, bytes, sizeof(word));
	return le64_get(word) * UINT64_C(0x0102040810204080) >> 56;
}

static uint64_t changed_word(const uint32_t eras[BITS_PER_WORD], uint32_t since)
{
	uint8_t changed[BITS_PER_WORD];
	uint64_t word = 0;

	for (uint32_t i = 0; i < BITS_PER_WORD; i++)
		changed[i] = eras[i] >= since;
	for (uint32_t i = 0; i < BITS_PER_WORD; i += 8)
		word |= gather(changed + i) << i;
	return word;
}

struct reading {
	struct era_changes *changes;
	const struct era_chunk_listener *listener; /* or NULL */
	struct unknown_ranges ranges;
	uint32_t since;
	uint64_t nr_blocks;
};

/* Most answers have none, and need no second set of bits. */
static int add_unknown(struct reading *reading, uint64_t first, uint64_t word, uint32_t nr)
{
	struct era_changes *changes = reading->changes;

	if (!changes->unknown)
		changes->unknown = bits_alloc(reading->nr_blocks);
	if (!changes->unknown)
		return report_nomem(reading->ranges.rep);
	changes->unknown[first / BITS_PER_WORD] = word;
	unknown_ranges_add_bits(&reading->ranges, first, &word, nr);
	return 0;
}

static int add_chunk(void *ctx, const struct era_chunk *chunk)
{
	struct reading *reading = ctx;
	uint64_t *to = reading->changes->bits + chunk->first / BITS_PER_WORD;
	int r = 0;

	for (uint32_t done = 0; done < chunk->nr && !r; done += BITS_PER_WORD, to++) {
		uint32_t nr = chunk->nr - done < BITS_PER_WORD ? chunk->nr - done : BITS_PER_WORD;
		uint64_t unknown;

		*to = changed_word(chunk->eras + done, reading->since) & bits_last_mask(nr);
		unknown = *to & chunk->lost[done / BITS_PER_WORD];
		if (unknown)
			r = add_unknown(reading, chunk->first + done, unknown, nr);
	}
	if (!r && reading->listener)
		reading->listener->on_chunk(reading->listener->ctx, chunk);
	return r;
}

static int read_map(struct era_view *view, struct reading *reading)
{
	int r;

	unknown_ranges_init(&reading->ranges, view->dev.rep, "era map");
	r = era_map_read(view, add_chunk, reading);
	reading->changes->nr_unknown = unknown_ranges_end(&reading->ranges);
	return r;
}

int era_changes_read(struct era_view *view, uint32_t since, struct era_changes *changes)
{
	return era_changes_read_with(view, since, NULL, changes);
}

int era_changes_read_with(struct era_view *view, uint32_t since,
			  const struct era_chunk_listener *listener, struct era_changes *changes)
{
	struct reading reading = {
		.changes = changes,
		.listener = listener,
		.since = since,
		.nr_blocks = view->sb.nr_blocks,
	};
	int r;

	*changes = (struct era_changes){
		.bits = bits_alloc(view->sb.nr_blocks),
	};
	if (!changes->bits)
		return report_nomem(view->dev.rep);
	r = read_map(view, &reading);
	if (r)
		era_changes_free(changes);
	return r;
}

static int count_live(struct era_view *view, uint64_t *nr)
{
	unsigned flags = view->flags & ERA_VIEW_REPAIR;
	struct era_changes changes;
	struct era_view *live;
	int r = era_view_open_as(&live, &view->dev, &view->live, flags);

	if (r)
		return r;
	r = era_changes_read(live, view->sb.current_era, &changes);
	if (!r) {
		*nr = bits_count(changes.bits, view->live.nr_blocks);
		era_changes_free(&changes);
	}
	era_view_close(live);
	return r;
}

/* Damage that was found in blocks that are written again meanwhile is none. */
int era_changes_count_newer(struct era_view *view, uint64_t *nr)
{
	int r = count_live(view, nr);
	struct superblock now;
	struct problem p;
	int again;

	if (r && r != ERA_DAMAGED)
		return r;
	again = era_read_live_superblock(&view->dev, true, &now, &p);
	if (again == ERA_DAMAGED)
		report_problem(view->dev.rep, &p);
	if (again)
		return again == ERA_DAMAGED ? problem_error(&p) : again;
	if (now.csum == view->live.csum)
		return r;
	return report_fail(view->dev.rep, ERA_NO_ANSWER,
			   "%s: the live metadata have changed since the metadata snapshot was "
			   "opened, so something may have been written after it was taken: %s",
			   view->dev.path, NEXT_STOP_AND_TAKE);
}

void era_changes_free(struct era_changes *changes)
{
	free(changes->bits);
	free(changes->unknown);
	changes->bits = changes->unknown = NULL;
}
