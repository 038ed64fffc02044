/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metadata/stretch.h"

#include <inttypes.h>

#include "base/bits.h"

/* How many stretches are named; the others are counted. */
#define MAX_TOLD 100u

void stretch_init(struct stretch *s, const struct report *rep, const char *what)
{
	*s = (struct stretch){.rep = rep, .what = what};
}

static void tell(struct stretch *s)
{
	if (s->len && s->nr++ < MAX_TOLD)
		report_note(s->rep,
			    "%s: blocks %" PRIu64 " to %" PRIu64 " are unknown and count as written",
			    s->what, s->first, s->first + s->len - 1);
	s->len = 0;
}

void stretch_add(struct stretch *s, uint64_t first, uint64_t len)
{
	if (s->first + s->len != first)
		tell(s);
	if (!s->len)
		s->first = first;
	s->len += len;
	s->total += len;
}

void stretch_add_bits(struct stretch *s, uint64_t first, const uint64_t *lost, uint64_t nr)
{
	uint64_t begin = bits_next_set(lost, 0, nr);

	while (begin < nr) {
		uint64_t end = bits_next_clear(lost, begin, nr);

		stretch_add(s, first + begin, end - begin);
		begin = bits_next_set(lost, end, nr);
	}
}

uint64_t stretch_end(struct stretch *s)
{
	tell(s);
	if (s->nr > MAX_TOLD)
		report_note(s->rep, "%s: %" PRIu64 " more stretches are unknown and count as written",
			    s->what, s->nr - MAX_TOLD);
	return s->total;
}
