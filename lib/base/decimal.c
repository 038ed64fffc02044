/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/decimal.h"

#define TEN_PAIRS(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"

const char decimal_pairs[2 * 100] = {
	TEN_PAIRS("0") TEN_PAIRS("1") TEN_PAIRS("2") TEN_PAIRS("3") TEN_PAIRS("4")
	TEN_PAIRS("5") TEN_PAIRS("6") TEN_PAIRS("7") TEN_PAIRS("8") TEN_PAIRS("9")
};

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
