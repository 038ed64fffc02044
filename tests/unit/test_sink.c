/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What a sink says of zlib's errors: of those that are not the system's, errno knows nothing. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/sink.h"

static char path[UNIT_PATH_MAX];
static char said[1024];
static int write_errno, close_result;

/* In zlib's place: it has failed, and set errno or not. */
int gzwrite(gzFile gz, voidpc data, unsigned len)
{
	(void)gz;
	(void)data;
	if (close_result)
		return (int)len;
	if (write_errno)
		errno = write_errno;
	return 0;
}

const char *gzerror(gzFile gz, int *error)
{
	(void)gz;
	*error = write_errno ? Z_ERRNO : Z_STREAM_ERROR;
	return "";
}

int gzclose(gzFile gz)
{
	gzclose_w(gz);
	return close_result;
}

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
}

static const struct report report = {.error = on_error};

/* The error that is told, after something else has left `stale` in errno. */
static const char *told(int stale)
{
	struct sink sink;

	*said = '\0';
	assert_int_equal(sink_open(&sink, path, &report), 0);
	sink_printf(&sink, "text");
	errno = stale;
	assert_int_equal(sink_finish(&sink), ERA_SYS);
	sink_close(&sink);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(strncmp(said, path, strlen(path)), 0);
	return said + strlen(path);
}

static void a_failing_gzwrite_is_told_as_it_is(void **state)
{
	(void)state;
	close_result = Z_OK;
	write_errno = 0;
	assert_string_equal(told(ENOENT), ": cannot write: Input/output error");
	assert_string_equal(told(EPIPE), ": cannot write: Input/output error");
	write_errno = ENOSPC;
	assert_string_equal(told(ENOENT), ": cannot write: No space left on device");
}

static void a_failing_gzclose_is_told_as_it_is(void **state)
{
	(void)state;
	close_result = Z_STREAM_ERROR;
	assert_string_equal(told(EPIPE), ": cannot write: Input/output error");
	close_result = Z_MEM_ERROR;
	assert_string_equal(told(EPIPE), ": cannot write: Cannot allocate memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failing_gzwrite_is_told_as_it_is),
		cmocka_unit_test(a_failing_gzclose_is_told_as_it_is),
	};
	int failed, fd;
	size_t len;

	unit_temporary(path, "sink");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	unlink(path);
	len = strlen(path);
	snprintf(path + len, sizeof(path) - len, ".gz");
	failed = cmocka_run_group_tests_name("sink", tests, NULL, NULL);
	return failed;
}
