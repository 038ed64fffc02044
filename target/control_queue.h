/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages that may wait, and the two threads that carry them out: one for drop_metadata_snap, which
 * must get through whatever the others wait for, and one for all others.
 *
 * A message that begins an era answers every other one that wants an era (`shares_era`) and came
 * before a request can have been marked in that era: when it came, an older era was still shown
 * (engine_era()).  So the writes that were done before it came belong to eras before the one in its
 * reply, as if it had been carried out alone.
 *
 * A message that nobody waits for any more is dropped: if it has not begun it never will; if it has,
 * and no other shares it, it is told to end its waiting for room (`cancelled`).
 *
 * A message that pauses waits in the queue, and not in its thread, until the pause before it has
 * ended: the roll that this one is for must pass it.
 */
#ifndef ERA_TARGET_CONTROL_QUEUE_H
#define ERA_TARGET_CONTROL_QUEUE_H

#include "base/compiler.h"
#include "base/report.h"
#include "target/control_requests.h"

struct control_queue;

enum message_state {
	MESSAGE_WAITS,
	MESSAGE_BEGUN,
	MESSAGE_DONE,
};

struct message {
	struct request req;
	enum message_state state; /* the queue's, as all that follows */
	bool is_wanted;           /* somebody waits for its reply */
	struct message *next;
};

/* wake(ctx) is called by any thread when a message is done; it must not call back. */
struct control_queue_config {
	struct engine *engine;
	const char *(*last_error)(void);
	void (*wake)(void *ctx);
	void *ctx;
	const struct report *rep;
};

/* Starts the threads. */
int control_queue_start(struct control_queue **queue, const struct control_queue_config *config)
	must_check;

/* From here until control_queue_take() or control_queue_drop() it is the queue's. */
void control_queue_add(struct control_queue *q, struct message *m);

/* Is it done?  Then it is the caller's again, and not the queue's any more. */
bool control_queue_take(struct control_queue *q, struct message *m) must_check;

/* Nobody waits for its reply; the queue frees it. */
void control_queue_drop(struct control_queue *q, struct message *m);

/* Ends the threads: what waits fails, what has begun is cancelled and waited for.  Then all is done,
 * and so is what is added later. */
void control_queue_stop(struct control_queue *q);

/* After a stop and after all messages have been taken or dropped; NULL is legal. */
void control_queue_free(struct control_queue *q);

#endif
