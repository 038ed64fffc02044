/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A delta: what turns one backup of a device into the next.  The format is a profile of rbd diff
 * v1, with facts of our own behind its end; doc/delta.md has both.
 *
 * Offsets, lengths and sizes are in bytes.
 */
#ifndef ERA_COPY_DELTA_H
#define ERA_COPY_DELTA_H

#include <stdbool.h>
#include <stdint.h>

#include "copy/backup_name.h"

#define DELTA_DATA_MAX (4u << 20) /* of one record */
#define DELTA_ORIGIN_MAX 1024u
#define DELTA_WITNESS_MAX (64u << 10)

struct delta_header {
	bool has_from; /* without it the delta is a full backup, and covers every byte */
	struct backup_name from, to;
	uint64_t size; /* of the device, after it; 1 to INT64_MAX */
};

enum delta_kind {
	DELTA_DATA,
	DELTA_ZERO,
};

/* In ascending order; none overlaps another. */
struct delta_record {
	enum delta_kind kind;
	uint64_t offset, length;
};

/* How far the records have come. */
struct delta_progress {
	uint64_t at;	/* where the last one ended */
	uint64_t since; /* all from here to `at` is in records */
};

/* What rbd does not know.  Stands in the trailer, before the checksum. */
struct delta_facts {
	uint64_t from_size;		    /* of the base; 0 for a full backup */
	uint32_t block_size;		    /* of what dm-era tracks; 0: unknown */
	char origin[DELTA_ORIGIN_MAX + 1];  /* what identifies it; may be empty */
	uint32_t witness_size;		    /* 0: there is none */
	uint8_t witness[DELTA_WITNESS_MAX]; /* as a witness's file, see doc/witness.md */
};

#endif
