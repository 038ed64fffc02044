/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Eras of many blocks, summed up on the grid of a witness: by region, and by age. */
#ifndef ROOM_WITNESS
#error "for lib/witness alone"
#endif
#ifndef ERA_WITNESS_TALLY_INTERNAL_H
#define ERA_WITNESS_TALLY_INTERNAL_H

#include <stdint.h>

#include "metadata/map.h"
#include "witness/witness.h"

/* Ages up to here have a class each; from here on 32 classes share each doubling. */
#define AGES_APART 64u
#define AGES_APART_LOG 6u
#define AGES_A_DOUBLING 32u
#define AGES_A_DOUBLING_LOG 5u

/* How long before era `now` an era is; a later one is as old as `now`. */
static inline uint32_t age_of(uint32_t era, uint32_t now)
{
	return era < now ? now - era : 0;
}

/* 0 .. WITNESS_MAX_AGES - 1, ascending. */
static inline uint32_t age_class(uint32_t age)
{
	uint32_t log;

	if (age < AGES_APART)
		return age;
	log = 31 - (uint32_t)__builtin_clz(age);
	return AGES_APART + (log - AGES_APART_LOG) * AGES_A_DOUBLING +
	       (age >> (log - AGES_A_DOUBLING_LOG)) % AGES_A_DOUBLING;
}

/* The highest age of a class. */
uint32_t age_class_last(uint32_t class);

/* The classes of eras 1 .. now. */
uint32_t age_classes_of(uint32_t now);

/* The number of blocks in a region, at least 1, and the number of regions, for so many blocks in
 * all. */
uint32_t region_blocks(uint32_t nr_blocks);
uint32_t region_count(uint32_t nr_blocks);

struct tally {
	uint32_t now; /* ages are counted from here */
	uint32_t region_blocks;
	struct witness_region regions[WITNESS_MAX_REGIONS]; /* of blocks that came */
	uint32_t counts[WITNESS_MAX_AGES];		    /* of each class alone; not of era 0 */
};

/* Begins a tally on the grid of a witness that has nr_blocks blocks. */
void tally_init(struct tally *tally, uint32_t nr_blocks, uint32_t now);

/* Adds the first nr blocks of a chunk. */
void tally_add(struct tally *tally, const struct era_chunk *chunk, uint32_t nr);

#endif
