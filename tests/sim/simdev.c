/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The log is gone through once.  `medium` has what is surely there; the events that may be there
 * are pending.  A state is a choice of how each pending write landed, and is put together in
 * `image`, from which it is wiped again by copying back what it touched.  So a state costs what is
 * pending, not the size of the device.
 *
 * After a write only states are judged in which some of that write landed: the others were states
 * of the stop before.  After a promise all are judged again, since more is asked of them.
 */
#include "tests/sim/simdev.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"

#define SECTOR 512u
#define DEFAULT_STATES 1024u
#define LEAST_STATES 16u
#define NOTHING UINT64_C(0)
#define WHOLE UINT64_MAX

enum event_kind {
	EVENT_WRITE,
	EVENT_FLUSH,
	EVENT_FAILED_FLUSH,
	EVENT_PROMISE,
};

struct simdev_event {
	enum event_kind kind;
	bool doubtful; /* a write that no flush makes sure */
	uint64_t nr;   /* of the write or flush, or the promise */
	uint64_t at;   /* bytes */
	size_t len;
	uint8_t *data;
};

static void *must(void *memory)
{
	if (memory)
		return memory;
	fprintf(stderr, "simdev: out of memory\n");
	exit(99);
}

static size_t size_of(const struct simdev *sim)
{
	return (size_t)(sim->nr_blocks * META_BLOCK_SIZE);
}

void simdev_open(struct simdev *sim, uint64_t nr_blocks)
{
	*sim = (struct simdev){.nr_blocks = nr_blocks};
	sim->data = must(calloc(nr_blocks + 1, META_BLOCK_SIZE));
	sim->base = must(calloc(nr_blocks + 1, META_BLOCK_SIZE));
	pthread_mutex_init(&sim->lock, NULL);
	simdev_settle(sim);
}

static void clear_log(struct simdev *sim)
{
	for (size_t i = 0; i < sim->nr_events; i++)
		free(sim->log[i].data);
	sim->nr_events = 0;
	sim->reads = sim->writes = sim->flushes = 0;
	sim->faults = (struct simdev_faults){.bad_block = SIMDEV_NO_BLOCK};
}

void simdev_close(struct simdev *sim)
{
	clear_log(sim);
	free(sim->log);
	free(sim->data);
	free(sim->base);
	pthread_mutex_destroy(&sim->lock);
}

void simdev_settle(struct simdev *sim)
{
	memcpy(sim->base, sim->data, size_of(sim));
	clear_log(sim);
}

static struct simdev_event *add_event(struct simdev *sim, enum event_kind kind, uint64_t nr)
{
	struct simdev_event *event;

	if (sim->nr_events == sim->room) {
		sim->room = sim->room ? 2 * sim->room : 64;
		sim->log = must(realloc(sim->log, sim->room * sizeof(*sim->log)));
	}
	event = &sim->log[sim->nr_events++];
	*event = (struct simdev_event){.kind = kind, .nr = nr};
	return event;
}

static void add_write(struct simdev *sim, const void *data, size_t len, uint64_t at, bool doubtful)
{
	struct simdev_event *event = add_event(sim, EVENT_WRITE, sim->writes);

	event->doubtful = doubtful;
	event->at = at;
	event->len = len;
	event->data = must(malloc(len + 1));
	memcpy(event->data, data, len);
}

void simdev_promise(struct simdev *sim, uint64_t n)
{
	pthread_mutex_lock(&sim->lock);
	add_event(sim, EVENT_PROMISE, n);
	pthread_mutex_unlock(&sim->lock);
}

static bool fails(const struct simdev *sim, uint64_t nr, uint64_t which)
{
	return which && (nr == which || (sim->faults.lasting && nr > which));
}

static int fault_error(const struct simdev *sim)
{
	return sim->faults.error ? sim->faults.error : EIO;
}

static bool is_outside(const struct simdev *sim, size_t len, off_t at)
{
	return at < 0 || len > size_of(sim) || (uint64_t)at > size_of(sim) - len;
}

static bool touches(uint64_t at, size_t len, uint64_t block)
{
	return block >= at / META_BLOCK_SIZE && block < div_up(at + len, META_BLOCK_SIZE);
}

static int read_locked(struct simdev *sim, void *data, size_t len, off_t at)
{
	if (fails(sim, ++sim->reads, sim->faults.read))
		return fault_error(sim);
	if (is_outside(sim, len, at) || touches((uint64_t)at, len, sim->faults.bad_block))
		return EIO;
	memcpy(data, sim->data + at, len);
	return 0;
}

