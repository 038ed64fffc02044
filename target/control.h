/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: messages and questions to the engine, a line each, and a line in reply.
 *
 * Request, in upper or lower case       reply
 *	status, table                    the line of engine_status(), engine_table()
 *	checkpoint, take_metadata_snap   the era that has begun
 *	drop_metadata_snap               "ok"
 * What fails is answered with "Error: " and why; a status may begin so, too.
 */
#ifndef ERA_TARGET_CONTROL_H
#define ERA_TARGET_CONTROL_H

#include "base/compiler.h"
#include "base/report.h"
#include "target/engine/engine.h"

struct control;

/* Binds a socket at path, for its owner alone.  A socket that nobody answers on is replaced; whatever
 * else is there is refused.  To be called before there are threads, since it changes the umask for a
 * moment.  Clients that connect wait from now on.  Errors are reported to rep, which must outlive
 * *control. */
int control_open(struct control **control, const char *path, const struct report *rep) must_check;

/* Starts answering.  What an engine's call reports is taken from last_error(). */
int control_start(struct control *control, struct engine *e, const char *(*last_error)(void))
	must_check;

/* Ends all conversations, removes the socket and frees all; NULL is legal.  A message that is under
 * way is waited for. */
void control_close(struct control *control);

#endif
