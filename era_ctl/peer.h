/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A target at the other end of its control socket. */
#ifndef ERA_CTL_PEER_H
#define ERA_CTL_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

#define PEER_REPLY_MAX 65536

struct peer {
	const char *path;
	const struct report *rep;
	int fd;
	uint32_t timeout_s;
	int64_t deadline; /* milliseconds; -1: there is none */
	size_t len;
	char reply[PEER_REPLY_MAX]; /* the last one's lines, without the last newline */
};

/* timeout_s: for all that is done with it, from now; 0: as long as it takes.  Errors of all calls are
 * reported to rep.  Also after one peer_close() is to be called. */
int peer_open(struct peer *peer, const char *path, uint32_t timeout_s, const struct report *rep)
	must_check;

/* Sends a line. */
int peer_send(struct peer *peer, const char *request) must_check;

/* Waits for the reply: a line, or with `lines` all up to an empty one, which is left out. */
int peer_receive(struct peer *peer, bool lines) must_check;

/* Does the reply say that something is wrong? */
bool peer_refused(const struct peer *peer);

/* Prints it, line by line.  `as_it_is`: without escaping what is plain text already, for programs. */
void peer_print(struct peer *peer, bool as_it_is);

/* What the target has not done yet it will not do. */
void peer_close(struct peer *peer);

#endif
