/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast eras begin.
 *
 * Metadata that are made anew begin in the era of the clock (salvage/first_era.h), which must not
 * come before an era that was recorded with those that are lost.  So an era that is ahead of the
 * clock lasts a second at least, and eras never get farther ahead of it than they were.
 */
#include <errno.h>

#include "base/checked.h"
#include "target/engine/engine_internal.h"

#define MS_PER_S 1000
#define NS_PER_MS 1000000

/* Until that second of the time of day begins: 0 or less when it has. */
static int64_t ms_until(uint64_t second)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t)second - now.tv_sec) * MS_PER_S - now.tv_nsec / NS_PER_MS;
}

static void sleep_ms(int64_t ms)
{
	struct timespec until = clock_in((uint32_t)ms);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

void engine_keep_pace(struct engine *e, uint32_t current)
{
	int64_t wait_ms = ms_until((uint64_t)current + 1);
	int64_t left_ms = atomic_load(&e->begun_ms) + MS_PER_S - clock_ms();

	if (left_ms < wait_ms)
		wait_ms = left_ms;
	if (wait_ms > 0)
		sleep_ms(wait_ms);
}
