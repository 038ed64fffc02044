/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A set of bits whose memory grows with the highest bit that is set, not with the claimed size. */
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

/* Sets a bit below limit.  Returns false, and does nothing, if there is no memory for it. */
bool growing_bits_set(struct growing_bits *bits, uint64_t bit, uint64_t limit) must_check;
bool growing_bits_test(const struct growing_bits *bits, uint64_t bit);
void growing_bits_free(struct growing_bits *bits);

#endif
