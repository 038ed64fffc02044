/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Durations, counted by classes.  The owner is responsible for locking. */
#ifndef ERA_TARGET_HISTOGRAM_H
#define ERA_TARGET_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_NR_BOUNDS 15u

struct histogram {
	uint64_t nr[HISTOGRAM_NR_BOUNDS + 1]; /* up to each bound; the last one: above all */
	uint64_t sum_us;
};

/* In microseconds, ascending; a class includes its bound. */
extern const uint32_t histogram_bounds_us[HISTOGRAM_NR_BOUNDS];

void histogram_add(struct histogram *h, uint64_t us);

/* Of all classes. */
uint64_t histogram_total(const struct histogram *h);

#endif
