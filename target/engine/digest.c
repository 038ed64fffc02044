/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The digester: a thread that works in steps, each with a turn of its own, so that nobody waits for
 * more than one of them.  What a step has changed goes out with the next commit, anybody's; the
 * digester makes its own, in a turn of its own, when a writeset is done, or after some steps.
 */
#include <string.h>

#include "target/engine/engine_internal.h"

#define STEPS_A_COMMIT 4u

/* Once, since the status shows from then on how full they are. */
static void tell_stuck(struct engine *e)
{
	if (!e->told_stuck)
		report_note(&e->rep, "%s: the metadata are too full to digest writesets", e->dev.path);
	e->told_stuck = true;
}

/* With the turn.  *is_due: the digester is to commit what there is. */
static int step(struct engine *e, bool *is_due)
{
	uint64_t digested = e->live.nr_digested;
	int result;

	if (e->failed)
		return engine_refuse(e);
	result = era_live_digest(&e->live);
	engine_show(e);
	if (result < 0)
		return engine_fail(e, result);
	if (result == ERA_DIGEST_STUCK)
		tell_stuck(e);
	*is_due = result != ERA_DIGEST_MORE || e->live.nr_digested != digested ||
		  ++e->uncommitted_steps == STEPS_A_COMMIT;
	return result == ERA_DIGEST_MORE;
}

/* With the turn.  Somebody else may have committed it all meanwhile. */
static int commit(struct engine *e)
{
	if (e->failed)
		return engine_refuse(e);
	e->uncommitted_steps = 0;
	return era_live_is_changed(&e->live) ? engine_commit(e) : 0;
}

int engine_digest(struct engine *e)
{
	bool is_due = false;
	int more, r;

	turns_take(&e->turns);
	more = step(e, &is_due);
	turns_give(&e->turns);
	if (!is_due)
		return more;
	turns_take(&e->turns);
	r = commit(e);
	turns_give(&e->turns);
	return r ? r : more;
}

/* false when it is to stop. */
static bool wait_for_work(struct engine *e)
{
	bool stop;

	pthread_mutex_lock(&e->lock);
	while (!e->digest_wanted && !e->digester_stop)
		pthread_cond_wait(&e->digester_wake, &e->lock);
	e->digest_wanted = false;
	stop = e->digester_stop;
	pthread_mutex_unlock(&e->lock);
	return !stop;
}

static bool must_stop(struct engine *e)
{
	bool stop;

	pthread_mutex_lock(&e->lock);
	stop = e->digester_stop;
	pthread_mutex_unlock(&e->lock);
	return stop;
}

static void *run(void *arg)
{
	struct engine *e = arg;
	int r = 0;

	while (r >= 0 && wait_for_work(e))
		while ((r = engine_digest(e)) > 0 && !must_stop(e))
			;
	return NULL;
}

int engine_start_digester(struct engine *e)
{
	int error;

	if (e->manual_digest)
		return 0;
	e->digester_stop = false;
	e->digest_wanted = true;
	error = pthread_create(&e->digester, NULL, run, e);
	e->digester_runs = !error;
	if (!error)
		return 0;
	return report_fail(&e->rep, ERA_SYS, "cannot start the digester: %s", strerror(error));
}

void engine_stop_digester(struct engine *e)
{
	if (!e->digester_runs)
		return;
	pthread_mutex_lock(&e->lock);
	e->digester_stop = true;
	pthread_cond_signal(&e->digester_wake);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->digester, NULL);
	e->digester_runs = false;
}

void engine_wake_digester(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	e->digest_wanted = true;
	pthread_cond_signal(&e->digester_wake);
	pthread_mutex_unlock(&e->lock);
}
