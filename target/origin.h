/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The origin: the layer below the filter, as nbdkit's connections reach it.
 *
 * A connection must be flushed through itself: another one may have another cache below
 * (can_multi_conn 0), and a connection of the filter's own could take the only place that a server
 * below has.  So every connection is in a list, and records whether it has changed anything since
 * its last flush.
 *
 * nbdkit's thread model covers the requests of clients, but a flush for a message comes from
 * another thread.  If the model is below parallel, all calls to the layer below go through one
 * lock, which is held only for the call.
 */
#ifndef ERA_TARGET_ORIGIN_H
#define ERA_TARGET_ORIGIN_H

#include <nbdkit-filter.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* The answers of the layer below when it was opened: see nbdkit-plugin(3). */
struct origin_answers {
	int64_t size;
	uint32_t minimum, preferred, maximum; /* sizes of requests */
	int can_write, can_flush, is_rotational, can_trim, can_zero, can_fast_zero, can_extents,
		can_fua, can_multi_conn, can_cache;
};

struct origin_conn {
	struct origin *origin;
	nbdkit_next
		*below; /* not given to nbdkit, which would open and close it without the lock */
	struct origin_answers answers;

	_Atomic uint64_t changed; /* counts changes that have completed */
	_Atomic uint64_t flushed; /* how many of these a later flush has covered */
	/* Under the origin's lock: */
	struct origin_conn *prev, *next;
	unsigned users;
	uint64_t round; /* the last flush of all that has looked at it */
};

struct origin {
	bool serialize;
	pthread_mutex_t calls; /* the innermost lock */

	pthread_mutex_t lock; /* protects the fields below; held briefly */
	pthread_cond_t unused;
	struct origin_conn list; /* its head */
	uint64_t round;
	unsigned flushing[2]; /* running flushes that began in even and in odd rounds */
	bool has_failed;

	/* Called for every flush that fails, by any thread, before that flush returns. */
	void (*on_failed_flush)(void *ctx);
	void *ctx;
};

void origin_init(struct origin *origin);

/* thread_model: nbdkit's. */
void origin_set_thread_model(struct origin *origin, int thread_model);

/* Opens the layer below for a client, or, if it is shared, for the filter itself.  conn is zeroed,
 * and must not move until origin_close().  Returns 0, or -1, reported. */
int origin_open(struct origin *origin, struct origin_conn *conn, nbdkit_backend *backend,
		bool is_shared, bool readonly, const char *export) must_check;

/* Counts everything that was written before the connection was opened as changed. */
void origin_distrust(struct origin_conn *conn);

/* Flushes what is not flushed yet, and closes the connection; without a previous origin_open() it
 * does nothing. */
void origin_close(struct origin_conn *conn);

/* Closes those that are still open, when nobody uses any: nbdkit does not close those of clients
 * that are there when it ends, and what has a thread below would run on in code that is
 * unloaded. */
void origin_close_all(struct origin *origin);

/* Flushes all connections that have changed anything: what has come back before is durable when it
 * returns 0.  -1, reported, when that or any flush so far has failed, whoever asked for it.  One
 * call at a time. */
int origin_flush(struct origin *origin) must_check;

/* Requests, as nbdkit's. */
int origin_pread(struct origin_conn *conn, void *buf, uint32_t count, uint64_t offset,
		 uint32_t flags, int *err) must_check;
int origin_pwrite(struct origin_conn *conn, const void *buf, uint32_t count, uint64_t offset,
		  uint32_t flags, int *err) must_check;
int origin_trim(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags,
		int *err) must_check;
int origin_zero(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags,
		int *err) must_check;
int origin_cache(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags,
		 int *err) must_check;
int origin_extents(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags,
		   struct nbdkit_extents *extents, int *err) must_check;
int origin_flush_conn(struct origin_conn *conn, uint32_t flags, int *err) must_check;

#endif
