/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: messages and questions to the engine, a line each, and a line in reply, or
 * where that is said several with an empty one at their end.
 *
 * Request, in upper or lower case       reply
 *	status, table                    the line of engine_status(), engine_table()
 *	checkpoint, take_metadata_snap   the era that has begun
 *	drop_metadata_snap               "ok"
 *	pause MS                         a token: engine_pause() for so many milliseconds
 *	roll TOKEN                       the era that has begun during that pause
 *	unpause TOKEN                    "ok"
 *	stats                            a name, a space and a number a line, then an empty line
 *	metrics                          the same for Prometheus, then an empty line
 *	freeze                           the era that begins: frozen_freeze()
 *	thaw                             "ok"
 * A pause ends, too, when the client that got its token closes the connection.
 *
 * What fails is answered with "Error: " and why; a status may begin so, too.  Requests of one client
 * are answered in their order.
 *
 * It has three parts: the socket (control_socket.h), the conversations (control_loop.h) with the
 * messages that wait (control_queue.h), and the requests (control_requests.h).
 */
#ifndef ERA_TARGET_CONTROL_H
#define ERA_TARGET_CONTROL_H

#include "base/compiler.h"
#include "base/report.h"
#include "target/engine/engine.h"

struct control;

#define CONTROL_MAX_CLIENTS 256u
#define CONTROL_MAX_MESSAGES 192u /* that wait at a time */
#define CONTROL_REQUEST_MAX 64u   /* bytes of a line, without its newline */
#define CONTROL_REQUEST_MAX_TEXT "64"
#define CONTROL_MAX_PAUSE_MS 60000u
#define CONTROL_MAX_PAUSE_MS_TEXT "60000"

/* Binds a socket at path, for its owner alone.  A socket that nobody answers on is replaced; whatever
 * else is there is refused.  Clients that connect wait from now on.  Errors are reported to rep, which
 * must outlive *control. */
int control_open(struct control **control, const char *path, const struct report *rep) must_check;

/* The answers of a server that begins no era, and refuses all else: its metadata do not change. */
struct control_passive {
	char status[ENGINE_LINE_MAX], table[ENGINE_LINE_MAX];
};

/* Starts answering: for e, or where that is NULL from passive, which must outlive *control.  What an
 * engine's call reports is taken from last_error(). */
int control_start(struct control *control, struct engine *e, const struct control_passive *passive,
		  const char *(*last_error)(void)) must_check;

/* Ends all conversations, removes the socket and frees all; NULL is legal.  Messages that wait fail;
 * one that is under way waits for room no longer, and is waited for. */
void control_close(struct control *control);

#endif
