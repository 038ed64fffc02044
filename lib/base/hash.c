/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/hash.h"

#include <string.h>

#include "base/le.h"

static uint64_t add(uint64_t sum, const struct le64 *word)
{
	return hash_mix(sum * UINT64_C(0x9e3779b97f4a7c15) + le64_get(*word));
}

uint64_t hash_bytes(const void *data, size_t len)
{
	const struct le64 *words = data;
	size_t nr = len / sizeof(*words), rest = len % sizeof(*words);
	struct le64 last = {0};
	uint64_t sum = hash_mix(len);

	for (size_t i = 0; i < nr; i++)
		sum = add(sum, &words[i]);
	if (!rest)
		return sum;
	memcpy(&last, words + nr, rest);
	return add(sum, &last);
}
