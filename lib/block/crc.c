/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/crc.h"

#ifdef HAVE_ISAL
#include <isa-l/crc.h>

uint32_t crc32c(uint32_t init, const void *data, size_t len)
{
	return crc32_iscsi((unsigned char *)(uintptr_t)data, (int)len, init);
}
#else
uint32_t crc32c(uint32_t init, const void *data, size_t len)
{
	return crc32c_plain(init, data, len);
}
#endif

uint32_t crc32c_plain(uint32_t init, const void *data, size_t len)
{
	/* What is XORed in for four bits that leave at the low end. */
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		init ^= bytes[i];
		init = init >> 4 ^ table[init & 15];
		init = init >> 4 ^ table[init & 15];
	}
	return init;
}