/* A short write's first half is as good as any write; of one that failed otherwise nothing can be
 * known but that a full device took nothing. */
static int fail_write(struct simdev *sim, const void *data, size_t len, off_t at)
{
	size_t half = len / 2 / SECTOR * SECTOR;

	if (sim->faults.short_write) {
		memcpy(sim->data + at, data, half);
		add_write(sim, data, half, (uint64_t)at, false);
	} else if (fault_error(sim) != ENOSPC) {
		add_write(sim, data, len, (uint64_t)at, true);
	}
	return fault_error(sim);
}

static int write_locked(struct simdev *sim, const void *data, size_t len, off_t at)
{
	sim->writes++;
	if (is_outside(sim, len, at))
		return ENOSPC;
	if (fails(sim, sim->writes, sim->faults.write))
		return fail_write(sim, data, len, at);
	memcpy(sim->data + at, data, len);
	add_write(sim, data, len, (uint64_t)at, false);
	return 0;
}

static int flush_locked(struct simdev *sim)
{
	bool failed = fails(sim, ++sim->flushes, sim->faults.flush);

	add_event(sim, failed ? EVENT_FAILED_FLUSH : EVENT_FLUSH, sim->flushes);
	return failed ? fault_error(sim) : 0;
}

static int op_read(struct blk_dev *dev, void *data, size_t len, off_t at)
{
	struct simdev *sim = dev->ctx;
	int r;

	pthread_mutex_lock(&sim->lock);
	r = read_locked(sim, data, len, at);
	pthread_mutex_unlock(&sim->lock);
	return r;
}

static int op_write(struct blk_dev *dev, const void *data, size_t len, off_t at)
{
	struct simdev *sim = dev->ctx;
	int r;

	pthread_mutex_lock(&sim->lock);
	r = write_locked(sim, data, len, at);
	pthread_mutex_unlock(&sim->lock);
	return r;
}

static int op_flush(struct blk_dev *dev)
{
	struct simdev *sim = dev->ctx;
	int r;

	pthread_mutex_lock(&sim->lock);
	r = flush_locked(sim);
	pthread_mutex_unlock(&sim->lock);
	return r;
}

int simdev_dev(struct simdev *sim, struct blk_dev *dev, const struct report *rep)
{
	static const struct blk_dev_ops ops = {op_read, op_write, op_flush, NULL};

	return blk_dev_open_ops(dev, "simulated device", sim->nr_blocks, &ops, sim, rep);
}

/* How a write landed: a bit a sector.  Of a write of more than 64, a bit stands for every 64th
 * sector, or, when coarse, for a 64th of the write. */
struct landing {
	uint64_t mask;
	bool coarse;
};

struct pending {
	const struct simdev_event *event;
	bool sure; /* flushed, but after a doubtful one that may lie under it */
	bool doubtful;
	struct landing landing;
};

struct search {
	const struct simdev_how *how;
	bool (*judge)(void *ctx, struct simdev_stop *stop);
	void *ctx;
	struct simdev_result *result;
	struct simdev_stop stop;
	struct simdev image;
	uint8_t *medium;
	struct pending *pending;
	size_t nr, room;
	const struct simdev_event *at; /* the event that was last */
	uint64_t random;
};

static uint32_t draw(struct search *search, uint32_t below)
{
	search->random =
		search->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((search->random >> 33) % below);
}

static uint64_t draw_mask(struct search *search)
{
	return (uint64_t)draw(search, UINT32_C(1) << 31) << 40 ^
	       (uint64_t)draw(search, UINT32_C(1) << 31) << 20 ^ draw(search, UINT32_C(1) << 31);
}

static bool sector_lands(const struct landing *landing, size_t i, size_t nr)
{
	size_t bit = landing->coarse && nr > 64 ? i * 64 / nr : i % 64;

	return landing->mask >> bit & 1;
}

static void land_sector(struct simdev *image, const struct simdev_event *event, size_t from)
{
	memcpy(image->base + event->at + from, event->data + from,
	       min_u64(SECTOR, event->len - from));
}

static void land(struct simdev *image, const struct pending *p)
{
	const struct simdev_event *event = p->event;
	size_t nr = div_up(event->len, SECTOR);

	if (p->sure || p->landing.mask == WHOLE)
		memcpy(image->base + event->at, event->data, event->len);
	else if (p->landing.mask)
		for (size_t i = 0; i < nr; i++)
			if (sector_lands(&p->landing, i, nr))
				land_sector(image, event, i * SECTOR);
}

