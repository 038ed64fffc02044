/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The file of a backup's state: what is saved is loaded; anything else is refused. */
#include "delta_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "copy/state.h"

static char said[1024];

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
}

static const struct report report = {.error = on_error};

static struct backup_state full, loaded;
static char text[BACKUP_STATE_MAX_BYTES], other[BACKUP_STATE_MAX_BYTES];

/* Every member at its longest. */
static int setup(void **state)
{
	(void)state;
	*said = '\0';
	full = (struct backup_state){
		.has_base = true,
		.base = delta_name(UINT32_MAX),
		.size = INT64_MAX,
		.block_size = UINT32_MAX,
		.witness_size = DELTA_WITNESS_MAX,
		.has_reverted_era = true,
		.reverted_era = UINT32_MAX,
		.samples.nr = SAMPLES_MAX,
		.under_way = true,
		.going = {true, delta_name(UINT32_MAX - 1), delta_name(UINT32_MAX), INT64_MAX},
		.is_staged = true,
		.has_snapshot_era = true,
		.snapshot_era = UINT32_MAX,
	};
	memset(full.origin, ' ', DELTA_ORIGIN_MAX);
	memset(full.witness, 0xa5, DELTA_WITNESS_MAX);
	for (uint32_t i = 0; i < SAMPLES_MAX; i++)
		full.samples.at[i] = (struct sample){INT64_MAX / 2 + (uint64_t)i * SAMPLE_BYTES_MAX,
						     SAMPLE_BYTES_MAX, UINT32_MAX - i};
	return 0;
}

static int decode(const char *from, size_t len)
{
	memset(&loaded, 0, sizeof(loaded));
	*said = '\0';
	return backup_state_decode(&loaded, "state", from, len, &report);
}

/* Structs may have gaps. */
static void assert_loaded(const struct backup_state *wanted)
{
	size_t len = backup_state_encode(wanted, text);

	assert_int_equal(backup_state_encode(&loaded, other), len);
	assert_memory_equal(text, other, len);
}

static void the_largest(void **state)
{
	size_t len = backup_state_encode(&full, text);

	(void)state;
	assert_true(len > 2 * DELTA_WITNESS_MAX);
	assert_int_equal(decode(text, len), 0);
	assert_loaded(&full);
}

static void the_smallest(void **state)
{
	static const struct backup_state none;
	size_t len = backup_state_encode(&none, text);

	(void)state;
	assert_true(len);
	assert_int_equal(decode(text, len), 0);
	assert_loaded(&none);
}

static void damage_is_refused(void **state)
{
	size_t len;

	(void)state;
	full.witness_size = 10;
	full.samples.nr = 3;
	len = backup_state_encode(&full, text);
	for (size_t i = 0; i < len; i++) {
		memcpy(other, text, len);
		other[i] ^= 1;
		assert_int_equal(decode(other, len), ERA_DAMAGED);
		assert_true(*said);
		assert_int_equal(decode(text, i), ERA_DAMAGED);
		assert_true(!loaded.has_base && !loaded.under_way);
	}
	memcpy(other, text, len);
	other[len] = '\n';
	assert_int_equal(decode(other, len + 1), ERA_DAMAGED);
}

/* The lines between the first and the checksum, which is right. */
static int decode_lines(const char *lines)
{
	int len = snprintf(text, sizeof(text), "era-tools backup state 1\n%s", lines);

	len += snprintf(text + len, sizeof(text) - (size_t)len, "checksum %08x\n",
			~crc32c(UINT32_MAX, text, (size_t)len));
	return decode(text, (size_t)len);
}

#define ID "01010101010101010101010101010101"

