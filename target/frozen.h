/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The exports "frozen" and "frozen,since=N": the device as it was at one moment, while it is
 * written.
 *
 * frozen_freeze() chooses the moment.  From then on old contents are copied to a file of the
 * filter's own before they change, and frozen connections read them there.  A server has at most
 * one moment, so there is one object, and it needs no name.
 *
 * If the file is full, or anything else fails, the frozen exports fail from then on, and changes
 * continue.
 */
#ifndef ERA_TARGET_FROZEN_H
#define ERA_TARGET_FROZEN_H

#include <nbdkit-filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "target/engine/engine.h"

#define FROZEN_NAME "frozen"

/* The layer below, through the connection that a request has come from.  As nbdkit's functions. */
struct frozen_below {
	int (*pread)(void *conn, void *buf, uint32_t count, uint64_t offset, int *err);
	int (*extents)(void *conn, uint32_t count, uint64_t offset, uint32_t flags,
		       struct nbdkit_extents *extents, int *err);
	void *conn;
};

/* Creates the file (target/cow.h); to be called before the fork.  Without this call nothing can be
 * frozen.  Returns 0, or an error, reported. */
int frozen_open(const char *path) must_check;

/* To be called after the engine has resumed.  is_multi_conn: all connections below see what one
 * has written. */
void frozen_start(struct engine *e, bool is_multi_conn);

/* To be called when no connection is left. */
void frozen_close(void);

/* The messages; any thread.  *era: the one that begins at the moment; what was written before is
 * frozen, what is written later is listed since *era.  0, or an enum era_err, reported. */
int frozen_freeze(uint32_t *era) must_check;
int frozen_thaw(void) must_check;

/* The era that began at the moment; 0 if nothing is frozen. */
uint32_t frozen_era(void);

/* To be called before a change that has been marked is passed down: returns when the contents that
 * it will overwrite have been copied.  It never fails: instead, the frozen exports do. */
void frozen_keep(const struct frozen_below *below, uint32_t count, uint64_t offset);

/* A frozen connection: it belongs to one moment, and fails after that has been thawed. */
struct frozen {
	uint64_t generation;
	uint32_t era;
	atomic_bool has_told; /* the reason has been logged */
};

/* Returns 0, or -1, reported, if nothing is frozen. */
int frozen_attach(struct frozen *x) must_check;

/* Requests, with nbdkit's conventions. */
int frozen_pread(struct frozen *x, const struct frozen_below *below, void *buf, uint32_t count,
		 uint64_t offset, int *err) must_check;
int frozen_extents(struct frozen *x, const struct frozen_below *below, uint32_t count,
		   uint64_t offset, uint32_t flags, struct nbdkit_extents *extents,
		   int *err) must_check;

#endif
