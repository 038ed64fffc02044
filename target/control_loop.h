/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The conversations: one thread for all clients.
 *
 * It never waits but in poll(), and carries out itself what needs no waiting (REQUEST_BY_LOOP); so
 * these requests are always answered.  All others it gives to the queue (control_queue.h).  A client
 * has one request under way at a time: the next is read when the reply has been sent, so replies
 * come in the order of the requests, and a client costs no more than a line and a reply.
 *
 * A client that has closed its connection, or shut down both directions of it, is gone, and its message
 * is dropped.  One that only sends no more gets its replies.
 *
 * Where all places are taken, whoever comes next takes that of the client that has been idle for
 * longest.  Clients whose message waits are not idle; so fewer messages may wait than there are places.
 */
#ifndef ERA_TARGET_CONTROL_LOOP_H
#define ERA_TARGET_CONTROL_LOOP_H

#include "base/compiler.h"
#include "base/report.h"
#include "target/control.h"
#include "target/engine/engine.h"

struct control_loop;

/* Starts to serve the clients of `listener`, a socket that doesn't block and outlives the loop. */
int control_loop_start(struct control_loop **loop, int listener, struct engine *e,
		       const struct control_passive *passive, const char *(*last_error)(void), const struct report *rep) must_check;

/* Ends all messages and conversations, and frees all; NULL is legal. */
void control_loop_stop(struct control_loop *loop);

#endif
