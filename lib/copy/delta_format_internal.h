/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What the writer and the reader of deltas share: the layout, and one judgement of what may stand
 * in a delta, so that nothing is written that would not be read. */
#ifndef ROOM_COPY
#error "for lib/copy alone"
#endif
#ifndef ERA_COPY_DELTA_FORMAT_INTERNAL_H
#define ERA_COPY_DELTA_FORMAT_INTERNAL_H

#include <stddef.h>

#include "base/le.h"
#include "copy/delta.h"

#define DELTA_BANNER "rbd diff v1\n"
#define DELTA_BANNER_2 "rbd diff v2\n"
#define DELTA_BANNER_BYTES (sizeof(DELTA_BANNER) - 1)

#define DELTA_TAG_FROM 'f'
#define DELTA_TAG_TO 't'
#define DELTA_TAG_SIZE 's'
#define DELTA_TAG_DATA 'w'
#define DELTA_TAG_ZERO 'z'
#define DELTA_TAG_END 'e'

#define DELTA_TRAILER_MAGIC "era-dlt\n"
#define DELTA_TRAILER_VERSION 1u
#define DELTA_CRC_INIT UINT32_MAX /* inverted at the end, too */

/* Behind the tag of a data or zero record. */
struct delta_range_disk {
	struct le64 offset, length;
};

/* Origin, witness and the checksum (an le32) follow. */
struct delta_trailer_disk {
	uint8_t magic[8];
	struct le32 version;
	struct le32 size; /* of the whole trailer */
	struct le64 from_size;
	struct le32 block_size;
	struct le32 flags; /* 0 */
	struct le32 origin_size, witness_size;
};

_Static_assert(sizeof(struct delta_range_disk) == 16, "range");
_Static_assert(sizeof(struct delta_trailer_disk) == 40, "trailer");
_Static_assert(offsetof(struct delta_trailer_disk, from_size) == 16, "from_size");

/* What is wrong, or NULL. */
const char *delta_header_fault(const struct delta_header *header);

/* What is wrong with the next record; otherwise NULL, and *progress is moved on. */
const char *delta_record_fault(const struct delta_header *header, struct delta_progress *progress,
			       const struct delta_record *record);

/* Is everything from byte `from` on in records?  At the end. */
bool delta_covers(const struct delta_header *header, const struct delta_progress *progress,
		  uint64_t from);

/* The same at the end. */
const char *delta_end_fault(const struct delta_header *header,
			    const struct delta_progress *progress);

const char *delta_facts_fault(const struct delta_header *header,
			      const struct delta_progress *progress,
			      const struct delta_facts *facts);

#endif
