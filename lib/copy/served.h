/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A disk that an NBD server has, through libnbd, which is loaded when it is needed: so a program
 * that is built with it runs without it.
 *
 * Several threads read at once, over as many connections: a server that does not say that these see
 * the same has only one.
 */
#ifndef ERA_COPY_SERVED_H
#define ERA_COPY_SERVED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

struct served;

/* A server that sends nothing for so long while it is waited for has failed: ETIMEDOUT.  The wait
 * ends within a second, with ECANCELED, when *cancelled is not 0, which a signal handler may set;
 * cancelled may be NULL. */
struct served_patience {
	uint32_t silent_s;
	const volatile sig_atomic_t *cancelled;
};

struct served_facts {
	uint64_t size; /* bytes */
	/* A target in userspace describes its exports: this is the disk as it was when that era
	 * began.  0: nothing says that it is not the disk as it is now. */
	uint32_t frozen_era;
};

/* Opens the disk that the URI names, which is the caller's.  An export of a target in userspace
 * that is no image of its disk is refused.  Errors are reported, but for ERA_CANCELLED; without
 * libnbd there is nothing else. */
int served_open(struct served **out, const char *uri, const struct served_patience *patience,
		struct served_facts *facts, const struct report *rep) must_check;

/* Ends the connections.  NULL is legal. */
void served_close(struct served *served);

/* Reads what is inside the size.  Returns 0 or a positive errno; may be called by several threads.
 * When the patience of one has ended, that of all has. */
int served_read(struct served *served, void *data, size_t len, uint64_t at) must_check;

/* The version of libnbd, or NULL if there is none; the text is kept in `text`. */
const char *served_version(char text[64]);

#endif
