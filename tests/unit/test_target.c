/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Tables and statuses of targets: texts as the kernel gives them, each of them cut off at every
 * byte, and with what does not belong there. */
#include "unit.h"

#include <string.h>

#include "base/checked.h"
#include "dm/target.h"

static const char era_text[] = "8 10/64 4294967295 19";
static const char cache_text[] = "8 12/256 64 27/32 1 2 3 4 5 6 7 3 metadata2 passthrough "
				 "no_discard_passdown 2 migration_threshold 2048 smq 0 ro "
				 "needs_check";
static const char cache_table_text[] = "98:16 98:32 254:1 64 2 metadata2 writethrough smq 2 "
				       "migration_threshold 20480";

static void era_table_is_read(void **state)
{
	struct era_table table;

	(void)state;
	assert_true(era_table_parse("98:0 254:1048575 128", &table));
	assert_string_equal(table.metadata, "98:0");
	assert_string_equal(table.origin, "254:1048575");
	assert_int_equal(table.block_sectors, 128);
	assert_false(era_table_parse("98:0 254:1", &table));
	assert_false(era_table_parse("98:0 254:1 8 9", &table));
	assert_false(era_table_parse("98:0 254:1 8x", &table));
	assert_false(era_table_parse("98:0 4000000000000000000000:1 8", &table));
	assert_false(era_table_parse("", &table));
}

static void era_status_is_read(void **state)
{
	struct era_status status;

	(void)state;
	assert_true(era_status_parse(era_text, &status));
	assert_int_equal(status.metadata_block_sectors, 8);
	assert_int_equal(status.nr_used, 10);
	assert_int_equal(status.nr_total, 64);
	assert_int_equal(status.era, UINT32_MAX);
	assert_true(status.has_snapshot);
	assert_int_equal(status.snapshot, 19);
	assert_true(era_status_parse("8 10/64 7 - ", &status));
	assert_false(status.has_snapshot);
	assert_int_equal(status.era, 7);
}

static void no_era_status_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"Error",
		"Fail",
		"8",
		"8 10",
		"8 /64 7 -",
		"8 10/ 7 -",
		"8 10/64 -",
		"8 10/64 7",
		"8 10/64 7 x",
		"8 10/64 7 --",
		"8 10/64 7 - 1",
		"8 10/64 -7 -",
		"8 10/6/4 7 -",
		"8 10/64 4294967296 -",
	};
	struct era_status status;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		assert_false(era_status_parse(texts[i], &status));
}

static void cache_table_is_read(void **state)
{
	struct cache_table table;

	(void)state;
	assert_true(cache_table_parse(cache_table_text, &table));
	assert_string_equal(table.metadata, "98:16");
	assert_string_equal(table.cache, "98:32");
	assert_string_equal(table.origin, "254:1");
	assert_int_equal(table.block_sectors, 64);
	assert_int_equal(table.mode, CACHE_WRITETHROUGH);
	assert_string_equal(table.options,
			    "2 metadata2 writethrough smq 2 migration_threshold 20480");
	assert_true(cache_table_parse("98:16 98:32 254:1 64 0 default 0", &table));
	assert_int_equal(table.mode, CACHE_WRITEBACK);
	assert_string_equal(table.options, "0 default 0");
	assert_false(cache_table_parse("98:16 98:32 254:1 64 0 default 0 more", &table));
	assert_false(cache_table_parse("98:16 98:32 254:1 64 4294967296 default 0", &table));
}

static void cache_status_is_read(void **state)
{
	struct cache_status status;

	(void)state;
	assert_true(cache_status_parse(cache_text, &status));
	assert_int_equal(status.nr_used, 12);
	assert_int_equal(status.nr_total, 256);
	assert_int_equal(status.block_sectors, 64);
	assert_int_equal(status.nr_resident, 27);
	assert_int_equal(status.nr_blocks, 32);
	assert_int_equal(status.nr_dirty, 7);
	assert_int_equal(status.mode, CACHE_PASSTHROUGH);
	assert_true(status.is_read_only);
	assert_true(status.needs_check);
	assert_true(cache_status_parse("8 12/256 64 0/32 0 0 0 0 0 0 0 2 writeback "
				       "no_discard_passdown 2 migration_threshold 2048 smq 0 rw - ",
				       &status));
	assert_int_equal(status.mode, CACHE_WRITEBACK);
	assert_false(status.is_read_only);
	assert_false(status.needs_check);
	assert_false(cache_status_parse("Fail", &status));
	assert_false(cache_status_parse("Error", &status));
}

static bool any_is_read(const char *text)
{
	struct era_status era;
	struct cache_table table;
	struct cache_status cache;

	return era_status_parse(text, &era) || cache_table_parse(text, &table) ||
	       cache_status_parse(text, &cache);
}

/* Nothing that is a word too short is taken; a number may lack its last digits. */
static void what_is_cut_off_is_refused(void **state)
{
	static const char *const texts[] = {era_text, cache_text, cache_table_text};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[256];

		for (size_t len = 0; len < strlen(texts[i]); len++) {
			if (texts[i][len] != ' ')
				continue;
			memcpy(text, texts[i], len);
			text[len] = '\0';
			/* Old kernels end here. */
			if (len > 3 && !strcmp(text + len - 3, " ro"))
				continue;
			assert_false(any_is_read(text));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(era_table_is_read),
		cmocka_unit_test(era_status_is_read),
		cmocka_unit_test(no_era_status_is_refused),
		cmocka_unit_test(cache_table_is_read),
		cmocka_unit_test(cache_status_is_read),
		cmocka_unit_test(what_is_cut_off_is_refused),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
