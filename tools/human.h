/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Sizes for people. */
#ifndef ERA_TOOLS_HUMAN_H
#define ERA_TOOLS_HUMAN_H

#include <stdint.h>

#define HUMAN_SIZE_BYTES 64u

/* "10.5 GiB (11274289152 bytes)", rounded to one decimal; "512 bytes" if it is below 1 KiB.
 * Returns text, which has HUMAN_SIZE_BYTES bytes. */
const char *human_size(uint64_t bytes, char *text);

/* The same without the exact number: "10.5 GiB". */
const char *human_size_rounded(uint64_t bytes, char *text);

#endif
