/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The control socket: messages to the engine and questions about it.  A request is one line, and
 * so is a reply, except where several are mentioned, which end with an empty line.
 *
 * Request, in upper or lower case       reply
 *	status, table                    the line of engine_status(), engine_table()
 *	checkpoint, take_metadata_snap   the era that has begun
 *	drop_metadata_snap               "ok"
 *	pause MS                         a token: engine_pause() for MS milliseconds
 *	roll TOKEN                       the era that has begun during that pause
 *	unpause TOKEN                    "ok"
 *	stats                            one name, space and number per line, then an empty line
 *	metrics                          the same for Prometheus, then an empty line
 *	witness                          a witness of the metadata as they are, in hexadecimal
 *	freeze                           the era that begins: frozen_freeze()
 *	thaw                             "ok"
 * A pause also ends when the client that got its token closes the connection.
 *
 * A failure is answered with "Error: " and the reason; a status may begin like this, too.  The
 * requests of one client are answered in order.
 *
 * There are three parts: the socket (control_socket.h), the connections (control_loop.h) with the
 * messages that wait (control_queue.h), and the requests (control_requests.h).
 */
#ifndef ERA_TARGET_CONTROL_H
#define ERA_TARGET_CONTROL_H

#include "base/compiler.h"
#include "base/report.h"
#include "target/engine/engine.h"

struct control;

#define CONTROL_MAX_CLIENTS 256u
#define CONTROL_MAX_MESSAGES 192u /* waiting at the same time */
#define CONTROL_REQUEST_MAX 64u	  /* bytes of a line, without its newline */
#define CONTROL_REQUEST_MAX_TEXT "64"
#define CONTROL_MAX_PAUSE_MS 60000u
#define CONTROL_MAX_PAUSE_MS_TEXT "60000"

/* Binds a socket at path, which only its owner can access.  A socket without a listener is
 * replaced; anything else at path is refused.  Clients that connect wait from now on.  Errors are
 * reported to rep, which must outlive *control. */
int control_open(struct control **control, const char *path, const struct report *rep) must_check;

/* The replies of a server that begins no era, and refuses all other requests: its metadata do not
 * change. */
struct control_passive {
	char status[ENGINE_LINE_MAX], table[ENGINE_LINE_MAX];
};

/* Starts to answer: for e, or, if that is NULL, from passive, which must outlive *control.
 * last_error() returns what a call of the engine has reported. */
int control_start(struct control *control, struct engine *e, const struct control_passive *passive,
		  const char *(*last_error)(void)) must_check;

/* Closes all connections, removes the socket and frees everything; NULL is legal.  Messages that
 * wait fail.  A message that has begun no longer waits for space, and is waited for. */
void control_close(struct control *control);

#endif
