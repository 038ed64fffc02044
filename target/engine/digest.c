/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The digester: a thread that works in steps, each with a turn of its own, so that nobody waits for
 * more than one of them.  What a step has changed goes out with the next commit, anybody's; the
 * digester makes its own, in a turn of its own, when a writeset is done, or after some steps.
 */
#include <inttypes.h>
#include <string.h>

#include "target/engine/engine_internal.h"

#define STEPS_A_COMMIT 4u

/* How long a wait for the digester lasts at most, since its caller may have to give up. */
#define AWAIT_MS 100u

/* Once, since the status shows from then on how full they are. */
static void tell_stuck(struct engine *e)
{
	if (!e->told_stuck)
		report_note(&e->rep, "%s: the metadata are too full to digest writesets",
			    e->dev.path);
	e->told_stuck = true;
}

static void tell_digested(const struct engine *e)
{
	const struct superblock *sb = era_live_sb(e->live);

	if (e->tells & ENGINE_TELLS_DIGESTION)
		report_note(&e->rep,
			    "a writeset is digested; %" PRIu64 " wait; %" PRIu64 " of %" PRIu64
			    " metadata blocks are in use",
			    era_live_counters(e->live).nr_writesets, sb->sm.nr_allocated,
			    sb->sm.nr_blocks);
}

/* With the turn.  *is_due: the digester is to commit what there is. */
static int digest_step(struct engine *e, bool *is_due)
{
	uint64_t digested = era_live_counters(e->live).nr_digested;
	int result;

	if (e->failed)
		return engine_refuse(e);
	result = era_live_digest(e->live);
	engine_show(e);
	if (result < 0)
		return engine_give_up(e, result);
	if (result == ERA_DIGEST_STUCK)
		tell_stuck(e);
	if (era_live_counters(e->live).nr_digested != digested)
		tell_digested(e);
	*is_due = result != ERA_DIGEST_MORE || era_live_counters(e->live).nr_digested != digested ||
		  ++e->uncommitted_steps == STEPS_A_COMMIT;
	return result == ERA_DIGEST_MORE;
}

/* With the turn.  Somebody else may have committed it all meanwhile. */
static int commit_steps(struct engine *e)
{
	if (e->failed)
		return engine_refuse(e);
	e->uncommitted_steps = 0;
	return era_live_is_changed(e->live) ? engine_commit(e) : 0;
}

int engine_digest(struct engine *e)
{
	bool is_due = false;
	int more, r;

	turns_take(&e->turns);
	more = digest_step(e, &is_due);
	turns_give(&e->turns);
	if (!is_due)
		return more;
	turns_take(&e->turns);
	r = commit_steps(e);
	turns_give(&e->turns);
	return r ? r : more;
}

/* false when it is to stop. */
static bool wait_for_work(struct engine *e)
{
	bool stop;

	engine_lock(e);
	while (!e->digest_wanted && !e->digester_stop)
		pthread_cond_wait(&e->digester_wake, &e->lock);
	e->digest_wanted = false;
	e->digests = true;
	stop = e->digester_stop;
	engine_unlock(e);
	return !stop;
}

/* false when it is to stop. */
static bool tell_progress(struct engine *e, bool more)
{
	bool stop;

	engine_lock(e);
	e->nr_digestions++;
	e->digests = more;
	stop = e->digester_stop;
	pthread_cond_broadcast(&e->digested);
	engine_unlock(e);
	return !stop;
}

/* What finds no space on its device is tried again when somebody wakes the digester. */
static void *run_digester(void *arg)
{
	struct engine *e = arg;
	int r = 0;

	while ((r >= 0 || r == ERA_NO_SPACE) && wait_for_work(e)) {
		do {
			r = engine_digest(e);
		} while (tell_progress(e, r > 0) && r > 0);
	}
	return NULL;
}

bool engine_await_digester(struct engine *e, const struct timespec *until)
{
	struct timespec soon = clock_in(AWAIT_MS);
	uint64_t before;
	bool digests;
	int error = 0;

	if (!e->digester_runs || clock_is_past(until))
		return false;
	soon = clock_earlier(&soon, until);
	engine_lock(e);
	before = e->nr_digestions;
	e->digest_wanted = e->digests = true;
	pthread_cond_signal(&e->digester_wake);
	while (e->nr_digestions == before && !error)
		error = pthread_cond_timedwait(&e->digested, &e->lock, &soon);
	digests = error || e->digests || e->digest_wanted;
	engine_unlock(e);
	return digests;
}

int engine_start_digester(struct engine *e)
{
	int error;

	if (e->manual_digest)
		return 0;
	e->digester_stop = false;
	e->digest_wanted = true;
	error = pthread_create(&e->digester, NULL, run_digester, e);
	e->digester_runs = !error;
	if (!error)
		return 0;
	return report_fail(&e->rep, ERA_SYS, "cannot start the digester: %s", strerror(error));
}

void engine_stop_digester(struct engine *e)
{
	if (!e->digester_runs)
		return;
	engine_lock(e);
	e->digester_stop = true;
	pthread_cond_signal(&e->digester_wake);
	engine_unlock(e);
	pthread_join(e->digester, NULL);
	e->digester_runs = false;
}

void engine_wake_digester(struct engine *e)
{
	engine_lock(e);
	e->digest_wanted = true;
	pthread_cond_signal(&e->digester_wake);
	engine_unlock(e);
}
