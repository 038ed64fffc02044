/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The fast path, and what it may rely on.
 *
 * A request is counted in flight by the parity of the era in which it came, before anything else
 * about it is decided.  A rollover commits the new era on disk, clears the bits, stores the era,
 * and then whoever asked for it waits until the count of the old parity is 0.  All these accesses
 * are sequentially consistent, so in their single order:
 *
 * counting comes before reading the era again.  If that still is the era of the count, the
 * rollover's
 *   store comes later, and so do its reads of the count: it waits for this request.  If not, the
 *   request gives its count back and begins anew.  So no request of the old era is missed.
 *
 *   a bit that is read after the era E was read was set in E or a later era, since the bits are
 *   cleared before E is stored; and a bit is set only after the commit that has it on disk.
 *   So a set bit says: committed, in an era that is current or will be answered for by the
 *   rollover that is waiting for this request.
 *
 * Two counts are enough because a rollover begins only when the one before has seen its requests
 * out (the `messages` mutex): those still counted are of the current era and the one before it.
 *
 * A pause (pause.c) goes by the same counts.  It sets `paused`, and then waits until both counts
 * are 0.  A request reads the flag after it was counted:
 *
 *   if the flag is clear, the pause's store comes later in the single order, and so do its reads of
 *   the counts: it waits for this request.  If it is set, the request gives its count back and
 *   waits for the end of the pause.  So when the pause has seen both counts at 0, no request
 *   is in flight, and none will be before the flag is cleared.
 *
 * A rollover during a pause finds no request to wait for: those that are held back are not counted,
 * but for the moment until they have read the flag.
 *
 * A bit read as clear costs nothing but a look under the turn (batch.c).
 */
#include <stdlib.h>

#include "base/checked.h"
#include "target/engine/engine_internal.h"

/* Threads that share a stripe are right, only slower. */
static uint32_t own_stripe(void)
{
	uint64_t self = (uint64_t)(uintptr_t)pthread_self();

	return (uint32_t)((self >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % IN_FLIGHT_STRIPES;
}

static void leave(struct engine *e, struct engine_request req)
{
	atomic_fetch_sub(&e->in_flight[req.slot / 2].nr[req.slot % 2], 1);
	if (!atomic_load(&e->draining))
		return;
	engine_lock(e);
	pthread_cond_broadcast(&e->drained);
	engine_unlock(e);
}

/* false when nothing may be marked. */
static bool enter(struct engine *e, struct engine_request *req)
{
	uint32_t stripe = own_stripe(), era;

	while ((era = atomic_load(&e->era))) {
		bool paused;

		req->slot = 2 * stripe + era % 2;
		atomic_fetch_add(&e->in_flight[stripe].nr[era % 2], 1);
		paused = atomic_load(&e->paused);
		if (!paused && atomic_load(&e->era) == era)
			return true;
		leave(e, *req);
		if (paused)
			engine_hold_back(e);
	}
	return false;
}

bool engine_is_marked(const struct engine *e, uint64_t first, uint64_t end)
{
	while (first < end) {
		uint64_t mask, word = bits_take_word(&first, end, &mask);

		if (~atomic_load_explicit(&e->marked[word], memory_order_acquire) & mask)
			return false;
	}
	return true;
}

static int past_end(struct engine *e)
{
	return report_fail(&e->rep, ERA_SYS, "a request reaches past the end of the origin");
}

int engine_mark(struct engine *e, uint64_t offset, uint64_t len, struct engine_request *req)
{
	struct engine_request entered;
	uint64_t first = offset / e->block_bytes, end = first, bytes_end;
	int r = 0;

	if (!checked_add(offset, len, &bytes_end) || bytes_end > e->origin_bytes)
		return past_end(e);
	if (len)
		end = (bytes_end - 1) / e->block_bytes + 1;
	if (!enter(e, &entered))
		return engine_refuse(e);
	if (!engine_is_marked(e, first, end))
		r = engine_mark_slowly(e, first, end);
	if (r)
		leave(e, entered);
	else
		*req = entered;
	return r;
}

void engine_done(struct engine *e, struct engine_request req)
{
	leave(e, req);
}

bool engine_any_in_flight(struct engine *e, uint32_t parity)
{
	for (uint32_t i = 0; i < IN_FLIGHT_STRIPES; i++)
		if (atomic_load(&e->in_flight[i].nr[parity]))
			return true;
	return false;
}

uint64_t engine_nr_in_flight(struct engine *e)
{
	uint64_t nr = 0;

	for (uint32_t i = 0; i < IN_FLIGHT_STRIPES; i++)
		nr += atomic_load(&e->in_flight[i].nr[0]) + atomic_load(&e->in_flight[i].nr[1]);
	return nr;
}

void engine_drain(struct engine *e, uint32_t parity)
{
	engine_lock(e);
	atomic_fetch_add(&e->draining, 1);
	while (engine_any_in_flight(e, parity))
		pthread_cond_wait(&e->drained, &e->lock);
	atomic_fetch_sub(&e->draining, 1);
	engine_unlock(e);
}

void engine_publish_era(struct engine *e)
{
	uint64_t nr_words = bits_words(e->nr_blocks);

	order_must_have(ORDER_TURN);
	for (uint64_t i = 0; i < nr_words; i++)
		atomic_store_explicit(&e->marked[i], 0, memory_order_relaxed);
	atomic_store(&e->begun_ms, era_live_pace_begun(atomic_load(&e->begun_ms)));
	atomic_store(&e->era, era_live_sb(e->live)->current_era);
}
