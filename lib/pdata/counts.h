/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The space map in memory, while it changes: a byte for each metadata block.
 *
 * The low bits are the count of references.  The high bit says that the block was in use at the
 * last commit, so it must not be overwritten before the next one, whatever its count has
 * become.  A byte of 0 is a block that may be had.
 *
 * Which blocks have changed since the last commit is noted as long as they are few, so that a small
 * commit looks at no others.
 */
#ifndef ERA_PDATA_COUNTS_H
#define ERA_PDATA_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/report.h"
#include "ondisk/era_disk.h"

/* dm-era's metadata need two at most: the live trees and one snapshot. */
#define COUNTS_MAX 127u

/* So many changes are noted. */
#define COUNTS_MAX_NOTED 2048u

struct counts {
	uint64_t nr_blocks;
	uint64_t nr_allocated; /* of count 1 or more */
	uint64_t nr_free;      /* may be had now */
	uint64_t nr_large;     /* of BITMAP_LOOK_IN_TREE or more */
	uint64_t search_from;  /* none before it may be had */
	uint8_t *bytes;
	uint64_t changed[(INDEX_MAX_ENTRIES + 63) / 64]; /* bit i: bitmap i, since the last commit */
	uint32_t nr_used[INDEX_MAX_ENTRIES]; /* of the blocks of bitmap i */
	uint32_t nr_noted; /* COUNTS_MAX_NOTED + 1: there were more */
	uint64_t noted[COUNTS_MAX_NOTED]; /* blocks, also several times */
};

/* All blocks free. */
int counts_open(struct counts *counts, uint64_t nr_blocks, const struct report *rep) must_check;
void counts_close(struct counts *counts);

uint32_t counts_get(const struct counts *counts, uint64_t block);

/* Was it allocated since the last commit? */
bool counts_is_new(const struct counts *counts, uint64_t block);

/* A block that may be had; its count becomes 1.  There must be one. */
uint64_t counts_allocate(struct counts *counts);

/* false, and nothing is done, when the count would leave 1 .. COUNTS_MAX (inc) or is 0 (dec). */
bool counts_inc(struct counts *counts, uint64_t block) must_check;
bool counts_dec(struct counts *counts, uint64_t block) must_check;

/* Sets the count of a block as it was found on the device. */
void counts_load(struct counts *counts, uint64_t block, uint32_t count);

/* A commit has been made: what is in use now is held, what isn't may be had. */
void counts_commit(struct counts *counts);

static inline uint64_t counts_nr_bitmaps(const struct counts *counts)
{
	return counts->nr_blocks / BITMAP_ENTRIES + (counts->nr_blocks % BITMAP_ENTRIES != 0);
}

/* Makes of bitmap i and its entry of the index, as the last commit has them, what the next one is to
 * have; but not blocknr. */
void counts_encode(const struct counts *counts, uint64_t i, struct bitmap_disk *bitmap,
		   struct index_entry_disk *entry);

#endif
