/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reports ranges of data blocks that could not be read, adjacent ones as one.  Past the first
 * hundred they are only counted. */
#ifndef ERA_METADATA_UNKNOWN_RANGES_H
#define ERA_METADATA_UNKNOWN_RANGES_H

#include <stdint.h>

#include "base/report.h"

struct unknown_ranges {
	const struct report *rep;
	const char *what; /* "era array" */
	uint64_t first, len;
	uint64_t total; /* of all ranges so far */
	uint64_t nr;	/* ranges so far */
};

void unknown_ranges_init(struct unknown_ranges *s, const struct report *rep, const char *what);

/* Adds the blocks first + i for each bit i < nr of lost that is set. */
void unknown_ranges_add_bits(struct unknown_ranges *s, uint64_t first, const uint64_t *lost,
			     uint64_t nr);

/* Adds len blocks from first on; calls ascend. */
void unknown_ranges_add(struct unknown_ranges *s, uint64_t first, uint64_t len);

/* Reports what is pending and returns the total. */
uint64_t unknown_ranges_end(struct unknown_ranges *s);

#endif
