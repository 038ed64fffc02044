/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Group commit.  A request whose blocks must be marked puts a marker on a list.  If no thread is at
 * a commit, this one leads: it waits for its turn, takes what has gathered by then as one batch,
 * and commits that; the others find their markers done.  Markers that come while it commits gather
 * for the next batch.
 */
#include "base/checked.h"
#include "target/engine/engine_internal.h"

/* Sets the bits of all that are not marked yet, and commits.  A marker for which there is no space
 * fails alone, since others may need none. */
static int write_marks(struct engine *e, struct marker *batch)
{
	bool any = false;

	order_must_have(ORDER_TURN);
	for (struct marker *m = batch; m; m = m->next) {
		if (engine_is_marked(e, m->first, m->end))
			continue;
		m->result = era_live_mark(e->live, m->first, m->end - m->first);
		if (m->result && (m->result != ERA_NO_SPACE || era_live_is_aborted(e->live)))
			return engine_give_up(e, m->result);
		any |= !m->result;
	}
	return any ? engine_commit(e) : 0;
}

void engine_believe(struct engine *e, uint64_t first, uint64_t end)
{
	while (first < end) {
		uint64_t mask, word = bits_take_word(&first, end, &mask);

		atomic_fetch_or_explicit(&e->marked[word], mask, memory_order_release);
	}
}

/* With the turn. */
static void mark_batch(struct engine *e, struct marker *batch)
{
	int r = e->failed ? engine_refuse(e) : write_marks(e, batch);

	for (struct marker *m = batch; m; m = m->next) {
		if (r && !engine_is_marked(e, m->first, m->end))
			m->result = r;
		else if (!m->result)
			engine_believe(e, m->first, m->end);
	}
}

static struct marker *take_batch(struct engine *e)
{
	struct marker *batch;

	engine_lock(e);
	batch = e->gathered;
	e->gathered = NULL;
	engine_unlock(e);
	return batch;
}

/* With the lock, which is let go meanwhile. */
static void lead(struct engine *e)
{
	struct marker *batch, *next;

	e->leading = true;
	engine_unlock(e);
	turns_take(&e->turns);
	batch = take_batch(e);
	mark_batch(e, batch);
	turns_give(&e->turns);
	engine_lock(e);
	for (; batch; batch = next) {
		next = batch->next;
		batch->is_done = true;
	}
	e->leading = false;
	pthread_cond_broadcast(&e->markers_done);
}

/* With the lock, for whoever leads next. */
static void gather(struct engine *e, struct marker *marker)
{
	marker->next = e->gathered;
	e->gathered = marker;
}

int engine_mark_slowly(struct engine *e, uint64_t first, uint64_t end)
{
	struct marker marker = {.first = first, .end = end};
	uint64_t begin_us = clock_us();

	engine_lock(e);
	e->stats.marks++;
	gather(e, &marker);
	while (!marker.is_done) {
		if (e->leading)
			pthread_cond_wait(&e->markers_done, &e->lock);
		else
			lead(e);
	}
	histogram_add(&e->stats.mark_wait, clock_us() - begin_us);
	engine_unlock(e);
	return marker.result;
}
