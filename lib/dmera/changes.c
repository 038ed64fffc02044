/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/next_step.h"
#include "dmera/dmera_internal.h"
#include "dmera/own.h"
#include "metadata/superblock.h"
#include "open/untracked.h"
#include "witness/witness.h"

struct dmera_changes {
	struct era_changes found;
	struct dmera_witness *witness; /* made with it, or NULL */
	struct dmera_totals totals;
	uint64_t block_size; /* bytes; 0 when those of the device are too many to be counted */
	uint64_t end;	     /* where the device ends, in bytes */
};

void dmera_set_device_size(struct dmera *era, uint64_t bytes)
{
	era->device_size = bytes;
}

void dmera_set_old_size(struct dmera *era, uint64_t bytes)
{
	era->old_size = bytes;
}

void dmera_set_snapshot_era(struct dmera *era, uint64_t snapshot_era)
{
	era->snapshot_era = snapshot_era;
}

void dmera_set_nothing_newer(struct dmera *era, bool wanted)
{
	era->nothing_newer = wanted;
}

static int refuse_leftover(const struct dmera *era, uint32_t found, uint32_t live)
{
	return report_fail(
		&era->report, ERA_NO_ANSWER,
		"%s: the metadata snapshot is of era %" PRIu32
		", the live metadata are in era %" PRIu32
		": it was left over, and lacks what was written since: " NEXT_DROP_AND_TAKE ", "
		"or say that it is the one you mean (--snapshot-era %" PRIu32 ")",
		era->path, found, live, found);
}

static int refuse_other(const struct dmera *era, uint32_t found, uint32_t live)
{
	return report_fail(&era->report, ERA_NO_ANSWER,
			   "%s: the metadata snapshot is of era %" PRIu32
			   ", wanted one of era %" PRIu64 "; the live metadata are in era %" PRIu32
			   ": " NEXT_DROP_AND_TAKE,
			   era->path, found, era->snapshot_era, live);
}

/* Where every block counts as written, it does not matter which snapshot it is: the opening has
 * seen that the live metadata have no more blocks. */
static int check_snapshot(const struct dmera *era)
{
	uint32_t found = era_view_sb(era->view)->current_era;
	uint32_t live = era_view_live_sb(era->view)->current_era;
	bool is_named = era->snapshot_era != DMERA_LIVE_ERA;

	if (!era->is_snapshot || era_view_is_all_lost(era->view))
		return 0;
	if (is_named && era->snapshot_era != found)
		return refuse_other(era, found, live);
	if (found == live)
		return 0;
	if (!is_named)
		return refuse_leftover(era, found, live);
	report_note(&era->report,
		    "%s: the metadata snapshot is of era %" PRIu32
		    ", the live metadata are in era %" PRIu32,
		    era->path, found, live);
	return 0;
}

static int check_size(struct dmera *era)
{
	const struct superblock *sb = era_view_sb(era->view);

	if (!era->device_size ||
	    div_up(era->device_size, superblock_block_bytes(sb)) == sb->nr_blocks)
		return 0;
	return report_fail(&era->report, ERA_NO_ANSWER,
			   "%s: the device has %" PRIu64 " bytes, but the metadata track %" PRIu32
			   " blocks of %" PRIu64 " bytes: " NEXT_FULL_BACKUP,
			   era->path, era->device_size, sb->nr_blocks, superblock_block_bytes(sb));
}

int dmera_rewind(struct dmera *era)
{
	int r = era->was_read ? era_view_restart(era->view, &era->report) : 0;

	era->was_read = true;
	return r;
}

/* From here on all blocks are listed. */
static uint64_t first_listed(const struct dmera *era)
{
	if (era->old_size == UINT64_MAX)
		return UINT64_MAX;
	return era->old_size / superblock_block_bytes(era_view_sb(era->view));
}

