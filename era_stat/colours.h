/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* One colour per age, from bright yellow for the newest to dark blue for the oldest: the brightness
 * alone tells them apart, too. */
#ifndef ERA_STAT_COLOURS_H
#define ERA_STAT_COLOURS_H

#include <stdint.h>

struct colour {
	uint8_t red, green, blue;
};

/* Of the nr colours that are wanted, number i. */
struct colour colour_of(unsigned i, unsigned nr);

/* The same as the number of one of the 256 colours of a terminal. */
unsigned colour_256(unsigned i, unsigned nr);

#endif
