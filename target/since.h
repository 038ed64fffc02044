/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The exports since=N: block status that shows what was written in era N or later.
 *
 * Blocks that were written are always data, whatever the layer below says: a block that was
 * trimmed or zeroed has changed, too.  All others are holes; with ",zero" holes that read as
 * zeroes, for programs that skip only those.
 *
 * Connections that ask for the same N at the same time share one list; since.c says when they may.
 */
#ifndef ERA_TARGET_SINCE_H
#define ERA_TARGET_SINCE_H

#include <nbdkit-filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "target/engine/engine.h"
#include "target/view.h"

#define SINCE_PREFIX "since="

/* What was written since an era, one bit per data block.  It does not change while it has a
 * holder. */
struct since_list {
	uint64_t *bits;
	uint32_t nr_blocks;
	uint64_t block_bytes;

	uint32_t since, era; /* era: its marks are included as of `moment` */
	uint64_t moment;     /* every request marked before it is included */
	unsigned nr_holders;
	struct since_list *next;
};

struct since {
	uint32_t era;
	bool zero;
	struct since_list *list; /* NULL until one of the calls below */
};

/* Reads "since=N" or "since=N,zero".  false: it is neither. */
bool since_parse(struct since *since, const char *name) must_check;

/* Asks a running engine, in the thread that serves the connection.  Blocks from listed_from on are
 * listed, too; it depends on the era alone.  Ends when the client has gone, or the server is to
 * stop.  Returns 0, or an error, reported. */
int since_ask(struct since *since, uint64_t listed_from, struct engine *e) must_check;

/* The same from metadata without an engine. */
int since_read_view(struct since *since, uint64_t listed_from,
		    const struct target_view *view) must_check;

/* Describes bytes offset .. offset + count - 1, or as much as fits in one reply: one extent if
 * `flags` ask for one.  Returns 0, or -1 by nbdkit's convention. */
int since_extents(const struct since *since, uint64_t offset, uint64_t count, uint32_t flags,
		  struct nbdkit_extents *extents) must_check;

/* Releases the list, if there is one. */
void since_free(struct since *since);

#endif