static int check_newer(const struct dmera *era)
{
	uint64_t nr = 0;
	int r;

	if (!era->nothing_newer || !era->is_snapshot || era_view_is_all_lost(era->view))
		return 0;
	r = era_changes_count_newer(era->view, &nr);
	if (r || !nr)
		return r;
	return report_fail(&era->report, ERA_NO_ANSWER,
			   "%s: %" PRIu64 " blocks were written after the metadata snapshot was "
			   "taken: " NEXT_STOP_AND_TAKE,
			   era->path, nr);
}

static int keep_witness(const struct dmera *era, struct witness *made,
			struct dmera_changes *changes)
{
	if (!made)
		return 0;
	changes->witness = dmera_witness_adopt(made, era->path);
	return changes->witness ? 0 : report_nomem(&era->report);
}

static int read_changes(struct dmera *era, uint32_t since, struct dmera_changes *changes)
{
	const struct witness_subject subject = {
		.path = era->path,
		.rep = &era->report,
		.sb = era_view_sb(era->view),
		.is_snapshot = era->is_snapshot,
	};
	struct witness_task task = {
		.old = era->witness,
		.listed_from = first_listed(era),
		.make = era->wants_witness,
	};
	int r = witness_read_changes(era->view, &subject, since, &task, &changes->found);

	if (!r)
		r = check_newer(era);
	if (r)
		free(task.made);
	else
		r = keep_witness(era, task.made, changes);
	if (r)
		era_changes_free(&changes->found);
	return r;
}

/* Also when it can't begin: what was read of a snapshot that is gone meant nothing. */
static int read_view(struct dmera *era, uint32_t since, struct dmera_changes *changes)
{
	int r = check_snapshot(era);

	if (!r)
		r = check_size(era);
	if (!r)
		r = dmera_rewind(era);
	if (r)
		return era_view_revalidate(era->view, r);
	return read_changes(era, since, changes);
}

static void add_grown(const struct dmera *era, struct era_changes *found)
{
	uint32_t nr_blocks = era_view_sb(era->view)->nr_blocks;
	uint64_t first = first_listed(era);

	if (first < nr_blocks)
		bits_set_range(found->bits, first, nr_blocks - first);
}

/* Sets `end`, or makes the size of a block 0. */
static void measure(const struct dmera *era, struct dmera_changes *changes)
{
	const struct superblock *sb = era_view_sb(era->view);

	changes->block_size = superblock_block_bytes(sb);
	if (!checked_mul(sb->nr_blocks, changes->block_size, &changes->end) ||
	    changes->end > INT64_MAX)
		changes->block_size = 0;
	else if (era->device_size)
		changes->end = era->device_size;
}

static void complete(struct dmera *era, struct dmera_changes *changes)
{
	uint32_t nr_blocks = era_view_sb(era->view)->nr_blocks;

	add_grown(era, &changes->found);
	measure(era, changes);
	changes->totals = (struct dmera_totals){
		.nr_blocks = nr_blocks,
		.nr_changed = bits_count(changes->found.bits, nr_blocks),
		.nr_unknown = changes->found.nr_unknown,
		.nr_problems = era_view_nr_problems(era->view),
	};
}

/* Metadata that no target has run with have no blocks yet: nothing was written in any era, but who
 * asks for all blocks gets none. */
static void note_empty(const struct dmera *era, uint32_t since)
{
	if (!since && !era_view_sb(era->view)->nr_blocks)
		report_note(&era->report,
			    "%s: no target has run with these metadata, so how many blocks there "
			    "are is not known, and none is listed: " NEXT_FULL_BACKUP,
			    era->view_path);
}

int dmera_changes_in_blocks(struct dmera *era, uint32_t since, struct dmera_changes **changes)
{
	struct dmera_changes *answer;
	int r;

	dmera_begin(era, era->view_path);
	if (!era->view)
		return dmera_misused(era, "dmera_changes_since: no metadata are open");
	if (!changes)
		return dmera_misused(era, "dmera_changes_since: no place for the answer");
	answer = calloc(1, sizeof(*answer));
	if (!answer)
		return dmera_end(era, report_nomem(&era->report));
	note_empty(era, since);
	r = untracked_refuse(era->view_path, &era->report);
	if (!r)
		r = read_view(era, since, answer);
	if (r) {
		free(answer);
		return dmera_end(era, r);
	}
	complete(era, answer);
	*changes = answer;
	return dmera_end(era, 0);
}

