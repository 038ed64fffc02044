/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A witness's file, with its size and its checksum made right: it is refused, with a reason, or it
 * is what would be written of what was read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "block/crc.h"
#include "tests/fuzz/fuzz.h"
#include "witness/witness.h"

#define CSUM_AT 8u
#define CSUM_FROM 12u
#define SIZE_AT 16u
#define HEADER_BYTES 48u

static void make_right(uint8_t *data, uint32_t len)
{
	const struct le32 size = le32_make(len);
	struct le32 csum;

	memcpy(data + SIZE_AT, &size, sizeof(size));
	csum = le32_make(~crc32c(UINT32_MAX, data + CSUM_FROM, len - CSUM_FROM));
	memcpy(data + CSUM_AT, &csum, sizeof(csum));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static uint8_t data[WITNESS_MAX_BYTES + 1], again[WITNESS_MAX_BYTES];
	uint32_t len = (uint32_t)min_u64(size, sizeof(data));
	struct witness *witness = malloc(sizeof(*witness));
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r;

	must(witness);
	memcpy(data, input, len);
	if (len >= HEADER_BYTES)
		make_right(data, len);
	r = witness_decode(witness, "witness", data, len, &rep);
	must_be_told(r, &told);
	must(r || (witness_encode(witness, again) == len && !memcmp(again, data, len)));
	free(witness);
	return 0;
}
