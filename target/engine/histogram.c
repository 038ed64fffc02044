/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/engine/histogram.h"

const uint32_t histogram_bounds_us[HISTOGRAM_NR_BOUNDS] = {
	100,   250,    500,    1000,   2500,	5000,	 10000,	   25000,
	50000, 100000, 250000, 500000, 1000000, 2500000, 10000000,
};

void histogram_add(struct histogram *h, uint64_t us)
{
	unsigned i = 0;

	while (i < HISTOGRAM_NR_BOUNDS && us > histogram_bounds_us[i])
		i++;
	h->nr[i]++;
	h->sum_us += us;
}

uint64_t histogram_total(const struct histogram *h)
{
	uint64_t total = 0;

	for (unsigned i = 0; i <= HISTOGRAM_NR_BOUNDS; i++)
		total += h->nr[i];
	return total;
}
