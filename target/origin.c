/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Which changes a flush has covered: a connection counts them when they have come back.  A flush
 * reads the count before it begins, and it becomes the connection's `flushed` when the flush has
 * succeeded.  A flush that is under way, for whoever, covers nothing yet.
 *
 * A failure is told to one of several flushes that are under way, not to all: after an fsync() that
 * has failed, one that was called at the same time may succeed.  So the flush for a message also
 * waits for all others that have begun before its end, requests with FUA among them, and fails if
 * any has.
 *
 * A connection whose flush is under way for a message has a user, and is not closed before that is
 * gone.
 */
#include "target/origin.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "target/log.h"

/* Threads that a layer starts for a connection take no signals: nbdkit's plugin nbd gives up all
 * its requests when its thread is interrupted.  Programs that it starts take them again. */
static _Thread_local bool is_opening;
static _Thread_local sigset_t outer_signals;

static void hold_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGQUIT);
	sigaddset(&ending, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ending, &outer_signals);
	is_opening = true;
}

static void take_signals(void)
{
	if (is_opening)
		pthread_sigmask(SIG_SETMASK, &outer_signals, NULL);
	is_opening = false;
}

void origin_init(struct origin *origin)
{
	memset(origin, 0, sizeof(*origin));
	if (pthread_atfork(NULL, NULL, take_signals))
		log_error("out of memory");
	pthread_mutex_init(&origin->calls, NULL);
	pthread_mutex_init(&origin->lock, NULL);
	pthread_cond_init(&origin->unused, NULL);
	origin->list.prev = origin->list.next = &origin->list;
}

void origin_set_thread_model(struct origin *origin, int thread_model)
{
	origin->serialize = thread_model < NBDKIT_THREAD_MODEL_PARALLEL;
}

static void begin_call(struct origin *origin)
{
	if (origin->serialize)
		pthread_mutex_lock(&origin->calls);
}

static void end_call(struct origin *origin)
{
	if (origin->serialize)
		pthread_mutex_unlock(&origin->calls);
}

/* All that nbdkit will ask. */
static int ask_all(struct origin_conn *conn)
{
	nbdkit_next *below = conn->below;
	struct origin_answers *a = &conn->answers;

	a->size = below->get_size(below);
	if (a->size < 0 || below->block_size(below, &a->minimum, &a->preferred, &a->maximum))
		return -1;
	a->can_write = below->can_write(below);
	a->can_flush = below->can_flush(below);
	a->is_rotational = below->is_rotational(below);
	a->can_trim = below->can_trim(below);
	a->can_zero = below->can_zero(below);
	a->can_fast_zero = below->can_fast_zero(below);
	a->can_extents = below->can_extents(below);
	a->can_fua = below->can_fua(below);
	a->can_multi_conn = below->can_multi_conn(below);
	a->can_cache = below->can_cache(below);
	return a->can_write < 0 || a->can_flush < 0 || a->is_rotational < 0 || a->can_trim < 0 ||
			       a->can_zero < 0 || a->can_fast_zero < 0 || a->can_extents < 0 ||
			       a->can_fua < 0 || a->can_multi_conn < 0 || a->can_cache < 0
		       ? -1
		       : 0;
}

static int open_below(struct origin_conn *conn, nbdkit_backend *backend, bool readonly,
		      const char *export, int shared)
{
	conn->below = nbdkit_next_context_open(backend, readonly, export, shared);
	if (!conn->below)
		return -1;
	if (!conn->below->prepare(conn->below)) {
		if (!ask_all(conn))
			return 0;
		conn->below->finalize(conn->below);
	}
	nbdkit_next_context_close(conn->below);
	conn->below = NULL;
	return -1;
}

int origin_open(struct origin *origin, struct origin_conn *conn, nbdkit_backend *backend,
		bool is_shared, bool readonly, const char *export)
{
	int r;

	conn->origin = origin;
	begin_call(origin);
	hold_signals();
	r = open_below(conn, backend, readonly, export, is_shared);
	take_signals();
	end_call(origin);
	if (r)
		return r;
	pthread_mutex_lock(&origin->lock);
	conn->round = origin->round - 1;
	conn->next = &origin->list;
	conn->prev = origin->list.prev;
	conn->prev->next = conn->next->prev = conn;
	pthread_mutex_unlock(&origin->lock);
	return 0;
}

void origin_distrust(struct origin_conn *conn)
{
	atomic_fetch_add(&conn->changed, 1);
}

static bool is_dirty(const struct origin_conn *conn)
{
	return atomic_load(&conn->flushed) != atomic_load(&conn->changed);
}

/* Flushes at once may end in any order. */
static void cover(struct origin_conn *conn, uint64_t changed)
{
	uint64_t flushed = atomic_load(&conn->flushed);

	while (flushed < changed &&
	       !atomic_compare_exchange_weak(&conn->flushed, &flushed, changed))
		;
}

static unsigned enter_flush(struct origin *origin)
{
	unsigned parity;

	pthread_mutex_lock(&origin->lock);
	parity = origin->round % 2;
	origin->flushing[parity]++;
	pthread_mutex_unlock(&origin->lock);
	return parity;
}

/* A failure is told before a message may find no flush under way. */
static void leave_flush(struct origin *origin, unsigned parity, bool has_failed)
{
	if (has_failed && origin->on_failed_flush)
		origin->on_failed_flush(origin->ctx);
	pthread_mutex_lock(&origin->lock);
	origin->has_failed |= has_failed;
	origin->flushing[parity]--;
	pthread_cond_broadcast(&origin->unused);
	pthread_mutex_unlock(&origin->lock);
}

