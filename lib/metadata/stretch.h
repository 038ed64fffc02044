/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reports stretches of data blocks that could not be read, adjacent ones as one.  Past the first
 * hundred they are only counted. */
#ifndef ERA_METADATA_STRETCH_H
#define ERA_METADATA_STRETCH_H

#include <stdint.h>

#include "base/report.h"

struct stretch {
	const struct report *rep;
	const char *what; /* "era array" */
	uint64_t first, len;
	uint64_t total; /* of all stretches so far */
	uint64_t nr;    /* stretches so far */
};

void stretch_init(struct stretch *s, const struct report *rep, const char *what);

/* Adds the blocks first + i for each bit i < nr of lost that is set. */
void stretch_add_bits(struct stretch *s, uint64_t first, const uint64_t *lost, uint64_t nr);

/* Adds len blocks from first on; calls ascend. */
void stretch_add(struct stretch *s, uint64_t first, uint64_t len);

/* Reports what is pending and returns the total. */
uint64_t stretch_end(struct stretch *s);

#endif
