/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What our own programs want of an answer beyond dmera.h, and no other program can have. */
#ifndef ERA_DMERA_OWN_H
#define ERA_DMERA_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "dmera.h"
#include "metadata/counts.h"

/* dmera_changes_since(), also for a tracked device whose size in bytes 63 bits cannot hold.
 * Offsets and lengths of runs are 0 then. */
int dmera_changes_in_blocks(struct dmera *era, uint32_t since,
			    struct dmera_changes **changes) DMERA_MUST_CHECK;

/* From now on, is an answer from a metadata snapshot refused with DMERA_NO_ANSWER if the live
 * metadata have a block that was written since it was taken, or do not stand still meanwhile?  This
 * is for answers that must have every write up to now.  The default is no. */
void dmera_set_nothing_newer(struct dmera *era, bool wanted);

/* What is known where there is no safe answer. */
struct dmera_extent {
	uint64_t block_size;		   /* bytes */
	uint32_t nr_blocks;		   /* the most of live metadata, snapshot and witness */
	uint32_t nr_live_blocks, live_era; /* of the live metadata */
	uint32_t snapshot_era;		   /* 0: there is no snapshot */
};

/* For metadata of which dmera_open() or a question came to DMERA_NO_ANSWER, and that are not open:
 * reads the superblocks alone, by the same flags.  With a witness of another block size, it is
 * DMERA_NO_ANSWER again. */
int dmera_get_extent(struct dmera *era, const char *path, unsigned flags,
		     struct dmera_extent *extent) DMERA_MUST_CHECK;

/* What can be told of the metadata that are open. */
struct dmera_stat {
	struct era_counts counts;
	uint64_t nr_metadata_blocks, nr_metadata_used; /* of the live metadata */
	uint32_t *waiting; /* the eras of the writesets that are to be digested, in their order */
	size_t nr_waiting;
};

/* Reads all of them, and shows them to a listener, if it isn't NULL. */
int dmera_get_stat(struct dmera *era, const struct era_chunk_listener *listener,
		   struct dmera_stat *stat) DMERA_MUST_CHECK;

/* Also after a failure, and a zeroed one. */
void dmera_stat_free(struct dmera_stat *stat);

/* One bit per data block, as in base/bits.h; good until the answer is freed. */
const uint64_t *dmera_changes_bits(const struct dmera_changes *changes);

#endif
