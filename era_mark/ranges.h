/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Lists of ranges, as `era invalidate --format ranges` prints them: an offset and a length a
 * line. */
#ifndef ERA_MARK_RANGES_H
#define ERA_MARK_RANGES_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

struct ranges {
	uint64_t *bits; /* one for each data block: all that a range touches are set */
	uint32_t nr_blocks;
	uint64_t block_units; /* a data block has so many of the units in which ranges are given */
};

/* path: a file, plain or compressed by gzip, or "-".  ERA_DAMAGED: a line is no range, or it is not
 * on the device, or there is none.  Errors are reported. */
int ranges_read(struct ranges *ranges, const char *path, const struct report *rep) must_check;

#endif
