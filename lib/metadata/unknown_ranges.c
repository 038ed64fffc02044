/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metadata/unknown_ranges.h"

#include <inttypes.h>

#include "base/bits.h"

/* How many ranges are named; the others are counted. */
#define MAX_TOLD 100u

void unknown_ranges_init(struct unknown_ranges *s, const struct report *rep, const char *what)
{
	*s = (struct unknown_ranges){.rep = rep, .what = what};
}

static void tell(struct unknown_ranges *s)
{
	if (s->len && s->nr++ < MAX_TOLD)
		report_note(s->rep,
			    "%s: blocks %" PRIu64 " to %" PRIu64
			    " are unknown and count as written",
			    s->what, s->first, s->first + s->len - 1);
	s->len = 0;
}

void unknown_ranges_add(struct unknown_ranges *s, uint64_t first, uint64_t len)
{
	if (s->first + s->len != first)
		tell(s);
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
	tell(s);
	if (s->nr > MAX_TOLD)
		report_note(s->rep, "%s: %" PRIu64 " more ranges are unknown and count as written",
			    s->what, s->nr - MAX_TOLD);
	return s->total;
}
