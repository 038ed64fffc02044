/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "unit.h"

#include "block/crc.h"

/* The check value of CRC-32C in the catalogues, before the final inversion. */
static void known_value(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0xffffffff, "123456789", 9), 0xe3069283 ^ 0xffffffff);
	assert_int_equal(crc32c_plain(0xffffffff, "123456789", 9), 0xe3069283 ^ 0xffffffff);
}

static void fast_equals_plain(void **state)
{
	static uint8_t data[8192];
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)unit_random(&seed);
	for (int i = 0; i < 2000; i++) {
		size_t first = unit_random(&seed) % 4096, len = unit_random(&seed) % 4096;
		uint32_t init = unit_random(&seed);

		assert_int_equal(crc32c(init, data + first, len),
				 crc32c_plain(init, data + first, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_value),
		cmocka_unit_test(fast_equals_plain),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
