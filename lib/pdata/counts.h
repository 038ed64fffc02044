/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The space map in memory, while it changes: one byte per metadata block.
 *
 * The low bits are the reference count.  The high bit says that the block was in use at the last
 * commit, so it must not be overwritten before the next one, whatever its count has become.  A
 * byte of 0 is a block that can be allocated.
 *
 * As long as few blocks have changed since the last commit, they are recorded, so that a small
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

/* The most changes that are recorded. */
#define COUNTS_MAX_NOTED 2048u

struct counts {
	uint64_t nr_blocks;
	uint64_t nr_allocated; /* blocks with a count of 1 or more */
	uint64_t nr_free;      /* blocks that can be allocated now */
	uint64_t nr_large;     /* blocks with a count of BITMAP_LOOK_IN_TREE or more */
	uint64_t search_from;  /* no block before this one can be allocated */
	uint8_t *bytes;
	uint64_t
		changed[(INDEX_MAX_ENTRIES + 63) / 64]; /* bit i: bitmap i, since the last commit */
	uint32_t nr_used[INDEX_MAX_ENTRIES];		/* of the blocks in bitmap i */
	uint32_t nr_noted;				/* COUNTS_MAX_NOTED + 1: there were more */
	uint64_t noted[COUNTS_MAX_NOTED];		/* blocks, possibly several times */
};

/* All blocks free. */
int counts_open(struct counts *counts, uint64_t nr_blocks, const struct report *rep) must_check;
void counts_close(struct counts *counts);

uint32_t counts_get(const struct counts *counts, uint64_t block);

/* Was it allocated since the last commit? */
bool counts_is_new(const struct counts *counts, uint64_t block);

/* Allocates a block: its count becomes 1.  There must be a free one. */
uint64_t counts_allocate(struct counts *counts);

/* Returns false, and does nothing, if the count would leave 1 .. COUNTS_MAX (inc) or is 0 (dec). */
bool counts_inc(struct counts *counts, uint64_t block) must_check;
bool counts_dec(struct counts *counts, uint64_t block) must_check;

/* Sets the count that a block has on the device. */
void counts_load(struct counts *counts, uint64_t block, uint32_t count);

/* To be called after a commit: blocks in use are held from now on, all others can be allocated. */
void counts_commit(struct counts *counts);

static inline uint64_t counts_nr_bitmaps(const struct counts *counts)
{
	return counts->nr_blocks / BITMAP_ENTRIES + (counts->nr_blocks % BITMAP_ENTRIES != 0);
}

/* Updates bitmap i and its entry of the index from their state at the last commit to that of the
 * next one, except blocknr. */
void counts_encode(const struct counts *counts, uint64_t i, struct bitmap_disk *bitmap,
		   struct index_entry_disk *entry);

#endif
