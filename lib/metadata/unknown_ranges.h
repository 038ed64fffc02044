/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Ranges of data blocks that could not be read, adjacent ones as one.  They are reported, and only
 * counted past the first hundred, or they are kept. */
#ifndef ERA_METADATA_UNKNOWN_RANGES_H
#define ERA_METADATA_UNKNOWN_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

struct unknown_range {
	uint64_t first, end;
};

struct unknown_ranges {
	const struct report *rep;
	const char *what; /* "era array"; NULL: the ranges are kept */
	uint64_t first, len;
	uint64_t total;		    /* of all ranges so far */
	uint64_t nr;		    /* ranges so far, but for the last one, which may still grow */
	struct unknown_range *kept; /* nr of them */
	size_t capacity;
	int error; /* ERA_SYS: there was no memory to keep one (reported) */
};

/* To report them, as of `what`. */
void unknown_ranges_init(struct unknown_ranges *s, const struct report *rep, const char *what);

/* To keep them; s->kept is the caller's to free. */
void unknown_ranges_keep(struct unknown_ranges *s, const struct report *rep);

/* Adds the blocks first + i for each bit i < nr of lost that is set. */
void unknown_ranges_add_bits(struct unknown_ranges *s, uint64_t first, const uint64_t *lost,
			     uint64_t nr);

/* Adds len blocks from first on; calls ascend. */
void unknown_ranges_add(struct unknown_ranges *s, uint64_t first, uint64_t len);

/* Reports or keeps what is pending and returns the total. */
uint64_t unknown_ranges_end(struct unknown_ranges *s);

/* Of kept ones: sets bit i of words, i < nr, if block first + i is unknown.  Calls ascend; *next,
 * at first 0, is where the next one goes on. */
void unknown_ranges_set(const struct unknown_ranges *s, size_t *next, uint64_t first, uint64_t nr,
			uint64_t *words);

#endif
