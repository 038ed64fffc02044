/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What the parts of the engine share.
 *
 * Who may touch what:
 *	the turn (turns.h)    the metadata: live, failed.  Held for one commit, one rollover, one
 *	                      step of digestion; never while waiting for requests
 *	lock                  what stands under it below; held for moments
 *	messages              one message at a time, to its end
 *	nothing               era, begun_ms, paused, marked, in_flight, draining: atomic; see mark.c
 * They are taken in the order messages, turn, lock: order.h.
 */
#ifndef ERA_TARGET_ENGINE_INTERNAL_H
#define ERA_TARGET_ENGINE_INTERNAL_H

#ifndef ROOM_TARGET_ENGINE
#error "for target/engine alone"
#endif

#include <pthread.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "base/clock.h"
#include "live/live.h"
#include "live/pace.h"
#include "target/engine/engine.h"
#include "target/engine/order.h"
#include "target/engine/turns.h"

#define IN_FLIGHT_STRIPES 16u
#define CACHE_LINE 64

/* Requests in flight, of eras with an even and with an odd number. */
struct in_flight {
	_Alignas(CACHE_LINE) _Atomic uint64_t nr[2];
};

/* A call of engine_mark() that waits for a commit; it lies on the caller's stack. */
struct marker {
	uint64_t first, end; /* data blocks */
	struct marker *next;
	bool is_done;
	int result;
};

/* A pause, and the last one's remains. */
struct pause {
	uint64_t token, last_token; /* 0: there is none */
	struct timespec until;	    /* it lapses then */
	_Atomic bool is_over;
};

/* With the turn: see doubt.c. */
struct doubt {
	bool exists;
	enum engine_doubt how;
	bool has_whole_blocks; /* or no old last block that is in doubt */
	uint32_t since;	       /* what was written in this era or later */
	uint64_t last_block;   /* the old one */
	uint64_t nr_blocks;    /* the blocks from here on are none of them */
	uint64_t *bits;	       /* or NULL */
	struct timespec until;
};

struct engine {
	struct in_flight in_flight[IN_FLIGHT_STRIPES];
	_Atomic uint32_t era;	   /* 0: nothing may be marked */
	_Atomic bool paused;	   /* new requests are held back; pause.c */
	_Atomic uint32_t draining; /* threads that wait for requests in flight */
	_Atomic int64_t begun_ms;  /* when the era began, or the engine was opened: clock_ms() */
	_Atomic uint64_t *marked;  /* one bit per data block: committed in the current era */

	char *metadata_name, *origin_name;
	unsigned tells;
	uint64_t block_bytes, origin_bytes;
	uint32_t nr_blocks;
	bool manual_digest;
	uint32_t space_wait_ms;
	int (*flush_origin)(void *origin);
	void *origin;

	uint32_t doubt_ms;

	struct turns turns;
	struct doubt doubt;
	struct blk_dev dev;
	struct era_live *live;
	int failed;		    /* 0, or why the engine is read-only */
	_Atomic bool is_unflushed;  /* a flush of the origin has failed */
	bool told_stuck;	    /* that there is no room to digest */
	unsigned uncommitted_steps; /* since the digester's last commit */

	pthread_mutex_t messages;

	pthread_mutex_t lock;
	pthread_cond_t markers_done, drained, digester_wake, digested, unpaused;
	struct pause pause;
	struct marker *gathered;
	bool leading; /* one of the markers is at a commit */
	bool digester_runs, digester_stop, digest_wanted;
	bool digests;		/* the last step was not the last there is, or another is wanted */
	uint64_t nr_digestions; /* steps so far */
	pthread_t digester;
	struct engine_figures figures;
	struct engine_stats stats;
	char last_error[ENGINE_LINE_MAX], why[ENGINE_LINE_MAX];

	struct report rep; /* keeps the last error, and passes all on to the user's */
	const struct report *user;
};

static inline void engine_lock(struct engine *e)
{
	order_take(ORDER_LOCK);
	pthread_mutex_lock(&e->lock);
}

static inline void engine_unlock(struct engine *e)
{
	pthread_mutex_unlock(&e->lock);
	order_give(ORDER_LOCK);
}

/* With the turn.  Commits, and shows the new figures, or gives up. */
int engine_commit(struct engine *e) must_check;

/* With the turn, when a change has ended with the error r, which is returned.  ERA_NO_SPACE: the
 * metadata are those of the last commit again.  Any other: read-only from here on, for the reason
 * that was reported last; requests whose blocks are marked go on. */
int engine_give_up(struct engine *e, int r) must_check;

/* Reports why nothing can be done any more; returns an error. */
int engine_refuse(struct engine *e) must_check;

/* With the turn, after a commit: takes over the status line's figures and the statistics. */
void engine_show(struct engine *e);

/* Adds to a histogram of e->stats what has begun then (clock_us()) and ends now. */
void engine_took(struct engine *e, struct histogram *h, uint64_t begin_us);

/* With the turn: the era that has been committed is the current one, and nothing is marked in
 * it. */
void engine_publish_era(struct engine *e);

/* Flushes the origin.  An error, reported, when that or any flush so far has failed.  To be called
 * without locks but `messages`. */
int engine_flush_origin(struct engine *e) must_check;
int engine_refuse_unflushed(struct engine *e) must_check;

/* With the turn, in this order at resume: what is in doubt, before the metadata are changed; marks
 * it in the era that has begun, commits, and forgets that a flush has failed; and after the era is
 * published sets the bits of what was marked. */
void engine_begin_doubt(struct engine *e, uint64_t nr_blocks);
int engine_mark_doubtful_at_resume(struct engine *e) must_check;
void engine_believe_doubtful(struct engine *e);

/* With the turn, after a rollover: marks what is in doubt still. */
int engine_mark_doubtful(struct engine *e) must_check;
void engine_forget_doubt(struct engine *e);

/* With the turn: the blocks are marked in committed metadata. */
void engine_believe(struct engine *e, uint64_t first, uint64_t end);

/* Waits until no request of eras with that parity is in flight. */
void engine_drain(struct engine *e, uint32_t parity);

bool engine_any_in_flight(struct engine *e, uint32_t parity);
uint64_t engine_nr_in_flight(struct engine *e);

/* Waits until the pause has ended. */
void engine_hold_back(struct engine *e);

/* Marks blocks first .. end - 1 together with whoever else waits. */
int engine_mark_slowly(struct engine *e, uint64_t first, uint64_t end) must_check;

bool engine_is_marked(const struct engine *e, uint64_t first, uint64_t end);

/* Word i of the bits of the current era. */
static inline uint64_t engine_marked_word(const struct engine *e, uint64_t i)
{
	return atomic_load_explicit(&e->marked[i], memory_order_relaxed);
}

/* A reader takes so many metadata blocks in a turn, so that a mark waits for no more than that. */
#define ENGINE_BLOCKS_A_TURN 32u

int engine_start_digester(struct engine *e) must_check;
void engine_stop_digester(struct engine *e);
void engine_wake_digester(struct engine *e);

/* Wakes the digester and waits for a step of it, but not long.  false when no further step helps:
 * nothing is left to digest, or there is no room to do it, or `until` has come. */
bool engine_await_digester(struct engine *e, const struct timespec *until) must_check;

#endif
