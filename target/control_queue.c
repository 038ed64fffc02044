/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/control_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "target/thread.h"

#define THREADS 2u
#define LOOK_AGAIN_MS 10u

struct worker {
	struct control_queue *queue;
	enum request_by by;
	struct message *running; /* or NULL */
	pthread_t thread;
};

struct control_queue {
	struct control_queue_config config;
	pthread_mutex_t lock; /* over all below; the engine's locks are taken under it */
	pthread_cond_t added;
	struct message *first; /* in the order of coming */
	bool stopped;
	struct worker workers[THREADS];
	unsigned nr_started;
};

static void unlink_message(struct control_queue *q, const struct message *m)
{
	struct message **at = &q->first;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
}

static void free_message(struct control_queue *q, struct message *m)
{
	unlink_message(q, m);
	request_free(&m->req, q->config.engine);
	free(m);
}

static bool shares_era(const struct message *m, enum message_state state)
{
	return m->req.kind->shares_era && m->state == state;
}

/* All that can share its era begin with it, and so fail with it. */
static void begin_message(struct control_queue *q, struct worker *w, struct message *m)
{
	w->running = m;
	for (struct message *other = q->first; m->req.kind->shares_era && other;
	     other = other->next)
		if (shares_era(other, MESSAGE_WAITS))
			other->state = MESSAGE_BEGUN;
	m->state = MESSAGE_BEGUN;
}

/* The reply of m, where the other has a part in it. */
static void share(struct message *other, const struct message *m)
{
	uint32_t era = m->req.begun_era;

	if (other == m || !other->req.kind->shares_era || other->state == MESSAGE_DONE)
		return;
	if (era && other->req.seen_era < era) {
		request_reply_era(&other->req, era);
		other->state = MESSAGE_DONE;
	} else if (m->req.kind->shares_era && other->state == MESSAGE_BEGUN) {
		other->req.reply = m->req.reply ? strdup(m->req.reply) : NULL;
		other->state = MESSAGE_DONE;
	}
}

static void end_message(struct control_queue *q, struct worker *w)
{
	struct message *m = w->running, *next;

	w->running = NULL;
	for (struct message *other = q->first; other; other = other->next)
		share(other, m);
	m->state = MESSAGE_DONE;
	for (m = q->first; m; m = next) {
		next = m->next;
		if (m->state == MESSAGE_DONE && !m->is_wanted)
			free_message(q, m);
	}
	q->config.wake(q->config.ctx);
}

/* *held_up: there is one that waits for the end of a pause. */
static struct message *find_next(struct control_queue *q, enum request_by by, bool *held_up)
{
	*held_up = false;
	for (struct message *m = q->first; m; m = m->next) {
		if (m->state != MESSAGE_WAITS || m->req.kind->by != by)
			continue;
		if (!m->req.kind->pauses || !engine_is_paused(q->config.engine))
			return m;
		*held_up = true;
	}
	return NULL;
}

static void wait_for_messages(struct control_queue *q, bool held_up)
{
	struct timespec soon;

	if (!held_up) {
		pthread_cond_wait(&q->added, &q->lock);
		return;
	}
	soon = clock_in(LOOK_AGAIN_MS);
	pthread_cond_timedwait(&q->added, &q->lock, &soon);
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	struct control_queue *q = w->queue;
	struct message *m;
	bool held_up;

	pthread_mutex_lock(&q->lock);
	while (!q->stopped) {
		m = find_next(q, w->by, &held_up);
		if (!m) {
			wait_for_messages(q, held_up);
			continue;
		}
		begin_message(q, w, m);
		pthread_mutex_unlock(&q->lock);
		request_carry_out(&m->req, q->config.engine, q->config.last_error);
		pthread_mutex_lock(&q->lock);
		end_message(q, w);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

static void refuse_at_end(struct message *m)
{
	request_fail(&m->req, "the target is being stopped");
	m->state = MESSAGE_DONE;
}

void control_queue_add(struct control_queue *q, struct message *m)
{
	struct message **end = &q->first;

	m->req.seen_era = engine_era(q->config.engine);
	pthread_mutex_lock(&q->lock);
	m->state = MESSAGE_WAITS;
	m->is_wanted = true;
	m->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = m;
	if (q->stopped)
		refuse_at_end(m);
	pthread_cond_broadcast(&q->added);
	pthread_mutex_unlock(&q->lock);
}

bool control_queue_take(struct control_queue *q, struct message *m)
{
	bool done;

	pthread_mutex_lock(&q->lock);
	done = m->state == MESSAGE_DONE;
	if (done)
		unlink_message(q, m);
	pthread_mutex_unlock(&q->lock);
	return done;
}

/* A message that pauses is the only one that does (find_next()). */
static void cancel(struct control_queue *q, struct message *m)
{
	atomic_store(&m->req.cancelled, true);
	if (m->state == MESSAGE_BEGUN && m->req.kind->pauses)
		engine_drop_pause(q->config.engine, 0);
}

/* Ends its waiting, unless the running message is there for somebody. */
static void cancel_unwanted(struct control_queue *q, struct message *running)
{
	bool is_wanted = running->is_wanted;

	for (const struct message *m = q->first; running->req.kind->shares_era && m; m = m->next)
		is_wanted |= shares_era(m, MESSAGE_BEGUN) && m->is_wanted;
	if (!is_wanted)
		cancel(q, running);
}

void control_queue_drop(struct control_queue *q, struct message *m)
{
	pthread_mutex_lock(&q->lock);
	m->is_wanted = false;
	if (m->state != MESSAGE_BEGUN)
		free_message(q, m);
	for (unsigned i = 0; i < THREADS; i++)
		if (q->workers[i].running)
			cancel_unwanted(q, q->workers[i].running);
	pthread_mutex_unlock(&q->lock);
}

static int start_worker(struct control_queue *q, enum request_by by)
{
	struct worker *w = &q->workers[q->nr_started];
	int error;

	*w = (struct worker){.queue = q, .by = by};
	error = thread_start(&w->thread, run_worker, w);
	if (error)
		return report_fail(q->config.rep, ERA_SYS, "cannot start a thread: %s",
				   strerror(error));
	q->nr_started++;
	return 0;
}

int control_queue_start(struct control_queue **queue, const struct control_queue_config *config)
{
	struct control_queue *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return report_nomem(config->rep);
	q->config = *config;
	pthread_mutex_init(&q->lock, NULL);
	clock_init_cond(&q->added);
	r = start_worker(q, REQUEST_BY_MESSENGER);
	if (!r)
		r = start_worker(q, REQUEST_BY_DROPPER);
	if (!r) {
		*queue = q;
		return 0;
	}
	control_queue_stop(q);
	control_queue_free(q);
	return r;
}

void control_queue_stop(struct control_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stopped = true;
	for (struct message *m = q->first; m; m = m->next) {
		if (m->state == MESSAGE_WAITS)
			refuse_at_end(m);
		cancel(q, m);
	}
	pthread_cond_broadcast(&q->added);
	pthread_mutex_unlock(&q->lock);
	for (unsigned i = 0; i < q->nr_started; i++)
		pthread_join(q->workers[i].thread, NULL);
	q->nr_started = 0;
}

void control_queue_free(struct control_queue *q)
{
	if (!q)
		return;
	pthread_cond_destroy(&q->added);
	pthread_mutex_destroy(&q->lock);
	free(q);
}
