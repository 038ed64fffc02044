/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/clock.h"

#define NS_PER_S 1000000000L
#define NS_PER_MS 1000000
#define NS_PER_US 1000

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

int64_t clock_ms(void)
{
	struct timespec t = now();

	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / NS_PER_MS;
}

uint64_t clock_us(void)
{
	struct timespec t = now();

	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / NS_PER_US;
}

uint64_t clock_of_day_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

struct timespec clock_in(uint32_t ms)
{
	struct timespec t = now();

	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * NS_PER_MS;
	t.tv_sec += t.tv_nsec / NS_PER_S;
	t.tv_nsec %= NS_PER_S;
	return t;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

bool clock_is_past(const struct timespec *t)
{
	struct timespec current = now();

	return !is_before(&current, t);
}

struct timespec clock_earlier(const struct timespec *a, const struct timespec *b)
{
	return is_before(a, b) ? *a : *b;
}

void clock_init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}
