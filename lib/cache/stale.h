/* SPDX-License-Identifier: LGPL-2.1-or-later */
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
	CACHE_XML,      /* the mappings that are not stale, for cache_restore */
};

struct cache_question {
	const struct changes *changes;
	enum cache_format format;
	bool allow_dirty; /* dirty blocks count as stale */
	const struct cache_metadata *metadata; /* of the cache, or NULL: unknown */
	const struct report *rep;
};

/* Reads the mappings of a cache, as printed by cache_dump, and writes the answer to sink after all
 * of them have been read.  ERA_NO_ANSWER if there is a dirty one; the first of them are named. */
int cache_write_stale(struct source *mappings, const struct cache_question *question,
		      struct sink *sink) must_check;

#endif
