/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From changed blocks of an origin to stale blocks of a dm-cache over it.
 *
 * A cache block is stale when any part of its origin block was changed, or lies past what the
 * metadata track.  A dirty cache block holds a write that dm-era has not seen: with one anywhere,
 * the list of changed blocks isn't whole.
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
	struct cache_metadata *metadata; /* of the cache, just opened, or NULL: not looked into */
	const struct report *rep;
};

/* Reads the mappings of a cache and writes the answer to sink, once all of them have been read.
 * mappings are what cache_dump prints, or NULL: they are read from question->metadata.  Where there are
 * both they must agree.  ERA_NO_ANSWER when they don't, or when a block is dirty; the first of these are
 * named. */
int cache_write_stale(struct source *mappings, const struct cache_question *question,
		      struct sink *sink) must_check;

#endif
