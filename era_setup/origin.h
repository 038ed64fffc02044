/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The device below a tracked one. */
#ifndef ERA_SETUP_ORIGIN_H
#define ERA_SETUP_ORIGIN_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "dm/target.h"

struct origin {
	int fd;
	uint64_t sectors;
	char numbers[MAPPER_DEVICE_MAX];
};

/* MAJOR:MINOR of a block device.  Errors are reported. */
int origin_numbers(const char *path, char numbers[MAPPER_DEVICE_MAX],
		   const struct report *rep) must_check;

/* Opens it for reading, exclusively: one that is mounted, or used by another device, is refused. */
int origin_open(struct origin *origin, const char *path, const struct report *rep) must_check;

/* The size and numbers of one that is open. */
int origin_find_size(struct origin *origin, const char *path, const struct report *rep) must_check;

/* The same for an origin that its own target uses. */
int origin_open_shared(struct origin *origin, const char *path,
		       const struct report *rep) must_check;

/* Of one that was opened, or of zeroes with -1. */
void origin_close(struct origin *origin);

/* How many blocks of that size it has.  More than dm-era can track, or none, are an error. */
int origin_count_blocks(const struct origin *origin, const char *path, uint32_t block_sectors,
			uint32_t *nr, const struct report *rep) must_check;

#endif
