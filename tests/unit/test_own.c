/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What our own programs can ask for, and dmera.h does not have. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "block/dev.h"
#include "dmera/own.h"
#include "metadata/superblock.h"

#define SNAPSHOT_ERA 3u

/* A metadata snapshot in whose era nothing was written. */
static void unpack(const char *to)
{
	const char *top = getenv("abs_top_srcdir");
	char path[UNIT_PATH_MAX], data[4096];
	FILE *file = fopen(to, "w");
	gzFile gz;
	int n;

	snprintf(path, sizeof(path), "%s/tests/images/020-snapshot-held/image.gz", top ? top : ".");
	gz = gzopen(path, "rb");
	assert_non_null(gz);
	assert_non_null(file);
	while ((n = gzread(gz, data, sizeof(data))) > 0)
		assert_int_equal(fwrite(data, 1, (size_t)n, file), n);
	gzclose(gz);
	assert_int_equal(fclose(file), 0);
}

/* Another live superblock, with the same snapshot. */
static void commit_something(const char *path)
{
	struct superblock sb;
	struct problem p;
	struct blk_dev dev;

	assert_int_equal(blk_dev_open(&dev, path, BLK_WRITE, NULL), 0);
	assert_int_equal(superblock_read(&dev, 0, BLOCK_SUPERBLOCK, &sb, &p), 0);
	superblock_set_unflushed(&sb, 1);
	assert_int_equal(superblock_write(&dev, &sb), 0);
	blk_dev_close(&dev);
}

static void test_nothing_newer(void **state)
{
	struct dmera *era = dmera_create();
	struct dmera_changes *changes = NULL;
	char path[UNIT_PATH_MAX];
	int fd;

	(void)state;
	unit_temporary(path, "own");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unpack(path);
	assert_non_null(era);
	assert_int_equal(dmera_open(era, path, DMERA_SNAPSHOT), 0);
	dmera_set_nothing_newer(era, true);
	assert_int_equal(dmera_changes_since(era, SNAPSHOT_ERA, &changes), 0);
	dmera_changes_free(changes);
	changes = NULL;

	commit_something(path);
	assert_int_equal(dmera_changes_since(era, SNAPSHOT_ERA, &changes), DMERA_NO_ANSWER);
	assert_null(changes);
	assert_non_null(strstr(dmera_error(era), "have changed"));
	dmera_set_nothing_newer(era, false);
	assert_int_equal(dmera_changes_since(era, SNAPSHOT_ERA, &changes), 0);
	dmera_changes_free(changes);
	dmera_destroy(era);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_newer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
