/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The disk is in use, and its storage has no snapshots: what is written while it is copied is
 * copied again, until so little is left that writers can wait for it.
 *
 *	round	barrier, list since the barrier before, copy from the origin
 *	last	the same while nobody can write (last_round.h)
 *
 * A block that is written while it is copied may be copied in part.  Such a write is in flight at
 * some time after the barrier, so it is marked in the barrier's era or a later one, and the next
 * round copies the block again.
 *
 * All of it goes to the collection, which is then the source of the delta: TARGET stays the old
 * backup until the delta is complete.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "era_backup/collection.h"
#include "era_backup/last_round.h"
#include "era_backup/listed.h"
#include "era_backup/mounts.h"
#include "tools/human.h"

/* What is known of how fast it is written. */
struct pace {
	uint64_t barrier_us; /* when the last one was; 0: none yet */
	uint64_t listed;     /* bytes that were written in `us` */
	uint64_t us;
};

/* Where the bytes are. */

static int open_kernels(struct online *o)
{
	struct backup *b = o->b;
	int r;

	if (b->options->source)
		return report_fail(b->rep, ERA_SYS,
				   "%s: its origin is the source: --converge takes --source for a "
				   "target in userspace only",
				   o->target.path);
	r = copy_source_open(&b->source, o->origin, COPY_SOURCE_SHARED, b->rep);
	if (!r && o->bytes > b->source.size)
		r = report_fail(b->rep, ERA_SYS, "%s: is smaller than %s", o->origin,
				o->target.path);
	if (!r)
		b->source.size = o->bytes;
	return r;
}

static int open_served(struct backup *b)
{
	int r = online_open_source(b);

	if (r || !b->source.frozen_era)
		return r;
	return report_fail(b->rep, ERA_SYS,
			   "%s: is the disk as it was when era %" PRIu32
			   " began; wanted the disk as it is now",
			   b->source.path, b->source.frozen_era);
}

static int open_source(struct online *o)
{
	struct backup *b = o->b;

	if (target_is_kernels(&o->target))
		return open_kernels(o);
	if (!b->options->source)
		return report_fail(b->rep, ERA_SYS, "%s: --source says what it serves",
				   o->target.path);
	return open_served(b);
}

/* A round. */

static int sync_filesystems(struct online *o)
{
	const struct option_texts *frozen = &o->b->options->freeze;
	struct mapper_info info;
	int r;

	for (unsigned i = 0; i < frozen->nr; i++)
		mounts_sync_one(frozen->texts[i]);
	if (!target_is_kernels(&o->target))
		return 0;
	r = mapper_info(o->target.mapper, o->target.name, &info);
	if (!r)
		mounts_sync(info.major, info.minor);
	return r;
}

/* A connection is not kept while something is copied. */
static int reconnect(struct online *o)
{
	target_close(&o->target);
	return online_connect(o);
}

static int copy(struct online *o, bool is_first)
{
	struct backup *b = o->b;
	struct listed listed = is_first ? listed_of(b) : listed_again(b);
	const struct copy_ranges ranges = listed_ranges(&listed);
	struct copy_task task = listed_task(b, &ranges);
	int r = 0;

	if (is_first)
		r = collection_make(&b->collection, b->staging_path, b->source.size,
				    b->facts.block_size, b->rep);
	task.total = b->is_full && is_first ? b->source.size : b->listed_bytes;
	return r ? r : collection_copy(b->collection, &task);
}

static void keep_pace(struct pace *pace, uint64_t barrier_us, uint64_t listed)
{
	if (pace->barrier_us) {
		pace->us = barrier_us - pace->barrier_us;
		pace->listed = listed;
	}
	pace->barrier_us = barrier_us;
}

/* The first round says nothing of how fast it is written now. */
static bool is_little_left(const struct backup *b, const struct pace *pace)
{
	double since = (double)(clock_us() - pace->barrier_us);

	if (!pace->us)
		return b->listed_bytes <= b->options->converge_limit;
	return (double)pace->listed / (double)pace->us * since <=
	       (double)b->options->converge_limit;
}

static int round_of(struct online *o, struct pace *pace)
{
	struct backup *b = o->b;
	bool is_first = !b->nr_rounds++;
	uint32_t era;
	uint64_t at;
	int r = sync_filesystems(o);

	if (!r)
		r = online_refused(o, target_barrier(&o->target, &era));
	at = clock_us();
	if (!r)
		r = online_cancelled();
	if (!r)
		r = online_take_and_list(o);
	if (r)
		return r;
	o->is_later = true;
	o->since = era;
	keep_pace(pace, at, b->listed_bytes);
	r = copy(o, is_first);
	return r ? r : reconnect(o);
}

static int give_up(const struct online *o)
{
	const struct backup *b = o->b;
	char left[HUMAN_SIZE_BYTES], limit[HUMAN_SIZE_BYTES];

	return report_fail(b->rep, ERA_NO_ANSWER,
			   "%s: is written to faster than it is copied: after %u rounds about %s "
			   "were left, and --converge-limit is %s: raise it, try when less is "
			   "written, or use --snapshot",
			   o->target.path, b->nr_rounds, human_size_rounded(b->listed_bytes, left),
			   human_size_rounded(b->options->converge_limit, limit));
}

/* What was collected takes the place of the source. */
static int end(struct backup *b)
{
	copy_source_close(&b->source);
	b->source.path = b->collection->file.path;
	b->source.is_device = false;
	b->source.fd = dup(b->collection->file.fd);
	if (b->source.fd < 0)
		return report_errno(b->rep, b->source.path, "cannot read it");
	b->listed_bytes = collection_bytes(b->collection);
	return 0;
}

static int converge(struct online *o)
{
	struct pace pace = {.us = 0};
	bool done = false;
	int r = 0;

	while (!r && !done) {
		if (o->b->nr_rounds == o->b->options->converge_rounds)
			return give_up(o);
		r = round_of(o, &pace);
		if (!r && is_little_left(o->b, &pace)) {
			r = sync_filesystems(o);
			if (!r)
				r = online_cancelled();
			if (!r)
				r = last_round(o, &done);
		}
	}
	return r ? r : end(o->b);
}

int converge_begin(struct backup *b)
{
	struct online *o = malloc(sizeof(*o));
	int r;

	if (!o)
		return report_nomem(b->rep);
	r = online_open(o, b);
	if (!r)
		r = open_source(o);
	if (!r)
		r = b->options->dry_run ? online_take_and_list(o) : converge(o);
	online_close(o);
	free(o);
	return r;
}
