/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A process that works while a device is suspended must not need it: it may have no output, and no
 * file that is on it.  So what is copied then goes to memory that this program shares with it, and
 * that is locked; the limit of what is copied is the size of this memory.
 *
 * The metadata of a suspended device are read themselves: they are exact, and a metadata snapshot
 * can't be taken, since a message would wait for the resume.
 */
#include "era_backup/last_round.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "era_backup/collection.h"
#include "era_backup/listed.h"

#define HELD_S 10u /* at most, if nothing else is wanted */
#define MS_PER_S 1000u
#define MAX_PAUSE_MS 60000u
#define NS_PER_US 1000u
#define REQUEST_MAX 64
#define RANGES_PER_BYTES 4096u /* a block has no fewer */
#define NR_THREADS 15u
#define STACK_BYTES (64u << 10)
#define PART_BYTES (256u << 10)

struct last_range {
	uint64_t offset, length;
};

/* What the process that works while the device is suspended is told, and what it answers. */
struct last_work {
	const char *metadata;
	const struct copy_source *origin;
	uint32_t since;
	uint64_t limit, size; /* of what is copied, and of the device */

	int result; /* 0, or an error that `why` tells */
	char why[TEXT_LINE_MAX];
	struct dmera_facts facts;
	uint64_t listed; /* bytes; if more than the limit, that is all */
	uint32_t witness_size;
	uint8_t witness[DELTA_WITNESS_MAX];
	uint64_t nr_ranges;
	struct last_range ranges[];
	/* and the data of the ranges */
};

static uint64_t max_ranges(uint64_t limit)
{
	return limit / RANGES_PER_BYTES + 1;
}

/* As direct reads want it. */
static size_t header_bytes(uint64_t limit)
{
	size_t bytes =
		sizeof(struct last_work) + (size_t)max_ranges(limit) * sizeof(struct last_range);

	return (bytes + COPY_SOURCE_ALIGN - 1) & ~(size_t)(COPY_SOURCE_ALIGN - 1);
}

static uint8_t *data_of(struct last_work *w)
{
	return (uint8_t *)w + header_bytes(w->limit);
}

/* In the process that works while the device is suspended. */

static void note_error(void *ctx, const char *text)
{
	struct last_work *w = ctx;

	if (!*w->why)
		text_format(w->why, sizeof(w->why), "%s", text);
}

static void note_ranges(struct last_work *w, const struct dmera_changes *changes)
{
	struct dmera_run run = {0};

	for (w->listed = 0; dmera_changes_next(changes, &run); w->listed += run.length) {
		if (w->listed + run.length > w->limit || w->nr_ranges == max_ranges(w->limit))
			w->nr_ranges = 0;
		else
			w->ranges[w->nr_ranges++] = (struct last_range){run.offset, run.length};
	}
}

static int note_answer(struct last_work *w, struct dmera *era, const struct dmera_changes *changes)
{
	const struct dmera_witness *witness = dmera_changes_witness(changes);

	if (witness)
		w->witness_size =
			(uint32_t)dmera_witness_encode(witness, w->witness, sizeof(w->witness));
	if (!w->witness_size)
		return DMERA_SYSTEM;
	return dmera_get_facts(era, &w->facts, sizeof(w->facts));
}

static int list(struct last_work *w)
{
	struct dmera *era = dmera_create();
	struct dmera_changes *changes = NULL;
	int r;

	if (!era)
		return DMERA_SYSTEM;
	dmera_set_make_witness(era, 1);
	dmera_set_device_size(era, w->size);
	r = dmera_open(era, w->metadata, DMERA_SUSPENDED);
	if (!r)
		r = dmera_changes_since(era, w->since, &changes);
	if (r)
		note_error(w, dmera_error(era));
	if (!r) {
		note_ranges(w, changes);
		r = note_answer(w, era, changes);
	}
	dmera_changes_free(changes);
	dmera_destroy(era);
	return r;
}

/* Threads take one part of a range after the other, and read it to its place. */
struct reading {
	struct last_work *w;
	pthread_mutex_t lock;
	uint64_t range, done; /* the next part is here, so far into the range */
	uint64_t at;	      /* its place in the memory */
	int error;
};

