/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Group commit.  Who must mark a block puts a marker on a list.  If nobody is at a commit, he leads:
 * he waits for his turn, takes all that has gathered by then, and commits it; the others find their
 * markers done.  Those that come while he commits gather for the next one.
 */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "target/engine/engine_internal.h"

void engine_show(struct engine *e)
{
	const struct superblock *sb = &e->live.sb;

	pthread_mutex_lock(&e->lock);
	e->figures = (struct engine_figures){
		.used = sb->sm.nr_allocated,
		.total = sb->sm.nr_blocks,
		.snapshot = sb->metadata_snap,
		.era = sb->current_era,
	};
	e->stats.commits = e->live.nr_commits;
	e->stats.flushes = e->live.nr_flushes;
	e->stats.blocks_written = e->live.txn.cache.nr_written + e->live.nr_commits;
	e->stats.digested = e->live.nr_digested;
	pthread_mutex_unlock(&e->lock);
}

int engine_fail(struct engine *e, int r)
{
	atomic_store(&e->era, 0);
	e->failed = r;
	pthread_mutex_lock(&e->lock);
	snprintf(e->why, sizeof(e->why), "%s", e->last_error);
	pthread_mutex_unlock(&e->lock);
	return r;
}

int engine_refuse(struct engine *e)
{
	char why[ENGINE_LINE_MAX];

	pthread_mutex_lock(&e->lock);
	snprintf(why, sizeof(why), "%s", e->why);
	pthread_mutex_unlock(&e->lock);
	if (!*why)
		return report_fail(e->user, ERA_SYS, "the target is suspended");
	return report_fail(e->user, ERA_SYS, "the target is read-only: %s", why);
}

int engine_commit(struct engine *e)
{
	int r = era_live_commit(&e->live);

	if (r)
		return engine_fail(e, r);
	engine_show(e);
	return 0;
}

/* What marking them all may take; a commit beforehand if that gives more room. */
static int make_room(struct engine *e, const struct marker *markers)
{
	uint64_t need = 0;
	int r;

	for (const struct marker *m = markers; m; m = m->next)
		need += era_live_mark_room(&e->live, era_live_bitset_block(m->end - 1) -
						     era_live_bitset_block(m->first) + 1);
	r = era_live_make_room(&e->live, need);
	return r < 0 ? r : 0;
}

static void believe(struct engine *e, uint64_t first, uint64_t end)
{
	while (first < end) {
		uint64_t mask, word = bits_take_word(&first, end, &mask);

		atomic_fetch_or_explicit(&e->marked[word], mask, memory_order_release);
	}
}

static int write_marks(struct engine *e, const struct marker *markers)
{
	int r = make_room(e, markers);

	for (const struct marker *m = markers; m && !r; m = m->next)
		if (!engine_is_marked(e, m->first, m->end))
			r = era_live_mark(&e->live, m->first, m->end - m->first);
	return r ? engine_fail(e, r) : engine_commit(e);
}

static bool all_marked(const struct engine *e, const struct marker *markers)
{
	while (markers && engine_is_marked(e, markers->first, markers->end))
		markers = markers->next;
	return !markers;
}

/* With the turn. */
static int commit_markers(struct engine *e, const struct marker *markers)
{
	int r;

	if (e->failed)
		return engine_refuse(e);
	if (all_marked(e, markers))
		return 0;
	r = write_marks(e, markers);
	for (const struct marker *m = markers; m && !r; m = m->next)
		believe(e, m->first, m->end);
	return r;
}

/* With the lock, which is let go meanwhile. */
static void lead(struct engine *e)
{
	struct marker *markers, *next;
	int r;

	e->leading = true;
	pthread_mutex_unlock(&e->lock);
	turns_take(&e->turns);
	pthread_mutex_lock(&e->lock);
	markers = e->gathered;
	e->gathered = NULL;
	pthread_mutex_unlock(&e->lock);

	r = commit_markers(e, markers);
	turns_give(&e->turns);

	pthread_mutex_lock(&e->lock);
	for (; markers; markers = next) {
		next = markers->next;
		markers->result = r;
		markers->is_done = true;
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

	pthread_mutex_lock(&e->lock);
	e->stats.marks++;
	gather(e, &marker);
	while (!marker.is_done) {
		if (e->leading)
			pthread_cond_wait(&e->markers_done, &e->lock);
		else
			lead(e);
	}
	pthread_mutex_unlock(&e->lock);
	return marker.result;
}
