/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "era_stat/colours.h"

#include "base/compiler.h"

static const struct colour stops[] = {
	{253, 231, 55}, {246, 166, 60}, {226, 106, 88},
	{178, 70, 130}, {118, 64, 158}, {66, 74, 150},
};

#define NR_PARTS (ARRAY_SIZE(stops) - 1)

static uint8_t between(uint8_t a, uint8_t b, unsigned part, unsigned of)
{
	return (uint8_t)((a * (of - part) + b * part) / of);
}

struct colour colour_of(unsigned i, unsigned nr)
{
	unsigned of = nr > 1 ? nr - 1 : 1;
	unsigned place = i * NR_PARTS, stop = place / of;
	const struct colour *a = &stops[stop], *b = &stops[stop < NR_PARTS ? stop + 1 : stop];

	return (struct colour){
		.red = between(a->red, b->red, place % of, of),
		.green = between(a->green, b->green, place % of, of),
		.blue = between(a->blue, b->blue, place % of, of),
	};
}

/* A cube of 6 * 6 * 6, whose steps are 0, 95, 135 ... 255. */
static unsigned step_256(uint8_t value)
{
	return value < 48 ? 0 : value < 115 ? 1 : (value - 35u) / 40u;
}

unsigned colour_256(struct colour colour)
{
	return 16 + 36 * step_256(colour.red) + 6 * step_256(colour.green) + step_256(colour.blue);
}
