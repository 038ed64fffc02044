/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_INVALIDATE_OPTIONS_H
#define ERA_INVALIDATE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/stale.h"
#include "output/changes.h"
#include "tools/options.h"

struct options {
	const char *path, *output;
	bool snapshot, repair, or_all, has_since, has_snapshot_era, has_unit, has_device_size,
		has_old_size, allow_dirty, json, has_format;
	uint32_t since, snapshot_era;
	const struct change_format *format; /* NULL for the formats of a cache */
	enum cache_format cache_format;
	unsigned format_index;
	unsigned unit;	      /* enum change_unit */
	uint64_t device_size; /* 0: not given */
	uint64_t old_size;
	const char *cache_mappings, *cache_metadata;
	const char *witness, *witness_out;
};

/* Fills a struct options. */
extern const struct option_table invalidate_options;

#endif
