/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The classic table of distances between all beginnings of two words, of which only the last row is
 * kept: after i letters of a, row[j] is the distance between those and the first j letters of b.
 */
#include "era/nearest.h"

#include <limits.h>
#include <string.h>

#define MAX_LETTERS 32u

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

unsigned word_distance(const char *a, const char *b)
{
	unsigned row[MAX_LETTERS + 1], diagonal, above, best = UINT_MAX;
	size_t len_a = strnlen(a, MAX_LETTERS), len_b = strnlen(b, MAX_LETTERS);

	for (unsigned j = 0; j <= len_b; j++)
		row[j] = j;
	for (unsigned i = 1; i <= len_a; i++) {
		diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= len_b; j++) {
			above = row[j];
			row[j] =
				least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	for (unsigned j = 0; j <= len_b; j++)
		best = row[j] < best ? row[j] : best;
	return row[len_b] + best;
}
