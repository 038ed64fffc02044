/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers as decimal text, fast: a running number is incremented in its digits, not divided. */
#ifndef ERA_BASE_DECIMAL_H
#define ERA_BASE_DECIMAL_H

#include <stdint.h>
#include <string.h>

#define DECIMAL_MAX 20u

/* The digits lie at the right end of text, so that text + DECIMAL_MAX - len is the number. */
struct decimal {
	uint32_t len;
	char text[2 * DECIMAL_MAX]; /* the second half may be copied along, for fixed-size moves */
};

static inline void decimal_set(struct decimal *d, uint64_t n)
{
	d->len = 0;
	do {
		d->text[DECIMAL_MAX - ++d->len] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
}

static inline void decimal_next(struct decimal *d)
{
	uint32_t i = DECIMAL_MAX - 1;

	while (d->text[i] == '9' && i > DECIMAL_MAX - d->len)
		d->text[i--] = '0';
	if (d->text[i] != '9') {
		d->text[i]++;
		return;
	}
	d->text[i] = '0';
	d->text[i - 1] = '1';
	d->len++;
}

/* Puts the number at `to`, which must have room for DECIMAL_MAX bytes, and returns its end. */
static inline char *decimal_put(const struct decimal *d, char *to)
{
	memcpy(to, d->text + DECIMAL_MAX - d->len, DECIMAL_MAX);
	return to + d->len;
}

#endif