int origin_flush_conn(struct origin_conn *conn, uint32_t flags, int *err)
{
	uint64_t changed = atomic_load(&conn->changed);
	unsigned parity = enter_flush(conn->origin);
	int r;

	begin_call(conn->origin);
	r = conn->below->flush(conn->below, flags, err);
	end_call(conn->origin);
	if (!r)
		cover(conn, changed);
	leave_flush(conn->origin, parity, r);
	return r;
}

static int flush_reported(struct origin_conn *conn)
{
	int err = 0, r = origin_flush_conn(conn, 0, &err);

	if (r)
		log_error("flushing the layer below failed: %s", strerror(err ? err : EIO));
	return r;
}

static void leave_list(struct origin_conn *conn)
{
	struct origin *origin = conn->origin;

	pthread_mutex_lock(&origin->lock);
	while (conn->users)
		pthread_cond_wait(&origin->unused, &origin->lock);
	conn->prev->next = conn->next;
	conn->next->prev = conn->prev;
	conn->prev = conn->next = NULL;
	pthread_mutex_unlock(&origin->lock);
}

static void close_below(struct origin_conn *conn)
{
	if (conn->below->finalize(conn->below))
		log_error("closing the layer below failed");
	nbdkit_next_context_close(conn->below);
	conn->below = NULL;
}

/* A failure is remembered before the connection leaves the list, where a message would miss it. */
void origin_close(struct origin_conn *conn)
{
	if (!conn->below)
		return;
	if (conn->answers.can_flush && is_dirty(conn) && flush_reported(conn))
		log_error("a connection has ended with changes that could not be flushed");
	leave_list(conn);
	begin_call(conn->origin);
	close_below(conn);
	end_call(conn->origin);
}

void origin_close_all(struct origin *origin)
{
	struct origin_conn *conn;

	while ((conn = origin->list.next) != &origin->list)
		origin_close(conn);
}

/* The next connection that has changed something and that this round has not looked at, or NULL.
 * The caller is a user of it from then on. */
static struct origin_conn *next_dirty(struct origin *origin)
{
	for (struct origin_conn *conn = origin->list.next; conn != &origin->list;
	     conn = conn->next) {
		if (conn->round == origin->round)
			continue;
		conn->round = origin->round;
		if (!conn->answers.can_flush || !is_dirty(conn))
			continue;
		conn->users++;
		return conn;
	}
	return NULL;
}

static void put_conn(struct origin *origin, struct origin_conn *conn)
{
	conn->users--;
	pthread_cond_broadcast(&origin->unused);
}

/* Flushes that begin meanwhile are counted with the next round. */
static void await_other_flushes(struct origin *origin)
{
	unsigned parity = origin->round++ % 2;

	while (origin->flushing[parity])
		pthread_cond_wait(&origin->unused, &origin->lock);
}

int origin_flush(struct origin *origin)
{
	struct origin_conn *conn;
	int r = 0;

	pthread_mutex_lock(&origin->lock);
	while (!r && (conn = next_dirty(origin))) {
		pthread_mutex_unlock(&origin->lock);
		r = flush_reported(conn);
		pthread_mutex_lock(&origin->lock);
		put_conn(origin, conn);
	}
	await_other_flushes(origin);
	if (!r && origin->has_failed) {
		log_error("a flush of the layer below has failed before");
		r = -1;
	}
	pthread_mutex_unlock(&origin->lock);
	return r;
}

static unsigned begin_change(struct origin_conn *conn, uint32_t flags)
{
	unsigned parity = flags & NBDKIT_FLAG_FUA ? enter_flush(conn->origin) : 0;

	begin_call(conn->origin);
	return parity;
}

/* A change that fails may have changed something, too. */
static void end_change(struct origin_conn *conn, uint32_t flags, unsigned parity, bool has_failed)
{
	end_call(conn->origin);
	atomic_fetch_add(&conn->changed, 1);
	if (flags & NBDKIT_FLAG_FUA)
		leave_flush(conn->origin, parity, has_failed);
}

int origin_pwrite(struct origin_conn *conn, const void *buf, uint32_t count, uint64_t offset,
		  uint32_t flags, int *err)
{
	unsigned parity = begin_change(conn, flags);
	int r;

	r = conn->below->pwrite(conn->below, buf, count, offset, flags, err);
	end_change(conn, flags, parity, r);
	return r;
}

int origin_trim(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags, int *err)
{
	unsigned parity = begin_change(conn, flags);
	int r;

	r = conn->below->trim(conn->below, count, offset, flags, err);
	end_change(conn, flags, parity, r);
	return r;
}

/* A zeroing that would not have been fast was not done. */
int origin_zero(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags, int *err)
{
	unsigned parity = begin_change(conn, flags);
	bool is_refused;
	int r;

	r = conn->below->zero(conn->below, count, offset, flags, err);
	is_refused = r && flags & NBDKIT_FLAG_FAST_ZERO && (*err == ENOTSUP || *err == EOPNOTSUPP);
	end_change(conn, flags, parity, r && !is_refused);
	return r;
}

int origin_pread(struct origin_conn *conn, void *buf, uint32_t count, uint64_t offset,
		 uint32_t flags, int *err)
{
	int r;

	begin_call(conn->origin);
	r = conn->below->pread(conn->below, buf, count, offset, flags, err);
	end_call(conn->origin);
	return r;
}

int origin_cache(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags,
		 int *err)
{
	int r;

	begin_call(conn->origin);
	r = conn->below->cache(conn->below, count, offset, flags, err);
	end_call(conn->origin);
	return r;
}

int origin_extents(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags,
		   struct nbdkit_extents *extents, int *err)
{
	int r;

	begin_call(conn->origin);
	r = conn->below->extents(conn->below, count, offset, flags, extents, err);
	end_call(conn->origin);
	return r;
}