int dmera_changes_since(struct dmera *era, uint32_t since, struct dmera_changes **changes)
{
	const struct superblock *sb;
	struct dmera_changes *answer;
	int r = dmera_changes_in_blocks(era, since, changes ? &answer : NULL);

	if (r)
		return r;
	if (answer->block_size) {
		*changes = answer;
		return 0;
	}
	dmera_changes_free(answer);
	sb = era_view_sb(era->view);
	return dmera_end(era,
			 report_fail(&era->report, ERA_DAMAGED,
				     "%s: %" PRIu32 " blocks of %" PRIu64
				     " bytes are more than 63 bits can count",
				     era->view_path, sb->nr_blocks, superblock_block_bytes(sb)));
}

void dmera_changes_free(struct dmera_changes *changes)
{
	if (!changes)
		return;
	era_changes_free(&changes->found);
	dmera_witness_free(changes->witness);
	free(changes);
}

void dmera_changes_get_totals(const struct dmera_changes *changes, struct dmera_totals *totals,
			      size_t size)
{
	dmera_copy_out(totals, size, &changes->totals, sizeof(changes->totals));
}

const struct dmera_witness *dmera_changes_witness(const struct dmera_changes *changes)
{
	return changes->witness;
}

const uint64_t *dmera_changes_bits(const struct dmera_changes *changes)
{
	return changes->found.bits;
}

/* Where the run from first to end stops being known, or unknown, as it begins. */
static uint64_t end_of_kind(const struct era_changes *found, uint64_t first, uint64_t end,
			    bool *is_unknown)
{
	*is_unknown = found->unknown && bits_test(found->unknown, first);
	if (!found->unknown)
		return end;
	return *is_unknown ? bits_next_clear(found->unknown, first, end)
			   : bits_next_set(found->unknown, first, end);
}

int dmera_changes_next(const struct dmera_changes *changes, struct dmera_run *run)
{
	uint64_t nr = changes->totals.nr_blocks, first, end;
	bool is_unknown;

	if (run->block >= nr || run->nr_blocks >= nr - run->block)
		return 0;
	first = bits_next_set(changes->found.bits, run->block + run->nr_blocks, nr);
	if (first == nr)
		return 0;
	end = bits_next_clear(changes->found.bits, first, nr);
	end = end_of_kind(&changes->found, first, end, &is_unknown);
	*run = (struct dmera_run){
		.block = first,
		.nr_blocks = end - first,
		.offset = first * changes->block_size,
		.length = min_u64(end * changes->block_size, changes->end) -
			  first * changes->block_size,
		.flags = is_unknown ? DMERA_RUN_UNKNOWN : 0,
	};
	return 1;
}

/* Bytes of words that lie in memory as this machine has it. */
static void copy_bytes(const uint64_t *words, uint64_t first, uint8_t *to, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		to[i] = (uint8_t)(words[(first + i) / 8] >> (first + i) % 8 * 8);
}

size_t dmera_changes_bitmap(const struct dmera_changes *changes, enum dmera_bitmap which,
			    uint64_t first, void *bits, size_t size)
{
	const struct era_changes *found = &changes->found;
	const uint64_t *words = which == DMERA_UNKNOWN ? found->unknown : found->bits;
	uint64_t end = div_up(changes->totals.nr_blocks, 8);
	size_t nr;

	if (first >= end)
		return 0;
	nr = (size_t)min_u64(end - first, size);
	if (words)
		copy_bytes(words, first, bits, nr);
	else
		memset(bits, 0, nr);
	return nr;
}
