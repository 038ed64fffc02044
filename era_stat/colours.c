/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_stat/colours.h"

#include "base/compiler.h"

static const struct colour stops[] = {
	{253, 231, 55}, {246, 166, 60}, {226, 106, 88},
	{190, 78, 148}, {132, 74, 178}, {58, 64, 146},
};

/* The same scale in colours that a terminal with 256 of them has: the nearest ones of its cube are
 * greys where the scale is dark. */
static const uint8_t stops_256[] = {227, 221, 215, 209, 203, 168, 133, 98, 62, 61, 19};

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

unsigned colour_256(unsigned i, unsigned nr)
{
	unsigned last = ARRAY_SIZE(stops_256) - 1;

	return stops_256[nr > 1 ? (i * last + (nr - 1) / 2) / (nr - 1) : 0];
}
