/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The requests that the control socket knows (target/control.h tells what a client sees of them):
 * a table of words, and for each the call of the engine that carries it out.
 *
 * A new request is a row in the table of control_requests.c and a function that carries it out.
 * One that may wait for anything but the engine's lock is not BY_LOOP.  One that pauses the target
 * and unpauses it before it answers has `pauses`, so that it never waits for somebody else's pause
 * in the thread that has to carry out the roll which that pause is for.
 */
#ifndef ERA_TARGET_CONTROL_REQUESTS_H
#define ERA_TARGET_CONTROL_REQUESTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "target/control.h"
#include "target/engine/engine.h"

struct request;

/* Which thread carries it out.  Each of them does one after the other. */
enum request_by {
	REQUEST_BY_LOOP,      /* at once: takes nothing but the engine's lock */
	REQUEST_BY_MESSENGER, /* may wait for requests in flight, for room, for the origin */
	REQUEST_BY_DROPPER,   /* may wait for a turn, and must not wait for a message */
};

struct request_kind {
	const char *word;
	bool has_number; /* a decimal number follows the word, after a space */
	enum request_by by;
	bool shares_era; /* an era that another message has begun since answers it, too */
	bool pauses;     /* begins a pause: not before the last one has ended */
	/* Puts down the reply, or returns an error that has been reported. */
	int (*carry_out)(struct engine *e, struct request *req);
};

struct request {
	const struct request_kind *kind;
	uint64_t number;
	_Atomic bool cancelled; /* nobody waits for it any more */
	uint32_t seen_era;      /* the era that was shown when it came */

	char *reply;        /* all lines, each with its newline; freed by request_free() */
	uint32_t begun_era; /* the era that it has begun, or 0 */
	uint64_t token;     /* of the pause that it has begun, or 0 */
};

/* Reads a line without its newline; what is wrong with it is the reply then, and kind is NULL. */
void request_parse(struct request *req, const char *line, size_t len);

/* Carries it out; there is a reply then, or the memory has run out.  The text of an error is
 * last_error()'s. */
void request_carry_out(struct request *req, struct engine *e, const char *(*last_error)(void));

/* The same where there is no engine. */
void request_tell_passive(struct request *req, const struct control_passive *passive);

/* The reply of a message that begins an era. */
void request_reply_era(struct request *req, uint32_t era);

void request_fail(struct request *req, const char *why);

/* Frees the reply; ends the pause that nobody has the token of. */
void request_free(struct request *req, struct engine *e);

#endif
