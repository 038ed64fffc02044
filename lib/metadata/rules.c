/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/rules.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/le.h"

/* So many at once, a number that the compiler knows, for it to use the processor's vectors. */
#define ERAS_AT_ONCE 16u

const char *era_view_prefix(bool snapshot)
{
	return snapshot ? "metadata snapshot, " : "";
}

void writeset_name(char *name, bool snapshot, bool is_current, uint32_t era)
{
	if (is_current)
		snprintf(name, BTREE_NAME_MAX, "current writeset (era %" PRIu32 ")", era);
	else
		snprintf(name, BTREE_NAME_MAX, "%swriteset of era %" PRIu32,
			 era_view_prefix(snapshot), era);
}

int writeset_check_era(const struct superblock *sb, bool has_current, uint64_t block, uint64_t era,
		       struct problem *p)
{
	if (era > sb->current_era)
		problem_set(p, PROBLEM_WRITESET_AFTER, block, era, sb->current_era);
	else if (has_current && era == sb->current_era)
		problem_set(p, PROBLEM_WRITESET_TWICE, block, era, sb->current_era);
	else
		return 0;
	return ERA_DAMAGED;
}

int writeset_check_bits(uint64_t block, uint32_t nr_bits, uint32_t max, struct problem *p)
{
	if (nr_bits <= max)
		return 0;
	problem_set(p, PROBLEM_WRITESET_BITS, block, nr_bits, max);
	return ERA_DAMAGED;
}

int writeset_check_part(const struct array_iter *it, const struct array_part *part,
			uint32_t nr_bits, struct problem *p)
{
	const struct le64 *words = (const void *)part->values;
	uint64_t stray, bit;

	if (part->first + part->len < it->nr_entries)
		return 0;
	stray = le64_get(words[part->len - 1]) & ~bits_last_mask(nr_bits);
	if (!stray)
		return 0;
	bit = (it->nr_entries - 1) * BITS_PER_WORD + (uint64_t)__builtin_ctzll(stray);
	problem_set(p, PROBLEM_WRITESET_TAIL, part->block, bit, nr_bits);
	return ERA_DAMAGED;
}

static inline uint32_t max_of(const uint32_t *eras, uint64_t nr)
{
	uint32_t max = 0;

	for (uint64_t i = 0; i < nr; i++)
		max = eras[i] > max ? eras[i] : max;
	return max;
}

static uint32_t era_max(const struct array_part *part)
{
	const struct le32 *from = (const void *)part->values;
	uint32_t eras[ERAS_AT_ONCE], max = 0, max_here;
	uint64_t left = part->len;

	for (; left >= ERAS_AT_ONCE; left -= ERAS_AT_ONCE, from += ERAS_AT_ONCE) {
		le32_get_all(from, ERAS_AT_ONCE, eras);
		max_here = max_of(eras, ERAS_AT_ONCE);
		max = max_here > max ? max_here : max;
	}
	le32_get_all(from, (size_t)left, eras);
	max_here = max_of(eras, left);
	return max_here > max ? max_here : max;
}

int era_check_part(const struct array_part *part, uint32_t current_era, uint32_t *max,
		   struct problem *p)
{
	*max = era_max(part);
	if (*max <= current_era)
		return 0;
	problem_set(p, PROBLEM_ERA_AFTER, part->block, *max, current_era);
	return ERA_DAMAGED;
}
