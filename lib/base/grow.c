/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/grow.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAPACITY 16u

void *grow_array(void *array, size_t nr, size_t *capacity, size_t item_size)
{
	size_t grown = *capacity ? *capacity : FIRST_CAPACITY;
	void *moved;

	if (array && nr <= *capacity)
		return array;
	if (nr > SIZE_MAX / 2 / item_size)
		return NULL;
	while (grown < nr)
		grown *= 2;
	moved = realloc(array, grown * item_size);
	if (moved)
		*capacity = grown;
	return moved;
}
