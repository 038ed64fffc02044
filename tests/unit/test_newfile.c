/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A new metadata file does not take the place of one that has appeared there since it was begun. */
#include "unit.h"

#include <string.h>

#include "block/dev.h"

static char path[UNIT_PATH_MAX];
static char said[1024];

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
}

static const struct report report = {.error = on_error};

static void another_appears(void)
{
	FILE *file = fopen(path, "wx");

	assert_non_null(file);
	assert_true(fputs("another's", file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void another_is_left(void)
{
	char text[32] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "another's");
	assert_int_equal(unlink(path), 0);
}

static int setup(void **state)
{
	int fd;

	(void)state;
	*said = '\0';
	unit_temporary(path, "newfile");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return unlink(path);
}

static void one_that_is_there_is_not_created(void **state)
{
	struct blk_dev dev;

	(void)state;
	another_appears();
	assert_int_equal(blk_dev_create(&dev, path, 2, &report), ERA_SYS);
	assert_non_null(strstr(said, "has appeared there meanwhile"));
	another_is_left();
}

static void one_that_appears_is_not_replaced(void **state)
{
	struct blk_dev dev;

	(void)state;
	assert_int_equal(blk_dev_create(&dev, path, 2, &report), 0);
	another_appears();
	assert_int_equal(blk_dev_publish(&dev), ERA_SYS);
	assert_non_null(strstr(said, "has appeared there meanwhile"));
	blk_dev_discard(&dev);
	blk_dev_close(&dev);
	another_is_left();
}

static void what_is_published_is_there(void **state)
{
	struct blk_dev dev;

	(void)state;
	assert_int_equal(blk_dev_create(&dev, path, 2, &report), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(blk_dev_publish(&dev), 0);
	assert_string_equal(said, "");
	blk_dev_close(&dev);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_that_is_there_is_not_created, setup),
		cmocka_unit_test_setup(one_that_appears_is_not_replaced, setup),
		cmocka_unit_test_setup(what_is_published_is_there, setup),
	};

	return cmocka_run_group_tests_name("newfile", tests, NULL, NULL);
}
