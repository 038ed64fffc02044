/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_BASE_GROW_H
#define ERA_BASE_GROW_H

#include <stddef.h>

#include "base/compiler.h"

/*
 * Makes room for nr items of item_size bytes in an array that has room for *capacity, and that
 * malloc() returned, or NULL.  Returns the array, which may have moved; it is still the caller's to
 * free.  Returns NULL if there is no memory, and then the array and *capacity are what they were.
 *
 * The capacity at least doubles, so adding items one by one takes linear time.
 */
void *grow_array(void *array, size_t nr, size_t *capacity, size_t item_size) must_check;

#endif
