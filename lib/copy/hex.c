/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/hex.h"

static const char digits[] = "0123456789abcdef";

void hex_put(const uint8_t *data, size_t size, char *text)
{
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 15];
	}
}

static bool get_digit(char c, unsigned *value)
{
	for (unsigned i = 0; i < 16; i++) {
		if (digits[i] != c)
			continue;
		*value = i;
		return true;
	}
	return false;
}

bool hex_get(const char *text, size_t len, uint8_t *data)
{
	unsigned high, low;

	for (size_t i = 0; i + 1 < len; i += 2) {
		if (!get_digit(text[i], &high) || !get_digit(text[i + 1], &low))
			return false;
		data[i / 2] = (uint8_t)(high << 4 | low);
	}
	return len % 2 == 0;
}