static void wipe(struct search *search, const struct simdev_event *event)
{
	memcpy(search->image.base + event->at, search->medium + event->at, event->len);
	memcpy(search->image.data + event->at, search->medium + event->at, event->len);
}

static void describe(struct search *search)
{
	static const char *const events[] = {
		[EVENT_WRITE] = "write",
		[EVENT_FLUSH] = "flush",
		[EVENT_FAILED_FLUSH] = "failed flush",
		[EVENT_PROMISE] = "promise",
	};
	char *text = search->result->first_bad;
	size_t size = sizeof(search->result->first_bad), len;

	if (search->at)
		snprintf(text, size, "after %s %" PRIu64 ": %s; there:", events[search->at->kind],
			 search->at->nr, search->stop.why);
	else
		snprintf(text, size, "before the first write: %s", search->stop.why);
	for (size_t i = 0; i < search->nr; i++) {
		const struct pending *p = &search->pending[i];

		len = strlen(text);
		if (p->sure || p->landing.mask == WHOLE)
			snprintf(text + len, size - len, " %" PRIu64, p->event->nr);
		else if (p->landing.mask)
			snprintf(text + len, size - len, " %" PRIu64 "/%" PRIx64 "%s", p->event->nr,
				 p->landing.mask, p->landing.coarse ? "c" : "");
	}
}

/* Puts the chosen state together, has it judged, and wipes it. */
static void judge_state(struct search *search)
{
	struct simdev *image = &search->image;

	for (size_t i = 0; i < search->nr; i++)
		land(image, &search->pending[i]);
	for (size_t i = 0; i < search->nr; i++) {
		const struct simdev_event *event = search->pending[i].event;

		memcpy(image->data + event->at, image->base + event->at, event->len);
	}
	*search->stop.why = '\0';
	search->result->states++;
	if (!search->judge(search->ctx, &search->stop) && !search->result->bad++)
		describe(search);
	for (size_t i = 0; i < image->nr_events; i++)
		if (image->log[i].kind == EVENT_WRITE)
			wipe(search, &image->log[i]);
	for (size_t i = 0; i < search->nr; i++)
		wipe(search, search->pending[i].event);
	clear_log(image);
}

static void set_all(struct search *search, uint64_t mask)
{
	for (size_t i = 0; i < search->nr; i++)
		search->pending[i].landing = (struct landing){mask, false};
}

static struct landing tear(struct search *search)
{
	struct landing landing = {0, draw(search, 2)};
	uint32_t bit = 1 + draw(search, 63);

	switch (draw(search, 4)) {
	case 0: /* its beginning */
		landing.mask = (UINT64_C(1) << bit) - 1;
		break;
	case 1: /* its end */
		landing.mask = ~((UINT64_C(1) << bit) - 1);
		break;
	default:
		landing.mask = draw_mask(search);
	}
	return landing;
}

/* Every one whole or not there at all, by odds of 1, 8 or 15 in 16; torn ones when asked for. */
static void set_random(struct search *search, bool torn)
{
	static const uint32_t odds[] = {1, 8, 15};
	uint32_t chance = odds[draw(search, 3)];

	for (size_t i = 0; i < search->nr; i++) {
		bool there = draw(search, 16) < chance;

		search->pending[i].landing = (struct landing){there ? WHOLE : NOTHING, false};
		if (torn && draw(search, 4) == 0)
			search->pending[i].landing = tear(search);
	}
}

/* The newest write: nr - 1, when there is one. */
static void judge_with(struct search *search, bool has_newest, uint64_t mask)
{
	if (has_newest)
		search->pending[search->nr - 1].landing = (struct landing){mask, false};
	judge_state(search);
}

/* Writes that are whole or not there: all choices when they are few. */
static void choose_subsets(struct search *search, bool has_newest, unsigned states)
{
	size_t nr = search->nr - (has_newest ? 1 : 0);

	if (nr < 16 && UINT32_C(1) << nr <= states) {
		for (uint32_t set = 0; set < UINT32_C(1) << nr; set++) {
			for (size_t i = 0; i < nr; i++)
				search->pending[i].landing.mask = set >> i & 1 ? WHOLE : NOTHING;
			judge_with(search, has_newest, WHOLE);
		}
		return;
	}
	set_all(search, WHOLE);
	judge_with(search, has_newest, WHOLE);
	set_all(search, NOTHING);
	judge_with(search, has_newest, WHOLE);
	for (unsigned i = 0; i < 2; i++) {
		set_all(search, WHOLE);
		search->pending[i ? nr - 1 : 0].landing.mask = NOTHING;
		judge_with(search, has_newest, WHOLE);
	}
	for (unsigned i = 4; i < states; i++) {
		set_random(search, false);
		judge_with(search, has_newest, WHOLE);
	}
}

