/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/decimal.h"

#include "base/checked.h"

#define TEN_PAIRS(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"

const char decimal_pairs[2 * 100] = {TEN_PAIRS("0") TEN_PAIRS("1") TEN_PAIRS("2") TEN_PAIRS("3")
					     TEN_PAIRS("4") TEN_PAIRS("5") TEN_PAIRS("6")
						     TEN_PAIRS("7") TEN_PAIRS("8") TEN_PAIRS("9")};

void decimal_set_head(struct decimal *d, uint64_t head)
{
	char digits[sizeof(d->text)];
	uint32_t first = sizeof(digits);

	d->head = head;
	do {
		digits[--first] = (char)('0' + head % 10);
		head /= 10;
	} while (head);
	d->len = (uint32_t)sizeof(digits) - first;
	memcpy(d->text, digits + first, d->len);
}

bool decimal_parse(const char *text, size_t len, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || !checked_mul(n, 10, &n) ||
		    !checked_add(n, (uint64_t)(text[i] - '0'), &n) || n > max)
			return false;
	}
	if (len)
		*value = n;
	return len;
}
