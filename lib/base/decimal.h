/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Numbers as decimal text, fast if they ascend: all digits but the last four are kept as text, and
 * computed only when they change; the last four come from a table of pairs.
 */
#ifndef ERA_BASE_DECIMAL_H
#define ERA_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

/* The most bytes that decimal_put() writes; the number may have fewer. */
#define DECIMAL_MAX 24u

#define DECIMAL_TAIL 10000u

/* The digits before the last four; initialise it with zeroes. */
struct decimal {
	uint64_t head;
	uint32_t len;
	char text[20];
};

void decimal_set_head(struct decimal *d, uint64_t head);

/* "00" to "99". */
extern const char decimal_pairs[2 * 100];

/* Without leading zeroes, for n below DECIMAL_TAIL. */
static inline char *decimal_put_small(uint32_t n, char *to)
{
	char digits[4];
	unsigned skip = n < 10 ? 3 : n < 100 ? 2 : n < 1000 ? 1 : 0;

	memcpy(digits, decimal_pairs + 2 * (n / 100), 2);
	memcpy(digits + 2, decimal_pairs + 2 * (n % 100), 2);
	for (unsigned i = skip; i < 4; i++)
		*to++ = digits[i];
	return to;
}

/* Writes n to `to`, which must have space for DECIMAL_MAX bytes, and returns its end. */
static inline char *decimal_put(struct decimal *d, uint64_t n, char *to)
{
	uint64_t head = n / DECIMAL_TAIL;
	uint32_t tail = (uint32_t)(n % DECIMAL_TAIL);

	if (!head)
		return decimal_put_small(tail, to);
	if (head != d->head)
		decimal_set_head(d, head);
	memcpy(to, d->text, sizeof(d->text));
	to += d->len;
	memcpy(to, decimal_pairs + 2 * (tail / 100), 2);
	memcpy(to + 2, decimal_pairs + 2 * (tail % 100), 2);
	return to + 4;
}

/* Reads len digits, at least one, and nothing else.  false, and *value is untouched, if they are
 * no number or one above max. */
bool decimal_parse(const char *text, size_t len, uint64_t max, uint64_t *value) must_check;

#endif
