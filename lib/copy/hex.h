/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Bytes as hexadecimal digits, in lower case. */
#ifndef ERA_COPY_HEX_H
#define ERA_COPY_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Writes 2 * size digits and no NUL. */
void hex_put(const uint8_t *data, size_t size, char *text);

/* Reads len digits into len / 2 bytes; false if len is odd or anything else is among them. */
bool hex_get(const char *text, size_t len, uint8_t *data) must_check;

#endif
