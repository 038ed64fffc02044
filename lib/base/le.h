/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Little-endian integers as stored on disk.
 *
 * They are structs of bytes.  Their alignment is 1, so on-disk structures need no packing, and
 * they have no arithmetic, so a forgotten conversion does not compile.  The getters and makers
 * compile to one load or store on a little-endian machine.
 */
#ifndef ERA_BASE_LE_H
#define ERA_BASE_LE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct le32 {
	uint8_t b[4];
};

struct le64 {
	uint8_t b[8];
};

static inline uint32_t le32_get(struct le32 v)
{
	return (uint32_t)v.b[0] | (uint32_t)v.b[1] << 8 | (uint32_t)v.b[2] << 16 |
	       (uint32_t)v.b[3] << 24;
}

static inline uint64_t le64_get(struct le64 v)
{
	return (uint64_t)v.b[0] | (uint64_t)v.b[1] << 8 | (uint64_t)v.b[2] << 16 |
	       (uint64_t)v.b[3] << 24 | (uint64_t)v.b[4] << 32 | (uint64_t)v.b[5] << 40 |
	       (uint64_t)v.b[6] << 48 | (uint64_t)v.b[7] << 56;
}

static inline struct le32 le32_make(uint32_t v)
{
	return (struct le32){
		{(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)}};
}

static inline struct le64 le64_make(uint64_t v)
{
	return (struct le64){{(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24),
			      (uint8_t)(v >> 32), (uint8_t)(v >> 40), (uint8_t)(v >> 48),
			      (uint8_t)(v >> 56)}};
}

/* Arrays of them; if the machine's byte order is the same, these are plain copies. */
#define LE_IS_NATIVE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

static inline void le32_get_all(const struct le32 *from, size_t nr, uint32_t *to)
{
	if (LE_IS_NATIVE)
		memcpy(to, from, nr * sizeof(*to));
	for (size_t i = 0; i < nr && !LE_IS_NATIVE; i++)
		to[i] = le32_get(from[i]);
}

static inline void le64_get_all(const struct le64 *from, size_t nr, uint64_t *to)
{
	if (LE_IS_NATIVE)
		memcpy(to, from, nr * sizeof(*to));
	for (size_t i = 0; i < nr && !LE_IS_NATIVE; i++)
		to[i] = le64_get(from[i]);
}

static inline void le64_make_all(const uint64_t *from, size_t nr, struct le64 *to)
{
	if (LE_IS_NATIVE)
		memcpy(to, from, nr * sizeof(*to));
	for (size_t i = 0; i < nr && !LE_IS_NATIVE; i++)
		to[i] = le64_make(from[i]);
}

static inline void le32_make_all(const uint32_t *from, size_t nr, struct le32 *to)
{
	if (LE_IS_NATIVE)
		memcpy(to, from, nr * sizeof(*to));
	for (size_t i = 0; i < nr && !LE_IS_NATIVE; i++)
		to[i] = le32_make(from[i]);
}

#endif
