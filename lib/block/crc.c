/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block/crc.h"

#include <isa-l/crc.h>

#define POLYNOMIAL_REFLECTED 0x82f63b78u

uint32_t crc32c(uint32_t init, const void *data, size_t len)
{
	return crc32_iscsi((unsigned char *)(uintptr_t)data, (int)len, init);
}

static uint32_t shift_byte(uint32_t crc)
{
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL_REFLECTED : 0);
	return crc;
}

uint32_t crc32c_plain(uint32_t init, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t table[256];

	for (uint32_t i = 0; i < 256; i++)
		table[i] = shift_byte(i);
	for (size_t i = 0; i < len; i++)
		init = init >> 8 ^ table[(init ^ bytes[i]) & 0xff];
	return init;
}
