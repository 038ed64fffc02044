/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The requests of the control socket (target/control.h describes what a client sees of them): a
 * table of words, and for each word the call of the engine that carries it out.
 *
 * A new request is a row in the table in control_requests.c and a function that carries it out.  A
 * request that may wait for anything but the engine's lock is not BY_LOOP.  A request that pauses
 * the target and unpauses it before its reply has `pauses`, so that its thread never waits for
 * another pause: it is the thread that has to carry out the roll of that pause.
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

/* The thread that carries the request out.  Each thread handles one after the other. */
enum request_by {
	REQUEST_BY_LOOP,      /* at once: takes only the engine's lock */
	REQUEST_BY_MESSENGER, /* may wait for requests in flight, for space, for the origin */
	REQUEST_BY_DROPPER,   /* may wait for turns, and must not wait for a message */
};

struct request_kind {
	const char *word;
	bool has_number; /* a decimal number follows the word, after a space */
	enum request_by by;
	bool shares_era; /* an era that another message has begun since is an answer, too */
	bool pauses;	 /* begins a pause, but not before the last one has ended */
	/* Stores the reply, or returns an error that has been reported. */
	int (*carry_out)(struct engine *e, struct request *req);
};

struct request {
	const struct request_kind *kind;
	uint64_t number;
	_Atomic bool cancelled; /* no client waits for it any more */
	uint32_t seen_era;	/* the era that was shown when it arrived */

	char *reply;	    /* all lines, each with its newline; freed by request_free() */
	uint32_t begun_era; /* the era that it has begun, or 0 */
	uint64_t token;	    /* of the pause that it has begun, or 0 */
};

/* Parses a line without its newline.  If it is wrong, the reply says why, and kind is NULL. */
void request_parse(struct request *req, const char *line, size_t len);

/* Carries the request out; afterwards there is a reply, unless memory is exhausted.  last_error()
 * returns the text of an error. */
void request_carry_out(struct request *req, struct engine *e, const char *(*last_error)(void));

/* The same if there is no engine. */
void request_tell_passive(struct request *req, const struct control_passive *passive);

/* The reply of a message that begins an era. */
void request_reply_era(struct request *req, uint32_t era);

void request_fail(struct request *req, const char *why);

/* Frees the reply; ends the pause if no client got its token. */
void request_free(struct request *req, struct engine *e);

#endif
