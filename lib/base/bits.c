/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/bits.h"

#include <stdlib.h>
#include <string.h>

/* One more than needed, since none at all might be NULL. */
uint64_t *bits_alloc(uint64_t nr_bits)
{
	uint64_t nr = bits_words(nr_bits) + 1;

	return nr <= SIZE_MAX ? calloc((size_t)nr, sizeof(uint64_t)) : NULL;
}

uint64_t *bits_copy(const uint64_t *words, uint64_t nr_bits)
{
	uint64_t *copy = bits_alloc(nr_bits);

	if (copy)
		memcpy(copy, words, (size_t)bits_words(nr_bits) * sizeof(*copy));
	return copy;
}

void bits_set_range(uint64_t *words, uint64_t first, uint64_t len)
{
	uint64_t end = first + len;

	while (first < end) {
		uint64_t mask, word = bits_take_word(&first, end, &mask);

		words[word] |= mask;
	}
}

uint64_t bits_next(const uint64_t *words, uint64_t from, uint64_t nr_bits, uint64_t flip)
{
	uint64_t nr_words = bits_words(nr_bits), i, word, found;

	if (from >= nr_bits)
		return nr_bits;
	i = from / BITS_PER_WORD;
	word = (words[i] ^ flip) & ~UINT64_C(0) << (from % BITS_PER_WORD);
	while (!word) {
		if (++i == nr_words)
			return nr_bits;
		word = words[i] ^ flip;
	}
	found = i * BITS_PER_WORD + (uint64_t)__builtin_ctzll(word);
	return found < nr_bits ? found : nr_bits;
}

uint64_t bits_count(const uint64_t *words, uint64_t nr_bits)
{
	uint64_t nr_words = bits_words(nr_bits), count = 0;

	for (uint64_t i = 0; i + 1 < nr_words; i++)
		count += (uint64_t)__builtin_popcountll(words[i]);
	if (nr_words)
		count += (uint64_t)__builtin_popcountll(words[nr_words - 1] &
							bits_last_mask(nr_bits));
	return count;
}
