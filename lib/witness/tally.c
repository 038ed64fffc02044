/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "witness/tally_internal.h"

#include <string.h>

#include "base/checked.h"

uint32_t age_class_last(uint32_t class)
{
	uint32_t log, step;

	if (class < AGES_APART)
		return class;
	log = AGES_APART_LOG + (class - AGES_APART) / AGES_A_DOUBLING;
	step = (class - AGES_APART) % AGES_A_DOUBLING + 1;
	return (uint32_t)((UINT64_C(1) << log) + ((uint64_t)step << (log - AGES_A_DOUBLING_LOG)) -
			  1);
}

uint32_t age_classes_of(uint32_t now)
{
	return now ? age_class(now - 1) + 1 : 0;
}

uint32_t region_blocks(uint32_t nr_blocks)
{
	return nr_blocks ? (uint32_t)div_up(nr_blocks, WITNESS_MAX_REGIONS) : 1;
}

uint32_t region_count(uint32_t nr_blocks)
{
	return (uint32_t)div_up(nr_blocks, region_blocks(nr_blocks));
}

void tally_init(struct tally *tally, uint32_t nr_blocks, uint32_t now)
{
	tally->now = now;
	tally->region_blocks = region_blocks(nr_blocks);
	for (uint32_t i = 0; i < WITNESS_MAX_REGIONS; i++)
		tally->regions[i] = (struct witness_region){UINT32_MAX, 0};
	memset(tally->counts, 0, sizeof(tally->counts));
}

static void add_to_region(struct witness_region *region, const uint32_t *eras, uint32_t nr)
{
	uint32_t lowest = region->lowest, highest = region->highest;

	for (uint32_t i = 0; i < nr; i++) {
		lowest = eras[i] < lowest ? eras[i] : lowest;
		highest = eras[i] > highest ? eras[i] : highest;
	}
	*region = (struct witness_region){lowest, highest};
}

/* Blocks side by side are often of one era. */
static void add_ages(struct tally *tally, const uint32_t *eras, uint32_t nr)
{
	for (uint32_t i = 0, next; i < nr; i = next) {
		for (next = i + 1; next < nr && eras[next] == eras[i];)
			next++;
		if (eras[i])
			tally->counts[age_class(age_of(eras[i], tally->now))] += next - i;
	}
}

void tally_add(struct tally *tally, const struct era_chunk *chunk, uint32_t nr)
{
	uint64_t block = chunk->first, end = block + nr;

	add_ages(tally, chunk->eras, nr);
	while (block < end) {
		uint64_t region = block / tally->region_blocks;
		uint64_t stop = min_u64((region + 1) * tally->region_blocks, end);

		add_to_region(&tally->regions[region], chunk->eras + (block - chunk->first),
			      (uint32_t)(stop - block));
		block = stop;
	}
}