static bool take_part(struct reading *reading, struct last_range *part, uint64_t *at)
{
	const struct last_work *w = reading->w;
	bool took;

	pthread_mutex_lock(&reading->lock);
	took = !reading->error && reading->range < w->nr_ranges;
	if (took) {
		const struct last_range *range = &w->ranges[reading->range];

		part->offset = range->offset + reading->done;
		part->length = min_u64(range->length - reading->done, PART_BYTES);
		*at = reading->at;
		reading->at += part->length;
		reading->done += part->length;
		if (reading->done == range->length) {
			reading->range++;
			reading->done = 0;
		}
	}
	pthread_mutex_unlock(&reading->lock);
	return took;
}

static void *read_parts(void *ctx)
{
	struct reading *reading = ctx;
	struct last_work *w = reading->w;
	struct last_range part;
	uint64_t at;
	int error;

	while (take_part(reading, &part, &at)) {
		error = copy_source_read(w->origin, data_of(w) + at, (size_t)part.length,
					 part.offset);
		if (!error)
			continue;
		pthread_mutex_lock(&reading->lock);
		reading->error = error;
		pthread_mutex_unlock(&reading->lock);
	}
	return NULL;
}

/* All of their memory is taken, so their stacks are small.  This thread reads, too. */
static void read_by_threads(struct reading *reading)
{
	pthread_t threads[NR_THREADS];
	pthread_attr_t attr;
	unsigned nr = 0;

	if (!pthread_attr_init(&attr)) {
		if (pthread_attr_setstacksize(&attr, STACK_BYTES))
			errno = 0; /* then they are not small */
		while (nr < NR_THREADS && !pthread_create(&threads[nr], &attr, read_parts, reading))
			nr++;
		pthread_attr_destroy(&attr);
	}
	read_parts(reading);
	while (nr)
		pthread_join(threads[--nr], NULL);
}

static int copy_into_memory(struct last_work *w)
{
	const struct report rep = {.ctx = w, .error = note_error};
	struct reading reading = {.w = w, .lock = PTHREAD_MUTEX_INITIALIZER};

	read_by_threads(&reading);
	if (!reading.error)
		return 0;
	errno = reading.error;
	return report_errno(&rep, w->origin->path, "cannot read while nobody writes");
}

/* The device is suspended. */
static int work(struct mapper *m, const char *name, void *ctx)
{
	struct last_work *w = ctx;

	(void)m;
	(void)name;
	w->result = list(w);
	if (!w->result && w->listed <= w->limit)
		w->result = copy_into_memory(w);
	return 0;
}

/* Of a kernel's target. */

static int take_over_ranges(struct backup *b, struct last_work *w)
{
	const uint8_t *data = data_of(w);
	int r = 0;

	for (uint64_t i = 0; !r && i < w->nr_ranges; i++) {
		r = collection_put(b->collection, w->ranges[i].offset, data, w->ranges[i].length);
		data += w->ranges[i].length;
	}
	return r;
}

static int take_over(struct backup *b, struct last_work *w)
{
	b->delta_facts = calloc(1, sizeof(*b->delta_facts));
	if (!b->delta_facts)
		return report_nomem(b->rep);
	b->delta_facts->witness_size = w->witness_size;
	memcpy(b->delta_facts->witness, w->witness, w->witness_size);
	b->facts = w->facts;
	return take_over_ranges(b, w);
}

/* Somebody else may have begun an era between the status and the suspend, and nobody after it. */
static int judge(const struct online *o, const struct last_work *w)
{
	const struct backup *b = o->b;

	if (w->result)
		return report_fail(b->rep, w->result, "%s",
				   *w->why ? w->why : "while it was suspended: no memory");
	if (w->facts.era + UINT64_C(1) >= b->era_to_remember)
		return 0;
	return report_fail(b->rep, ERA_NO_ANSWER,
			   "%s: found era %" PRIu32 " while %s was suspended, wanted at least "
			   "%" PRIu32,
			   o->metadata, w->facts.era, o->target.path, b->era_to_remember - 1);
}

static uint32_t held_ms(const struct online *o)
{
	uint32_t s = o->b->options->timeout_s ? o->b->options->timeout_s : HELD_S;

	return s < INT32_MAX / MS_PER_S ? s * MS_PER_S : INT32_MAX;
}

/* What is mounted from the device itself is frozen by this, if it is not frozen yet. */
static int suspend(struct online *o, struct last_work *w, uint32_t limit_ms)
{
	struct backup *b = o->b;
	uint64_t waited_us = 0;
	const struct suspension suspension = {
		.name = o->target.name,
		.lockfs = true,
		.work = work,
		.ctx = w,
		.limit_ms = limit_ms,
		.waited_us = &waited_us,
	};
	int r = era_device_barrier_with(o->target.mapper, &suspension, &b->era_to_remember);

	if (!b->options->freeze.nr)
		b->waited_us += waited_us;
	return online_refused(o, r);
}