/* The newest write torn, the others all there, and none of them: all ways when they are few. */
static void choose_tears(struct search *search, unsigned states)
{
	size_t sectors = div_up(search->pending[search->nr - 1].event->len, SECTOR);
	bool all = sectors < 16 && UINT32_C(2) << sectors <= states;
	uint64_t nr = all ? (UINT64_C(1) << sectors) - 2 : states / 4;

	for (uint64_t mask = 1; mask <= nr; mask++) {
		struct landing landing = all ? (struct landing){mask, false} : tear(search);

		set_all(search, WHOLE);
		search->pending[search->nr - 1].landing = landing;
		judge_state(search);
		if (search->nr == 1)
			continue;
		set_all(search, NOTHING);
		search->pending[search->nr - 1].landing = landing;
		judge_state(search);
	}
}

static void judge_stop(struct search *search)
{
	bool has_newest = search->at && search->at->kind == EVENT_WRITE;
	unsigned states = search->how->states ? search->how->states : DEFAULT_STATES;

	if (states < LEAST_STATES)
		states = LEAST_STATES;
	search->result->stops++;
	if (!search->nr) {
		judge_state(search);
		return;
	}
	choose_subsets(search, has_newest, states / 2);
	if (has_newest && search->at->len > SECTOR)
		choose_tears(search, states);
	for (unsigned i = 0; search->nr > 1 && i < states / 4; i++) {
		set_random(search, true);
		judge_state(search);
	}
}

static void add_pending(struct search *search, const struct simdev_event *event)
{
	if (search->nr == search->room) {
		search->room = search->room ? 2 * search->room : 64;
		search->pending =
			must(realloc(search->pending, search->room * sizeof(*search->pending)));
	}
	search->pending[search->nr++] =
		(struct pending){.event = event, .doubtful = event->doubtful};
}

/* What lies over a doubtful write stays pending, but sure. */
static void flush_pending(struct search *search)
{
	size_t i = 0, kept = 0;

	for (; i < search->nr && !search->pending[i].doubtful; i++) {
		const struct simdev_event *event = search->pending[i].event;

		memcpy(search->medium + event->at, event->data, event->len);
		wipe(search, event);
	}
	for (; i < search->nr; i++) {
		search->pending[kept] = search->pending[i];
		search->pending[kept].sure = !search->pending[kept].doubtful;
		kept++;
	}
	search->nr = kept;
}

static void fail_pending(struct search *search)
{
	for (size_t i = 0; i < search->nr; i++)
		search->pending[i].doubtful |= !search->pending[i].sure;
}

static void follow(struct search *search, const struct simdev_event *event)
{
	search->at = event;
	switch (event->kind) {
	case EVENT_WRITE:
		add_pending(search, event);
		break;
	case EVENT_FLUSH:
		if (event->nr != search->how->without_flush)
			flush_pending(search);
		break;
	case EVENT_FAILED_FLUSH:
		fail_pending(search);
		break;
	case EVENT_PROMISE:
		search->stop.promise = event->nr;
		break;
	}
}

void simdev_for_each_stop(const struct simdev *sim, const struct simdev_how *how,
			  bool (*judge)(void *ctx, struct simdev_stop *stop), void *ctx,
			  struct simdev_result *result)
{
	struct search search = {
		.how = how,
		.judge = judge,
		.ctx = ctx,
		.result = result,
		.medium = must(malloc(size_of(sim) + 1)),
		.random = how->seed,
	};

	*result = (struct simdev_result){0};
	memcpy(search.medium, sim->base, size_of(sim));
	simdev_open(&search.image, sim->nr_blocks);
	search.stop.image = &search.image;
	memcpy(search.image.data, search.medium, size_of(sim));
	simdev_settle(&search.image);

	judge_stop(&search);
	for (size_t i = 0; i < sim->nr_events; i++) {
		follow(&search, &sim->log[i]);
		judge_stop(&search);
	}
	simdev_close(&search.image);
	free(search.pending);
	free(search.medium);
}
