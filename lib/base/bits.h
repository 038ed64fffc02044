/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Sets of bits in 64-bit words: bit n is bit n % 64 of word n / 64, as in dm-era's writesets. */
#ifndef ERA_BASE_BITS_H
#define ERA_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define BITS_PER_WORD 64u

static inline uint64_t bits_words(uint64_t nr_bits)
{
	return nr_bits / BITS_PER_WORD + (nr_bits % BITS_PER_WORD != 0);
}

/* The bits of the last word that belong to a set of nr_bits (all, when it is full). */
static inline uint64_t bits_last_mask(uint64_t nr_bits)
{
	unsigned used = (unsigned)(nr_bits % BITS_PER_WORD);

	return used ? (UINT64_C(1) << used) - 1 : ~UINT64_C(0);
}

/* Words for nr_bits, all clear; free() them.  NULL if memory is exhausted. */
uint64_t *bits_alloc(uint64_t nr_bits);
uint64_t *bits_copy(const uint64_t *words, uint64_t nr_bits);

/* Sets *mask to those of the bits first .. end - 1 that lie in the word of `first`, and moves
 * *first past them.  Returns the number of the word. */
static inline uint64_t bits_take_word(uint64_t *first, uint64_t end, uint64_t *mask)
{
	uint64_t word = *first / BITS_PER_WORD, stop = (word + 1) * BITS_PER_WORD;

	stop = stop < end ? stop : end;
	*mask = bits_last_mask(stop - *first) << *first % BITS_PER_WORD;
	*first = stop;
	return word;
}

static inline bool bits_test(const uint64_t *words, uint64_t bit)
{
	return words[bit / BITS_PER_WORD] >> (bit % BITS_PER_WORD) & 1;
}

static inline void bits_set(uint64_t *words, uint64_t bit)
{
	words[bit / BITS_PER_WORD] |= UINT64_C(1) << (bit % BITS_PER_WORD);
}

/* Sets bits first .. first + len - 1. */
void bits_set_range(uint64_t *words, uint64_t first, uint64_t len);

/* The first bit at or after `from` that is set in words XOR flip, or nr_bits. */
uint64_t bits_next(const uint64_t *words, uint64_t from, uint64_t nr_bits, uint64_t flip);

/* The same, and fast if that bit is near. */
static inline uint64_t bits_next_near(const uint64_t *words, uint64_t from, uint64_t nr_bits,
				      uint64_t flip)
{
	uint64_t rest, found;

	if (from >= nr_bits)
		return nr_bits;
	rest = (words[from / BITS_PER_WORD] ^ flip) >> (from % BITS_PER_WORD);
	if (!rest)
		return bits_next(words, from, nr_bits, flip);
	found = from + (uint64_t)__builtin_ctzll(rest);
	return found < nr_bits ? found : nr_bits;
}

/* The first bit at or after `from` that is set (clear), or nr_bits if there is none. */
static inline uint64_t bits_next_set(const uint64_t *words, uint64_t from, uint64_t nr_bits)
{
	return bits_next_near(words, from, nr_bits, 0);
}

static inline uint64_t bits_next_clear(const uint64_t *words, uint64_t from, uint64_t nr_bits)
{
	return bits_next_near(words, from, nr_bits, ~UINT64_C(0));
}

/* How many of the first nr_bits are set. */
uint64_t bits_count(const uint64_t *words, uint64_t nr_bits);

#endif
