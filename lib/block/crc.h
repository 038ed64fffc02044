/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* crc32c (Castagnoli, reflected) without final inversion, as persistent-data uses it. */
#ifndef ERA_BLOCK_CRC_H
#define ERA_BLOCK_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Uses ISA-L, and so the processor's own instructions; without ISA-L, a plain table. */
uint32_t crc32c(uint32_t init, const void *data, size_t len);

/* The same by a plain table: slow, and the reference for the unit test. */
uint32_t crc32c_plain(uint32_t init, const void *data, size_t len);

#endif
