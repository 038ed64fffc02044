/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "live/pace.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

#define MS_PER_S 1000
#define NS_PER_MS 1000000
#define MOST_MS 2000
#define EARLY 2

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

int64_t era_live_pace_begun(int64_t earlier_ms)
{
	int64_t now = clock_ms(), due = earlier_ms + MOST_MS, least = now - EARLY * MOST_MS;

	if (due > now)
		return now;
	return due > least ? due : least;
}

void era_live_keep_pace(uint32_t current_era, uint32_t nr, int64_t begun_ms)
{
	int64_t wait_ms = ms_until((uint64_t)current_era + nr + 1);
	int64_t left_ms = begun_ms + (int64_t)nr * MOST_MS - clock_ms();

	if (left_ms < wait_ms)
		wait_ms = left_ms;
	if (wait_ms > 0)
		sleep_ms(wait_ms);
}
