/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Messages that may wait, and the two threads that carry them out: one for drop_metadata_snap,
 * which must get through whatever the others wait for, and for witness, which may take long and
 * must not keep the others waiting; and one for all others.
 *
 * A message that begins an era also answers every other message that wants an era (`shares_era`)
 * and arrived before a request can have been marked in that era, that is, while an older era was
 * still shown (engine_era()).  So the writes that were done before that message arrived belong to
 * eras before the one in its reply, as if it had been carried out alone.
 *
 * A message whose client is gone is dropped: if it has not begun it never will; if it has, and no
 * other message shares it, it is told to stop waiting for space (`cancelled`).
 *
 * A message that pauses waits in the queue, and not in its thread, until the pause before it has
 * ended: the roll for that earlier pause must be able to pass it.
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
	enum message_state state; /* belongs to the queue, as do the fields below */
	bool is_wanted;		  /* a client waits for its reply */
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
int control_queue_start(struct control_queue **queue,
			const struct control_queue_config *config) must_check;

/* Until control_queue_take() or control_queue_drop() the message belongs to the queue. */
void control_queue_add(struct control_queue *q, struct message *m);

/* Is the message done?  Then it belongs to the caller again. */
bool control_queue_take(struct control_queue *q, struct message *m) must_check;

/* To be called when no client waits for the reply; the queue frees the message. */
void control_queue_drop(struct control_queue *q, struct message *m);

/* Ends the threads: messages that wait fail, those that have begun are cancelled and waited for.
 * Then all messages are done, and so are any that are added later. */
void control_queue_stop(struct control_queue *q);

/* After a stop and after all messages have been taken or dropped; NULL is legal. */
void control_queue_free(struct control_queue *q);

#endif
