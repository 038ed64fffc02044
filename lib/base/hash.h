/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A hash by which a changed block is told, for files: its values are part of their formats.
 *
 * It is no CRC: superblocks and other metadata have a CRC of their own inside, so the CRC of the
 * whole is the same whatever they hold, if it is the same kind of CRC.  It is no protection against
 * those who want two blocks to have the same.
 */
#ifndef ERA_BASE_HASH_H
#define ERA_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A permutation of 64 bits that looks random. */
static inline uint64_t hash_mix(uint64_t x)
{
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

/* data is aligned to 8 bytes. */
uint64_t hash_bytes(const void *data, size_t len);

#endif
