/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The clock for timeouts: it runs steadily, and setting the time of day does not change it. */
#ifndef ERA_BASE_CLOCK_H
#define ERA_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

int64_t clock_ms(void);
uint64_t clock_us(void);

/* The time of day, in nanoseconds since 1970. */
uint64_t clock_of_day_ns(void);

/* The time in `ms` milliseconds. */
struct timespec clock_in(uint32_t ms);

bool clock_is_past(const struct timespec *t);
struct timespec clock_earlier(const struct timespec *a, const struct timespec *b);

/* Makes timed waits for the condition use this clock. */
void clock_init_cond(pthread_cond_t *cond);

#endif
