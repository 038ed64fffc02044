/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_backup/listed.h"

#include "base/checked.h"
#include "era_backup/collection.h"

static bool next_run(struct listed *listed, uint64_t *offset, uint64_t *length)
{
	if (listed->collection)
		return collection_next(listed->collection, &listed->at, offset, length);
	if (!listed->changes || !dmera_changes_next(listed->changes, &listed->run))
		return false;
	*offset = listed->run.offset;
	*length = listed->run.length;
	return true;
}

static bool next_listed(void *ctx, uint64_t *offset, uint64_t *length)
{
	struct listed *listed = ctx;
	uint64_t from, len;

	if (listed->ended)
		return false;
	if (next_run(listed, &from, &len) && from < listed->all_from) {
		*offset = from;
		*length = min_u64(len, listed->all_from - from);
		return true;
	}
	listed->ended = true;
	*offset = listed->all_from;
	*length = listed->size - *offset;
	return *length;
}

struct listed listed_of(const struct backup *b)
{
	uint64_t size = b->source.size, from = b->is_full ? 0 : min_u64(b->state->size, size);

	return (struct listed){
		.changes = b->is_full || b->collection ? NULL : b->changes,
		.collection = b->is_full ? NULL : b->collection,
		.all_from = from == size ? from : from - from % COPY_SOURCE_ALIGN,
		.size = size,
	};
}

struct listed listed_again(const struct backup *b)
{
	return (struct listed){
		.changes = b->changes,
		.all_from = b->source.size,
		.size = b->source.size,
	};
}

struct listed listed_all(uint64_t size)
{
	return (struct listed){.size = size};
}

struct copy_ranges listed_ranges(struct listed *listed)
{
	return (struct copy_ranges){next_listed, listed};
}

struct copy_task listed_task(const struct backup *b, const struct copy_ranges *ranges)
{
	return (struct copy_task){
		.source = &b->source,
		.ranges = ranges,
		.limit = b->options->limit,
		.cancelled = &cancel_noted,
		.rep = b->rep,
	};
}
