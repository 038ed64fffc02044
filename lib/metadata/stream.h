/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata as a stream of events: the contents of a dump, and the input of a build.
 *
 * The order is: begin; for each writeset, in ascending order of eras, writeset_begin, words ...,
 * writeset_end; then array_begin, eras ..., array_end; end.  A writeset has bits_words(nr_bits)
 * words in all, with bits past nr_bits clear; the array has nr_blocks eras in all.  They come in
 * pieces of any size.
 *
 * Each call returns 0 or a negative enum era_err, which ends the stream.  Producers ensure that
 * their events are consistent: ascending, in range, complete.
 */
#ifndef ERA_METADATA_STREAM_H
#define ERA_METADATA_STREAM_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

struct era_view;
struct superblock;

/* There is no uuid: the kernel clears it, and no tool for dm-era keeps it. */
struct era_header {
	uint32_t data_block_size; /* sectors */
	uint32_t nr_blocks;
	uint32_t current_era;
};

/* Fills the header from a superblock. */
void era_header_of(const struct superblock *sb, struct era_header *header);

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
 * several of one era as one), then the array.  Each range that could not be read is reported as a
 * note, and counted. */
int era_stream_view(struct era_view *view, const struct era_stream *to,
		    struct era_losses *losses) must_check;

/* The same with all writesets folded into the array. */
int era_stream_logical(struct era_view *view, const struct era_stream *to,
		       struct era_losses *losses) must_check;

/* Streams metadata in which every block counts as written in the current era.  rep may be NULL. */
int era_stream_written(const struct era_header *header, const struct era_stream *to,
		       const struct report *rep) must_check;

#endif
