/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Samples are drawn as blocks come, without knowing how many will: each block has a random number,
 * its lot, that follows from its own number and a seed, and a group keeps the blocks with the
 * lowest.  So what is drawn doesn't depend on the pieces that blocks come in, and the same metadata
 * make the same witness.
 *
 * A group is an age, or a doubling of ages.  Where a doubling has many eras, the last of them tells
 * most: what was written in it is what an older copy lacks.  So each doubling has a second group,
 * of its last era alone.  In the end all groups give the same number of samples, or all they have.
 */
#include <stdlib.h>
#include <string.h>

#include "witness/tally_internal.h"
#include "witness/witness_internal.h"

#define GROUP_DRAWS 1024u
#define NR_DOUBLINGS (32u - AGES_APART_LOG)
#define NR_GROUPS (AGES_APART + 2 * NR_DOUBLINGS)
#define FIRST_DOUBLING AGES_APART
#define FIRST_LAST (AGES_APART + NR_DOUBLINGS) /* group of a last era */

_Static_assert(WITNESS_MAX_AGES == AGES_APART + NR_DOUBLINGS * AGES_A_DOUBLING, "ages");

struct draw {
	struct witness_sample sample;
	uint32_t lot;
};

/* A heap: the highest lot comes first. */
struct group {
	uint32_t nr;
	uint32_t era; /* of a last group: the era that it is of */
	struct draw draws[GROUP_DRAWS];
};

struct witness_maker {
	uint32_t data_block_size, nr_blocks, era, seed;
	bool of_snapshot;
	struct tally tally;
	struct group groups[NR_GROUPS];
};

struct witness_maker *witness_maker_begin(const struct witness_subject *subject)
{
	struct witness_maker *maker = calloc(1, sizeof(*maker));

	if (!maker)
		return NULL;
	maker->data_block_size = subject->sb->data_block_size;
	maker->nr_blocks = subject->sb->nr_blocks;
	maker->era = subject->sb->current_era;
	maker->of_snapshot = subject->is_snapshot;
	maker->seed = subject->sb->csum;
	tally_init(&maker->tally, maker->nr_blocks, maker->era);
	return maker;
}

/* Odd factors and shifts: no two blocks have the same lot. */
static inline uint32_t draw_lot(uint32_t block, uint32_t seed)
{
	uint32_t lot = block ^ seed;

	lot = (lot ^ lot >> 16) * 0x9e3779b1u;
	lot = (lot ^ lot >> 15) * 0x85ebca77u;
	return lot ^ lot >> 13;
}

static void sift_up(struct draw *draws, uint32_t i, const struct draw *draw)
{
	for (; i && draws[(i - 1) / 2].lot < draw->lot; i = (i - 1) / 2)
		draws[i] = draws[(i - 1) / 2];
	draws[i] = *draw;
}

static void sift_down(struct draw *draws, uint32_t nr, const struct draw *draw)
{
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < nr) {
		child += child + 1 < nr && draws[child + 1].lot > draws[child].lot;
		if (draws[child].lot <= draw->lot)
			break;
		draws[i] = draws[child];
		i = child;
	}
	draws[i] = *draw;
}

static inline void offer(struct group *group, const struct draw *draw)
{
	if (group->nr < GROUP_DRAWS)
		sift_up(group->draws, group->nr++, draw);
	else if (draw->lot < group->draws[0].lot)
		sift_down(group->draws, group->nr, draw);
}

static inline void offer_last(struct group *group, const struct draw *draw)
{
	if (draw->sample.era < group->era)
		return;
	if (draw->sample.era > group->era) {
		group->nr = 0;
		group->era = draw->sample.era;
	}
	offer(group, draw);
}

static void draw_block(struct witness_maker *maker, uint32_t block, uint32_t era)
{
	uint32_t class = age_class(age_of(era, maker->era)), doubling;
	const struct draw draw = {{block, era}, draw_lot(block, maker->seed)};

	if (class < AGES_APART) {
		offer(&maker->groups[class], &draw);
		return;
	}
	doubling = (class - AGES_APART) / AGES_A_DOUBLING;
	offer(&maker->groups[FIRST_DOUBLING + doubling], &draw);
	offer_last(&maker->groups[FIRST_LAST + doubling], &draw);
}

void witness_maker_add(struct witness_maker *maker, const struct era_chunk *chunk)
{
	tally_add(&maker->tally, chunk, chunk->nr);
	for (uint32_t i = 0; i < chunk->nr; i++)
		if (chunk->eras[i])
			draw_block(maker, (uint32_t)chunk->first + i, chunk->eras[i]);
}

/* The number of samples if each group gives `most` of them, or all that it has. */
static uint32_t count_samples(const struct witness_maker *maker, uint32_t most)
{
	uint32_t sum = 0;

	for (uint32_t g = 0; g < NR_GROUPS; g++)
		sum += maker->groups[g].nr < most ? maker->groups[g].nr : most;
	return sum;
}

static uint32_t share_of_a_group(const struct witness_maker *maker)
{
	uint32_t share = WITNESS_MAX_SAMPLES / NR_GROUPS;

	while (share < GROUP_DRAWS && count_samples(maker, share + 1) <= WITNESS_MAX_SAMPLES)
		share++;
	return share;
}

static int compare_lots(const void *a, const void *b)
{
	const struct draw *x = a, *y = b;

	return x->lot < y->lot ? -1 : x->lot > y->lot;
}

static void take_samples(struct witness *witness, struct witness_maker *maker)
{
	uint32_t share = share_of_a_group(maker);

	for (uint32_t g = 0; g < NR_GROUPS; g++) {
		struct group *group = &maker->groups[g];

		qsort(group->draws, group->nr, sizeof(*group->draws), compare_lots);
		for (uint32_t i = 0; i < group->nr && i < share; i++)
			witness->samples[witness->nr_samples++] = group->draws[i].sample;
	}
}

static int compare_samples(const void *a, const void *b)
{
	const struct witness_sample *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

/* By block, each once. */
static void sort_samples(struct witness *witness)
{
	struct witness_sample *samples = witness->samples;
	uint32_t nr = 0;

	qsort(samples, witness->nr_samples, sizeof(*samples), compare_samples);
	for (uint32_t i = 0; i < witness->nr_samples; i++)
		if (!nr || samples[i].block != samples[nr - 1].block)
			samples[nr++] = samples[i];
	memset(samples + nr, 0, (witness->nr_samples - nr) * sizeof(*samples));
	witness->nr_samples = nr;
}

struct witness *witness_maker_end(struct witness_maker *maker)
{
	struct witness *witness = calloc(1, sizeof(*witness));
	uint32_t sum = 0;

	if (!witness)
		return NULL;
	witness->data_block_size = maker->data_block_size;
	witness->nr_blocks = maker->nr_blocks;
	witness->era = maker->era;
	witness->of_snapshot = maker->of_snapshot;
	witness->nr_regions = region_count(maker->nr_blocks);
	for (uint32_t i = 0; i < witness->nr_regions; i++)
		witness->regions[i] = maker->tally.regions[i];
	witness->nr_ages = age_classes_of(maker->era);
	for (uint32_t i = 0; i < witness->nr_ages; i++)
		witness->counts[i] = sum += maker->tally.counts[i];
	take_samples(witness, maker);
	sort_samples(witness);
	return witness;
}
