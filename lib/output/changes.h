/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Lists of changed blocks, in all the formats that `era invalidate` prints. */
#ifndef ERA_OUTPUT_CHANGES_H
#define ERA_OUTPUT_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sink.h"
#include "output/json.h"

enum change_unit {
	UNIT_BYTES,
	UNIT_SECTORS,
	UNIT_BLOCKS,
};

struct changes {
	const uint64_t *bits; /* one bit per block: changed */
	uint32_t nr_blocks;
	uint64_t block_size;   /* bytes */
	uint64_t device_size;  /* bytes, or 0 if unknown; nothing listed lies past it */
	enum change_unit unit; /* for the formats that have one */
	uint32_t since, current_era;
	bool from_snapshot;
	uint32_t snapshot_era;
	uint64_t nr_unknown; /* blocks that are listed because their era is unknown */
	/* For JSON. */
	const char *path;	  /* of the metadata, as given */
	uint32_t era_to_remember; /* 0: unknown */
	struct json_ending ending;
};

struct change_format {
	const char *name;
	bool has_unit, in_bytes;
	void (*write)(struct sink *sink, const struct changes *changes);
};

/* NULL if there is none of that name. */
const struct change_format *change_format_find(const char *name);

/* Do all numbers of this format fit?  Returns 0, or ERA_DAMAGED if the block size is unreasonable.
 */
int changes_check(const struct changes *changes, const struct change_format *format,
		  const struct report *rep) must_check;

#endif
