/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Little-endian integers as they lie on disk.
 *
 * They are structs of bytes: alignment 1, so that on-disk structures need no packing, and no
 * arithmetic works on them, so that a forgotten conversion does not compile.  The getters and
 * makers compile to one load or store on a little-endian machine.
 */
#ifndef ERA_BASE_LE_H
#define ERA_BASE_LE_H

#include <stdint.h>

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
	return (struct le32){{(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)}};
}

static inline struct le64 le64_make(uint64_t v)
{
	return (struct le64){{(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24),
			      (uint8_t)(v >> 32), (uint8_t)(v >> 40), (uint8_t)(v >> 48),
			      (uint8_t)(v >> 56)}};
}

#endif
