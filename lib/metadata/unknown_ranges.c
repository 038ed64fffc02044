/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/unknown_ranges.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/grow.h"

/* How many ranges are named; the others are counted. */
#define MAX_TOLD 100u

void unknown_ranges_init(struct unknown_ranges *s, const struct report *rep, const char *what)
{
	*s = (struct unknown_ranges){.rep = rep, .what = what};
}

void unknown_ranges_keep(struct unknown_ranges *s, const struct report *rep)
{
	*s = (struct unknown_ranges){.rep = rep};
}

static void tell(const struct unknown_ranges *s)
{
	if (s->nr < MAX_TOLD)
		report_note(s->rep,
			    "%s: blocks %" PRIu64 " to %" PRIu64
			    " are unknown and count as written",
			    s->what, s->first, s->first + s->len - 1);
}

static void keep(struct unknown_ranges *s)
{
	struct unknown_range *grown = NULL;

	if (s->error)
		return;
	grown = grow_array(s->kept, (size_t)s->nr + 1, &s->capacity, sizeof(*grown));
	if (!grown) {
		s->error = report_nomem(s->rep);
		return;
	}
	s->kept = grown;
	s->kept[s->nr] = (struct unknown_range){s->first, s->first + s->len};
}

static void finish_range(struct unknown_ranges *s)
{
	if (!s->len)
		return;
	if (s->what)
		tell(s);
	else
		keep(s);
	s->nr++;
	s->len = 0;
}

void unknown_ranges_add(struct unknown_ranges *s, uint64_t first, uint64_t len)
{
	if (s->first + s->len != first)
		finish_range(s);
	if (!s->len)
		s->first = first;
	s->len += len;
	s->total += len;
}

void unknown_ranges_add_bits(struct unknown_ranges *s, uint64_t first, const uint64_t *lost,
			     uint64_t nr)
{
	uint64_t begin = bits_next_set(lost, 0, nr);

	while (begin < nr) {
		uint64_t end = bits_next_clear(lost, begin, nr);

		unknown_ranges_add(s, first + begin, end - begin);
		begin = bits_next_set(lost, end, nr);
	}
}

uint64_t unknown_ranges_end(struct unknown_ranges *s)
{
	finish_range(s);
	if (s->what && s->nr > MAX_TOLD)
		report_note(s->rep, "%s: %" PRIu64 " more ranges are unknown and count as written",
			    s->what, s->nr - MAX_TOLD);
	return s->total;
}

void unknown_ranges_set(const struct unknown_ranges *s, size_t *next, uint64_t first, uint64_t nr,
			uint64_t *words)
{
	while (*next < s->nr && s->kept[*next].first < first + nr) {
		const struct unknown_range *range = &s->kept[*next];
		uint64_t begin = max_u64(range->first, first);
		uint64_t end = min_u64(range->end, first + nr);

		bits_set_range(words, begin - first, end - begin);
		if (range->end > first + nr)
			break;
		++*next;
	}
}
