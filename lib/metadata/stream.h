/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata as a stream of events: what a dump writes, what XML says, and what a build of new
 * metadata takes.
 *
 * Order: begin; for each writeset, eras ascending: writeset_begin, words ..., writeset_end; then
 * array_begin, eras ..., array_end; end.  The words of a writeset are bits_words(nr_bits) in all,
 * with bits past nr_bits clear; the eras are nr_blocks in all; in pieces of any size.
 *
 * Each call returns 0 or a negative enum era_err, which ends the stream.  Producers see to it that
 * what they give is consistent: ascending, in range, complete.
 */
#ifndef ERA_METADATA_STREAM_H
#define ERA_METADATA_STREAM_H

#include <stdint.h>

#include "base/compiler.h"

struct era_view;

/* No uuid: the kernel clears it, and no tool of dm-era keeps it. */
struct era_header {
	uint32_t data_block_size; /* sectors */
	uint32_t nr_blocks;
	uint32_t current_era;
};

struct era_stream {
	void *ctx;
	int (*begin)(void *ctx, const struct era_header *header);
	int (*writeset_begin)(void *ctx, uint32_t era, uint32_t nr_bits);
	int (*words)(void *ctx, const uint64_t *words, uint32_t nr);
	int (*writeset_end)(void *ctx);
	int (*array_begin)(void *ctx);
	int (*eras)(void *ctx, const uint32_t *eras, uint32_t nr);
	int (*array_end)(void *ctx);
	int (*end)(void *ctx);
};

/* What a repairing view could not read: bits of writesets and entries of the array. */
struct era_losses {
	uint64_t nr_bits, nr_eras;
};

/* Streams a view as it is: each writeset (the current one as the writeset of the current era;
 * several of one era as one), then the array.  Each range that could not be read is reported as
 * a note, and counted. */
int era_stream_view(struct era_view *view, const struct era_stream *to,
		    struct era_losses *losses) must_check;

/* The same with all writesets folded into the array. */
int era_stream_logical(struct era_view *view, const struct era_stream *to,
		       struct era_losses *losses) must_check;

#endif
