/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Samples of a backup: checksums of some hundred pieces, by which it is noticed that TARGET is not,
 * or no longer, the backup that its state says.
 *
 * They are pieces of what the last delta wrote, since that is what an older backup lacks, and where
 * that are few, of what the deltas before it wrote; and the first, the last and some at random of
 * all, for other backups and other devices.  Which ones they are depends only on the delta and the
 * state before it.
 *
 * A piece is a sixteenth of a data block, from 4 to 256 KiB: where a single page of a data block
 * was written, one of sixteen pieces of that block differs.
 */
#ifndef ERA_COPY_SAMPLES_H
#define ERA_COPY_SAMPLES_H

#include "base/compiler.h"
#include "copy/delta.h"
#include "copy/target.h"

#define SAMPLES_MAX 400u
#define SAMPLES_WRITTEN 256u
#define SAMPLE_BYTES_MAX (256u << 10)

struct sample {
	uint64_t offset;
	uint32_t length;
	uint64_t hash; /* of its contents */
};

struct samples {
	uint32_t nr;
	struct sample at[SAMPLES_MAX]; /* ascending by offset; none overlaps another */
};

/* Chooses among what is written.  All of it is the chooser's own. */
struct sample_chooser {
	uint64_t seed, size;
	uint32_t piece;	     /* bytes */
	uint64_t next_piece; /* the first that was not offered yet */
	uint32_t nr, worst;  /* worst: index of the highest rank */
	struct ranked_piece {
		uint64_t piece, rank;
	} chosen[SAMPLES_WRITTEN];
};

/* block_size 0: unknown. */
void samples_begin(struct sample_chooser *chooser, const struct delta_header *header,
		   uint32_t block_size);

/* To be told each record, in order. */
void samples_offer(struct sample_chooser *chooser, const struct delta_record *record);

/* After all records: what the deltas before this one wrote, by the samples of their backup. */
void samples_keep(struct sample_chooser *chooser, const struct samples *old,
		  const struct backup_name *base, uint64_t size);

/* Reads the pieces from the target, after everything has been written. */
int samples_make(const struct sample_chooser *chooser, struct copy_target *target,
		 struct samples *samples) must_check;

/* Which samples records have touched; begins zeroed.  Records come in order. */
struct samples_touched {
	uint32_t next;
	bool is[SAMPLES_MAX];
};

void samples_touch(const struct samples *samples, const struct delta_record *record,
		   struct samples_touched *touched);

/* Compares the target with the samples that are not touched; touched may be NULL.  Returns 1 if all
 * are the same, 0 with *differs set to the first that is not, or an error, reported. */
int samples_compare(const struct samples *samples, struct copy_target *target,
		    const struct samples_touched *touched, uint64_t *differs) must_check;

#endif
