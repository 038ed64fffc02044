/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * From changed blocks of an origin to stale blocks of a dm-cache above it.
 *
 * A cache block is stale if any part of its origin block was changed, or lies past what the
 * metadata track.  A dirty cache block holds a write that dm-era has not seen, so with a single
 * one the list of changed blocks is incomplete.
 */
#ifndef ERA_CACHE_STALE_H
#define ERA_CACHE_STALE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/sink.h"
#include "base/source.h"
#include "cache/metadata.h"
#include "output/changes.h"

enum cache_format {
	CACHE_MESSAGES, /* arguments of `dmsetup message`: invalidate_cblocks ... */
	CACHE_XML,	/* the mappings that are not stale, for cache_restore */
};

struct cache_question {
	const struct changes *changes;
	enum cache_format format;
	bool allow_dirty;		 /* dirty blocks count as stale */
	struct cache_metadata *metadata; /* of the cache, just opened; NULL: unknown */
	const struct report *rep;
};

/* Was any part of the cache's origin block changed, or does it lie past what is tracked?
 * block_size is the cache's, in bytes. */
bool cache_is_changed(const struct changes *changes, uint64_t block_size, uint64_t origin_block);

/* Reads the mappings of a cache and writes the answer to sink after all of them have been read.
 * mappings is the output of cache_dump; if it is NULL, they are read from question->metadata.  If
 * both are given, they must be the same.  ERA_NO_ANSWER if they are not, or if there is a dirty
 * block; the first of these are named. */
int cache_write_stale(struct source *mappings, const struct cache_question *question,
		      struct sink *sink) must_check;

#endif
