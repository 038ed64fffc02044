/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Pauses.  What a request does about one is in mark.c; here is how one begins and ends.
 *
 * A pause ends once, with the lock, in end_pause(): by its token, or because its time is over,
 * which is noticed by whichever thread looks at the clock first: a request that is held back, or a
 * call with the token.  A request goes on only after that, when the token is worth nothing any
 * more.  So a call that finds its token valid knows that no request has gone on since the pause
 * began.
 */
#include "target/engine/engine_internal.h"

/* With the lock. */
static void end_pause(struct engine *e)
{
	e->pause.token = 0;
	atomic_store(&e->pause.is_over, true);
	atomic_store(&e->paused, false);
	pthread_cond_broadcast(&e->unpaused);
	pthread_cond_broadcast(&e->drained);
}

/* With the lock. */
static void lapse_if_due(struct engine *e)
{
	if (e->pause.token && clock_is_past(&e->pause.until))
		end_pause(e);
}

/* With the lock.  No longer than until then. */
static void wait_for_end(struct engine *e, const struct timespec *until)
{
	struct timespec first = clock_earlier(until, &e->pause.until);

	pthread_cond_timedwait(&e->unpaused, &e->lock, &first);
	lapse_if_due(e);
}

void engine_hold_back(struct engine *e)
{
	engine_lock(e);
	while (e->pause.token)
		wait_for_end(e, &e->pause.until);
	engine_unlock(e);
}

/* Never given twice, not even in two lives of the target, as far as the clock goes forward. */
static uint64_t next_token(struct engine *e)
{
	uint64_t token = clock_of_day_ns();

	if (token <= e->pause.last_token)
		token = e->pause.last_token + 1;
	e->pause.last_token = token;
	return token;
}

/* With the lock.  The pause before must end first.  0: it took too long. */
static uint64_t begin_pause(struct engine *e, const struct timespec *until)
{
	while (e->pause.token && !clock_is_past(until))
		wait_for_end(e, until);
	if (e->pause.token || clock_is_past(until))
		return 0;
	e->pause.token = next_token(e);
	e->pause.until = *until;
	atomic_store(&e->pause.is_over, false);
	atomic_store(&e->paused, true);
	return e->pause.token;
}

/* With the lock.  false: the pause has ended before. */
static bool see_requests_out(struct engine *e, uint64_t token)
{
	struct timespec until = e->pause.until;

	atomic_fetch_add(&e->draining, 1);
	while (e->pause.token == token &&
	       (engine_any_in_flight(e, 0) || engine_any_in_flight(e, 1))) {
		pthread_cond_timedwait(&e->drained, &e->lock, &until);
		lapse_if_due(e);
	}
	atomic_fetch_sub(&e->draining, 1);
	return e->pause.token == token;
}

/* For two eras, of a roll and of a metadata snapshot, so that neither waits in the pause. */
static void wait_for_clock(const struct engine *e)
{
	era_live_keep_pace(atomic_load(&e->era), 2, atomic_load(&e->begun_ms));
}

int engine_pause(struct engine *e, uint32_t ms, uint64_t *token)
{
	struct timespec until;
	uint64_t mine;
	bool paused;

	wait_for_clock(e);
	until = clock_in(ms);
	engine_lock(e);
	mine = begin_pause(e, &until);
	paused = mine && see_requests_out(e, mine);
	engine_unlock(e);
	if (!paused)
		return report_fail(
			&e->rep, ERA_NO_ANSWER,
			mine ? "requests in flight have not ended in the time of the pause"
			     : "another pause has not ended in the time of this one");
	*token = mine;
	return 0;
}

/* Does the pause still hold?  If so, and that is wanted, it ends. */
static int use_token(struct engine *e, uint64_t token, bool end)
{
	bool holds;

	engine_lock(e);
	lapse_if_due(e);
	holds = token && e->pause.token == token;
	if (holds && end)
		end_pause(e);
	engine_unlock(e);
	return holds ? 0 : report_fail(&e->rep, ERA_NO_ANSWER, "the pause has ended already");
}

int engine_roll(struct engine *e, uint64_t token, uint32_t *era)
{
	uint32_t begun;
	int r = use_token(e, token, false);

	if (!r)
		r = engine_begin_era(e, false, &e->pause.is_over, &begun);
	if (!r)
		r = use_token(e, token, false);
	if (!r && era)
		*era = begun;
	return r;
}

int engine_unpause(struct engine *e, uint64_t token)
{
	return use_token(e, token, true);
}

void engine_drop_pause(struct engine *e, uint64_t token)
{
	engine_lock(e);
	if (e->pause.token && (!token || e->pause.token == token))
		end_pause(e);
	engine_unlock(e);
}

bool engine_is_paused(struct engine *e)
{
	bool paused;

	engine_lock(e);
	lapse_if_due(e);
	paused = e->pause.token;
	engine_unlock(e);
	return paused;
}
