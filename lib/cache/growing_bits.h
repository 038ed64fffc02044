/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of bits that takes memory for what has been set in it, whatever size was claimed for it. */
#ifndef ERA_CACHE_GROWING_BITS_H
#define ERA_CACHE_GROWING_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* All zero is an empty set. */
struct growing_bits {
	uint64_t *words;
	uint64_t nr_bits; /* that it has memory for; those behind are clear */
};

/* Sets a bit below limit.  false, and nothing is done, when there is no memory. */
bool growing_bits_set(struct growing_bits *bits, uint64_t bit, uint64_t limit) must_check;
bool growing_bits_test(const struct growing_bits *bits, uint64_t bit);
void growing_bits_free(struct growing_bits *bits);

#endif
