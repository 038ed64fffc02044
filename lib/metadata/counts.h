/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* How many blocks were last written in which era? */
#ifndef ERA_METADATA_COUNTS_H
#define ERA_METADATA_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/map.h"
#include "metadata/view.h"

struct era_count {
	uint32_t first, last; /* these eras; era 0 has a row of its own */
	uint64_t nr_blocks;   /* never 0 */
};

struct era_counts {
	struct era_count *rows; /* in the order of their eras, without what is unknown */
	size_t nr_rows;
	uint64_t nr_unknown; /* blocks whose era could not be read, with repair */
};

/*
 * Reads the whole view.  Each row is one era, unless there are more than a million different ones:
 * then all rows but those of the newest 64 eras are ranges of the same power of two of eras, the
 * smallest with which they are fewer.  So the memory has a bound.
 */
int era_counts_read(struct era_view *view, struct era_counts *counts) must_check;

/* The same, in one pass with a listener, or NULL. */
int era_counts_read_with(struct era_view *view, const struct era_chunk_listener *listener,
			 struct era_counts *counts) must_check;

void era_counts_free(struct era_counts *counts);

#endif
