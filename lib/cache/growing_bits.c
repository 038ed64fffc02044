/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "cache/growing_bits.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"

#define FIRST_BITS 4096u

/* Not by realloc(): new pages that are never written to take no memory. */
static bool grow(struct growing_bits *bits, uint64_t wanted, uint64_t limit)
{
	uint64_t nr_bits = bits->nr_bits ? bits->nr_bits : FIRST_BITS, *words;

	while (nr_bits < wanted)
		nr_bits *= 2;
	nr_bits = min_u64(nr_bits, limit);
	words = bits_alloc(nr_bits);
	if (!words)
		return false;
	if (bits->words)
		memcpy(words, bits->words, (size_t)bits_words(bits->nr_bits) * sizeof(*words));
	free(bits->words);
	bits->words = words;
	bits->nr_bits = nr_bits;
	return true;
}

bool growing_bits_set(struct growing_bits *bits, uint64_t bit, uint64_t limit)
{
	if (bit >= bits->nr_bits && !grow(bits, bit + 1, limit))
		return false;
	bits_set(bits->words, bit);
	return true;
}

bool growing_bits_test(const struct growing_bits *bits, uint64_t bit)
{
	return bit < bits->nr_bits && bits_test(bits->words, bit);
}

void growing_bits_free(struct growing_bits *bits)
{
	free(bits->words);
	*bits = (struct growing_bits){NULL, 0};
}
