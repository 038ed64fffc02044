/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A target, seen through its control socket. */
#ifndef ERA_CTL_PEER_H
#define ERA_CTL_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

#define PEER_REPLY_MAX 135168

struct peer {
	const char *path;
	const struct report *rep;
	int fd;
	uint32_t timeout_s;
	int64_t deadline; /* milliseconds; -1: none */
	size_t len;
	char reply[PEER_REPLY_MAX]; /* the lines of the last reply, without the last newline */
};

/* timeout_s: for everything that is done with the peer, from now on; 0: no limit.  All calls
 * report errors to rep.  peer_close() must be called even after a failure. */
int peer_open(struct peer *peer, const char *path, uint32_t timeout_s,
	      const struct report *rep) must_check;

/* Sends a line. */
int peer_send(struct peer *peer, const char *request) must_check;

/* Waits for the reply: one line, or with `lines` all lines up to an empty one, which is left
 * out. */
int peer_receive(struct peer *peer, bool lines) must_check;

/* Does the reply report an error? */
bool peer_refused(const struct peer *peer);

/* Prints the reply, line by line.  `as_it_is`: without escaping what is plain text already, for
 * programs. */
void peer_print(struct peer *peer, bool as_it_is);

/* Closes the connection: what the target has not begun it will not do. */
void peer_close(struct peer *peer);

#endif
