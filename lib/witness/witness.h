/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a view said of its blocks, in little, so that a later one can be held against it.
 *
 * Within one life of the metadata the era of a block only rises.  So what has fallen since a
 * witness was made proves that a view is of other metadata, or older ones, and that a list made of
 * it may be short.  That nothing has fallen proves nothing; doc/witness.md has what is noticed and
 * what isn't, and the format of the file.
 *
 * A witness holds of the view, at the time it was made:
 * - the lowest and the highest era in each of up to 4096 regions of equal size;
 * - how many blocks were of at least an era, for eras that lie close together near the view's own,
 *   and ever farther apart before;
 * - blocks at random, with their eras: as many of each of the last 64 eras as of each time that is
 *   twice as long before, and there as many again of the last era in which anything was written.
 */
#ifndef ERA_WITNESS_WITNESS_H
#define ERA_WITNESS_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "metadata/changes.h"
#include "metadata/view.h"

#define WITNESS_MAX_BYTES (64u << 10)
#define WITNESS_MAX_REGIONS 4096u
#define WITNESS_MAX_AGES 896u
#define WITNESS_MAX_SAMPLES 3300u

struct witness_region {
	uint32_t lowest, highest; /* eras */
};

struct witness_sample {
	uint32_t block, era;
};

struct witness {
	const char *name;	  /* for messages; the caller's */
	uint32_t data_block_size; /* sectors */
	uint32_t nr_blocks;
	uint32_t era;	  /* of the view: no block has a later one */
	bool of_snapshot; /* so none of what was written in `era` is in it */
	uint32_t nr_regions, nr_ages, nr_samples;
	struct witness_region regions[WITNESS_MAX_REGIONS];
	uint32_t counts[WITNESS_MAX_AGES]; /* of blocks of that age or less, and not of era 0 */
	struct witness_sample samples[WITNESS_MAX_SAMPLES]; /* ascending */
};

/* The view that is read, as far as a witness knows it. */
struct witness_subject {
	const char *path; /* of the metadata, for messages */
	const struct report *rep;
	const struct superblock *sb; /* the view's own */
	bool is_snapshot;
};

/* What is to be done with witnesses while the changes are read. */
struct witness_task {
	const struct witness *old; /* the view is compared with it; or NULL */
	uint64_t listed_from;	   /* blocks from here on are listed anyway, and not compared */
	bool make;		   /* a new one is wanted */
	bool is_refuted; /* set: the view is of other metadata than `old`, or older ones */
	/* The new one: free() it.  NULL when none is wanted, and when the answer is not exact:
	 * something was passed over (ERA_VIEW_REPAIR). */
	struct witness *made;
};

/*
 * Reads which blocks were written in era `since` or later, as era_changes_read() does, and in the
 * same pass compares all eras with task->old and makes task->made.  Includes era_changes_allowed()
 * and era_view_revalidate().
 *
 * With an old witness, the blocks by which the device has grown since are also listed, whatever
 * their eras (noted).  An unknown era counts as it does in the list, as the latest that it can be,
 * so only what is known can be a reason to refuse.
 *
 * ERA_NO_ANSWER, reported: something fell, or the block size is another, or the view is the older
 * one, or `since` is later than any era that can have been remembered with the witness.  Outputs
 * are unchanged on failure, except task->made, which is NULL then.
 */
int witness_read_changes(struct era_view *view, const struct witness_subject *subject,
			 uint32_t since, struct witness_task *task,
			 struct era_changes *changes) must_check;

/*
 * The making of a witness alone: it is begun, given the eras of all blocks, and ended.  The eras
 * need not be those of one moment, as long as none is higher than the block's era is at the end, or
 * than the era of the subject.
 */
struct witness_maker;

/* NULL when there is no memory. */
struct witness_maker *witness_maker_begin(const struct witness_subject *subject) must_check;

/* In ascending order. */
void witness_maker_add(struct witness_maker *maker, const struct era_chunk *chunk);

/* NULL when there is no memory; free() it.  It is the maker's last call; free() that, too. */
struct witness *witness_maker_end(struct witness_maker *maker) must_check;

/* Reads a witness from a file; *out is to be free()d.  name must outlive it.  ERA_DAMAGED for one
 * that is damaged, cut off, or no witness; all is reported. */
int witness_load(struct witness **out, const char *name, const struct report *rep) must_check;

/* Writes a file, or replaces it when all of it is on the disk.  Errors are reported. */
int witness_save(const struct witness *witness, const char *path,
		 const struct report *rep) must_check;

/* Have both the same contents, bit by bit?  The names don't matter. */
bool witness_is_same(const struct witness *a, const struct witness *b) must_check;

/* The same in memory.  Returns the number of bytes. */
uint32_t witness_encode(const struct witness *witness, uint8_t data[WITNESS_MAX_BYTES]);
int witness_decode(struct witness *witness, const char *name, const uint8_t *data, uint32_t size,
		   const struct report *rep) must_check;

#endif
