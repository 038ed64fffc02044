/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clock that waiting is measured by: it goes on, and nobody sets it. */
#ifndef ERA_BASE_CLOCK_H
#define ERA_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

int64_t clock_ms(void);
uint64_t clock_us(void);

/* So many milliseconds from now. */
struct timespec clock_in(uint32_t ms);

bool clock_is_past(const struct timespec *t);
struct timespec clock_earlier(const struct timespec *a, const struct timespec *b);

/* Timed waits for it go by this clock. */
void clock_init_cond(pthread_cond_t *cond);

#endif
