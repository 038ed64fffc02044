/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What goes into a writer thread comes out of it, in order, until a write fails; and one that can't
 * be started leaves nothing behind. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/writer_thread.h"

#define BUFFER_BYTES 4096u
#define NR_BUFFERS 300u

#define KERNEL_SIGSET_BYTES 8

static unsigned nr_sigmasks, sigmask_fails_at = UINT32_MAX;

/* In the C library's place: one call of all fails. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	if (nr_sigmasks++ == sigmask_fails_at)
		return EINVAL;
	return syscall(SYS_rt_sigprocmask, how, set, old, KERNEL_SIGSET_BYTES) ? errno : 0;
}

static unsigned count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned nr = 0;

	assert_non_null(tasks);
	while (readdir(tasks))
		nr++;
	closedir(tasks);
	return nr - 2; /* . and .. */
}

/* The other end: counts what it got, is slow now and then, and fails at a buffer. */
struct drain {
	unsigned nr, fails_at;
	bool in_order;
};

static int drain_write(void *ctx, const char *data, size_t n)
{
	struct drain *drain = ctx;
	unsigned got;

	memcpy(&got, data, sizeof(got));
	drain->in_order &= got == drain->nr && n == sizeof(got) + got % 1000;
	if (drain->nr % 37 == 0)
		usleep(500);
	return drain->nr++ == drain->fails_at ? ENOSPC : 0;
}

static int write_and_end(struct drain *drain, int *last_error)
{
	char *buffer = aligned_alloc(BUFFER_BYTES, BUFFER_BYTES);
	struct writer_thread writer;
	int r;

	assert_non_null(buffer);
	assert_int_equal(writer_thread_start(&writer, BUFFER_BYTES, drain_write, drain), 0);
	for (unsigned i = 0; i < NR_BUFFERS; i++) {
		memcpy(buffer, &i, sizeof(i));
		buffer = writer_thread_swap(&writer, buffer, sizeof(i) + i % 1000, last_error);
		if (i % 101 == 0)
			usleep(2000);
	}
	free(buffer);
	r = writer_thread_end(&writer);
	writer_thread_free(&writer);
	return r;
}

static void all_arrives_in_order(void **state)
{
	struct drain drain = {.fails_at = UINT32_MAX, .in_order = true};
	int error;

	(void)state;
	assert_int_equal(write_and_end(&drain, &error), 0);
	assert_int_equal(error, 0);
	assert_int_equal(drain.nr, NR_BUFFERS);
	assert_true(drain.in_order);
}

static void nothing_is_written_after_an_error(void **state)
{
	static const unsigned places[] = {0, 1, 7, 8, 9, NR_BUFFERS / 2, NR_BUFFERS - 1};
	int error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct drain drain = {.fails_at = places[i], .in_order = true};

		assert_int_equal(write_and_end(&drain, &error), ENOSPC);
		assert_int_equal(drain.nr, places[i] + 1);
		assert_true(drain.in_order);
		assert_true(error == ENOSPC || places[i] + WRITER_THREAD_BUFFERS >= NR_BUFFERS);
	}
}

/* A thread that has been joined may be seen for a moment more. */
static bool threads_settle_at(unsigned nr)
{
	for (int i = 0; i < 10000 && count_threads() > nr; i++)
		usleep(1000);
	return count_threads() <= nr;
}

static void no_thread_is_left_when_it_cannot_be_started(void **state)
{
	struct drain drain = {.fails_at = UINT32_MAX, .in_order = true};
	unsigned nr_threads = count_threads();
	struct writer_thread writer;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		nr_sigmasks = 0;
		sigmask_fails_at = i;
		assert_int_equal(writer_thread_start(&writer, BUFFER_BYTES, drain_write, &drain),
				 EINVAL);
		assert_int_equal(nr_sigmasks, i + 1);
		assert_true(threads_settle_at(nr_threads));
	}
	sigmask_fails_at = UINT32_MAX;
	assert_int_equal(drain.nr, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_arrives_in_order),
		cmocka_unit_test(nothing_is_written_after_an_error),
		cmocka_unit_test(no_thread_is_left_when_it_cannot_be_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
