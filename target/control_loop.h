/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The connections: one thread for all clients.
 *
 * The thread blocks only in poll(), and itself carries out the requests that need no waiting
 * (REQUEST_BY_LOOP), so these are always answered.  All others it passes to the queue
 * (control_queue.h).  A client has one request at a time: the next is read when the reply has been
 * sent, so replies come in the order of the requests, and a client takes no more memory than a
 * line and a reply.
 *
 * A client that has closed its connection, or shut down both directions of it, is gone, and its
 * message is dropped.  A client that has only shut down its sending direction gets its replies.
 *
 * If all places are taken, a new client replaces the one that has been idle longest.  A client
 * whose message waits is not idle, so fewer messages may wait than there are places.
 */
#ifndef ERA_TARGET_CONTROL_LOOP_H
#define ERA_TARGET_CONTROL_LOOP_H

#include "base/compiler.h"
#include "base/report.h"
#include "target/control.h"
#include "target/engine/engine.h"

struct control_loop;

/* Starts to serve the clients of `listener`, a non-blocking socket that outlives the loop. */
int control_loop_start(struct control_loop **loop, int listener, struct engine *e,
		       const struct control_passive *passive, const char *(*last_error)(void),
		       const struct report *rep) must_check;

/* Ends all messages and connections, and frees everything; NULL is legal. */
void control_loop_stop(struct control_loop *loop);

#endif