static void lines_that_are_wrong(void **state)
{
	static const char *const wrong[] = {
		"other 1\n",
		"base\n",
		"base \n",
		"base era-1-" ID "\n",
		"size 10\n",
		"base era-1-" ID "\nsize 10\nsize 10\n",
		"size 10\nbase era-1-" ID "\n",
		"base era-1-" ID " \nsize 10\n",
		"base era-1-" ID "\nsize 9223372036854775808\n",
		"base era-1-" ID "\nsize 10\nblock-size 4294967296\n",
		"base era-1-" ID "\nsize 10\norigin a\tb\n",
		"base era-1-" ID "\nsize 10\nwitness abc\n",
		"base era-1-" ID "\nsize 10\nwitness AB\n",
		"base era-1-" ID "\nsize 10\nsample 0 4 0000000000000000",
		"base era-1-" ID "\nsize 10\nsample 0 4\n",
		"base era-1-" ID "\nsize 10\nsample 0 4 000000000000000\n",
		"base era-1-" ID "\nsize 10\nsample 0 0 0000000000000000\n",
		"base era-1-" ID "\nsize 10\nsample 0 11 0000000000000000\n",
		"base era-1-" ID
		"\nsize 10\nsample 4 2 0000000000000000\nsample 5 2 0000000000000000\n",
		"base era-1-" ID "\nsize 999999\nsample 0 262145 0000000000000000\n",
		"base era-1-" ID "\nsize 10\nsample 9223372036854775807 4 0000000000000000\n",
		"applying-from era-1-" ID "\napplying-size 10\n",
		"applying-to era-1-" ID "\n",
		"applying-size 10\n",
		"applying-to era-1-" ID "\napplying-size 10\napplying-staged 2\n",
		"applying-to era-1-" ID "\napplying-size 10\napplying-staged 10\n",
		"snapshot-era -1\n",
		"reverted-era 3\n",
		"base era-1-" ID "\nsize 10\nreverted-era 4294967296\n",
	};

	(void)state;
	assert_int_equal(decode_lines("base era-1-" ID "\nsize 10\nsample 4 2 0000000000000000\n"),
			 0);
	assert_int_equal(decode_lines("applying-to era-1-" ID "\napplying-size 10\n"), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (decode_lines(wrong[i]) != ERA_DAMAGED || !strstr(said, "a line of it is wrong"))
			fail_msg("%s: %s", wrong[i], said);
}

static void too_many_samples(void **state)
{
	size_t n = (size_t)snprintf(other, sizeof(other), "base era-1-" ID "\nsize 1000000\n");

	(void)state;
	for (unsigned i = 0; i <= SAMPLES_MAX; i++)
		n += (size_t)snprintf(other + n, sizeof(other) - n,
				      "sample %u 1 0000000000000000\n", i);
	assert_int_equal(decode_lines(other), ERA_DAMAGED);
}

static void files(void **state)
{
	char path[UNIT_PATH_MAX];
	int fd;

	(void)state;
	unit_temporary(path, "state");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(backup_state_load(&loaded, path, &report), 0);
	assert_int_equal(backup_state_save(&full, path, &report), 0);
	assert_int_equal(backup_state_load(&loaded, path, &report), 1);
	assert_loaded(&full);
	full.has_snapshot_era = false;
	full.snapshot_era = 0;
	assert_int_equal(backup_state_save(&full, path, &report), 0);
	assert_int_equal(backup_state_load(&loaded, path, &report), 1);
	assert_loaded(&full);
	assert_int_equal(truncate(path, BACKUP_STATE_MAX_BYTES + 1), 0);
	assert_int_equal(backup_state_load(&loaded, path, &report), ERA_DAMAGED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(backup_state_load(&loaded, path, &report), ERA_SYS);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_largest, setup),
		cmocka_unit_test_setup(the_smallest, setup),
		cmocka_unit_test_setup(damage_is_refused, setup),
		cmocka_unit_test_setup(lines_that_are_wrong, setup),
		cmocka_unit_test_setup(too_many_samples, setup),
		cmocka_unit_test_setup(files, setup),
	};

	return cmocka_run_group_tests_name("backup_state", tests, NULL, NULL);
}