static int suspend_and_copy(struct online *o, struct last_work *w, bool *done)
{
	struct backup *b = o->b;
	struct freeze freeze;
	int r = online_freeze(o, &freeze, held_ms(o));

	if (r)
		return r;
	r = suspend(o, w, freeze_left_ms(&freeze));
	r = online_thaw(o, &freeze, r);
	if (!r)
		r = judge(o, w);
	if (r)
		return r;
	*done = w->listed <= w->limit;
	b->last_bytes = w->listed;
	return *done ? take_over(b, w) : 0;
}

static int kernels(struct online *o, bool *done)
{
	uint64_t limit = o->b->options->converge_limit;
	size_t bytes = header_bytes(limit) + (size_t)limit + COPY_SOURCE_ALIGN;
	struct last_work *w =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (w == MAP_FAILED)
		return report_nomem(o->b->rep);
	w->metadata = o->metadata;
	w->origin = &o->b->source;
	w->since = o->since;
	w->limit = limit;
	w->size = o->b->source.size;
	r = suspend_and_copy(o, w, done);
	munmap(w, bytes);
	return r;
}

/* Of a target in userspace. */

/* A number, or with value NULL "ok". */
static int ask(struct online *o, const char *word, uint64_t number, uint64_t *value)
{
	const char *reply = o->target.peer.reply;
	char request[REQUEST_MAX];
	int r;

	snprintf(request, sizeof(request), "%s %" PRIu64, word, number);
	r = target_ask(&o->target, request, false);
	if (r)
		return r;
	if (value ? decimal_parse(reply, strlen(reply), UINT64_MAX, value) : !strcmp(reply, "ok"))
		return 0;
	return report_fail(o->b->rep, ERA_SYS, "%s: the reply to %s is not understood: %s",
			   o->target.path, word, reply);
}

static int list_and_copy_paused(struct online *o, bool *done)
{
	struct backup *b = o->b;
	struct listed listed;
	struct copy_ranges ranges;
	struct copy_task task;
	int r = online_take_and_list(o);

	if (r)
		return r;
	b->last_bytes = b->listed_bytes;
	*done = b->listed_bytes <= b->options->converge_limit;
	if (!*done)
		return 0;
	listed = listed_again(b);
	ranges = listed_ranges(&listed);
	task = listed_task(b, &ranges);
	task.limit = 0;
	task.total = b->listed_bytes;
	return collection_copy(b->collection, &task);
}

/* Since the target began to hold requests back, as the token says; before, it may have waited for
 * the clock.  asked_us: when it was asked to. */
static uint64_t held_us(uint64_t token, uint64_t asked_us)
{
	uint64_t most = clock_us() - asked_us, now = clock_of_day_ns();

	return now > token ? min_u64((now - token) / NS_PER_US, most) : most;
}

/* The roll flushes, and what is older than its era is in the list.  "ok" for the unpause means that
 * the pause has held until then. */
static int pause_and_copy(struct online *o, uint32_t limit_ms, bool *done)
{
	struct backup *b = o->b;
	uint64_t asked_us = clock_us(), token, era = 0;
	int r = ask(o, "pause", min_u64(limit_ms, MAX_PAUSE_MS), &token);

	if (!r)
		r = ask(o, "roll", token, &era);
	if (!r)
		r = list_and_copy_paused(o, done);
	if (!r)
		r = ask(o, "unpause", token, NULL);
	if (r) {
		target_close(&o->target); /* which ends the pause */
		o->target.peer.fd = -1;
		*done = false;
		return r;
	}
	if (!b->options->freeze.nr)
		b->waited_us += held_us(token, asked_us);
	b->era_to_remember = (uint32_t)era;
	return 0;
}

static int ours(struct online *o, bool *done)
{
	struct freeze freeze;
	int r = online_freeze(o, &freeze, held_ms(o));

	if (r)
		return r;
	r = pause_and_copy(o, freeze_left_ms(&freeze), done);
	return online_thaw(o, &freeze, r);
}

int last_round(struct online *o, bool *done)
{
	*done = false;
	return target_is_kernels(&o->target) ? kernels(o, done) : ours(o, done);
}
