/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/size.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/checked.h"

#define SECTOR_BYTES 512u

static const struct {
	char suffix, other_case; /* 0: none */
	unsigned shift;
} units[] = {
	{'k', 'K', 10}, {'M', 'm', 20}, {'G', 'g', 30},
	{'T', 't', 40}, {'P', 'p', 50}, {'E', 'e', 60},
};

/* What one of the number is, in bytes; 0: there is no such suffix. */
static uint64_t find_factor(const char *suffix)
{
	if (!*suffix)
		return 1;
	if (!strcmp(suffix, "s"))
		return SECTOR_BYTES;
	if (suffix[1] && strcmp(suffix + 1, "iB"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (*suffix == units[i].suffix || *suffix == units[i].other_case)
			return UINT64_C(1) << units[i].shift;
	return 0;
}

static size_t count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

static bool parse_whole(const char *digits, size_t nr, uint64_t factor, uint64_t *bytes)
{
	uint64_t n = 0;

	for (size_t i = 0; i < nr; i++)
		if (!checked_mul(n, 10, &n) || !checked_add(n, (uint64_t)(digits[i] - '0'), &n))
			return false;
	return checked_mul(n, factor, bytes);
}

/* From the last digit on: if the sum is a whole number, so is what is left after each digit. */
static bool parse_fraction(const char *digits, size_t nr, uint64_t factor, uint64_t *bytes)
{
	uint64_t n = 0;

	while (nr--) {
		n += (uint64_t)(digits[nr] - '0') * factor;
		if (n % 10)
			return false;
		n /= 10;
	}
	*bytes = n;
	return true;
}

enum size_result size_parse(const char *text, uint64_t *bytes)
{
	size_t nr_whole = count_digits(text), nr_fraction = 0;
	const char *rest = text + nr_whole, *fraction = rest + 1;
	uint64_t factor, whole, part;

	if (*rest == '.') {
		nr_fraction = count_digits(fraction);
		rest = fraction + nr_fraction;
	}
	factor = find_factor(rest);
	if (!nr_whole || !factor || rest[-1] == '.')
		return SIZE_UNCLEAR;
	if (!parse_fraction(fraction, nr_fraction, factor, &part))
		return SIZE_FRACTION;
	if (!parse_whole(text, nr_whole, factor, &whole) || !checked_add(whole, part, &whole) ||
	    whole > INT64_MAX)
		return SIZE_TOO_LARGE;
	*bytes = whole;
	return SIZE_OK;
}
