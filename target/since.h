/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exports since=N: block status that tells what was written in era N or later.
 *
 * What was written is always data, whatever the layer below says of it: a block that was trimmed or
 * zeroed has changed, too.  The others are holes; with ",zero" holes that read as zeroes, for
 * programs that copy nothing else but skip only those.
 *
 * Connections that ask the same at the same time share one list; since.c says when they may.
 */
#ifndef ERA_TARGET_SINCE_H
#define ERA_TARGET_SINCE_H

#include <nbdkit-filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "target/engine/engine.h"
#include "target/metadata.h"

#define SINCE_PREFIX "since="

/* What was written since an era, as one bit per data block.  It does not change while anybody holds it. */
struct since_list {
	uint64_t *bits;
	uint32_t nr_blocks;
	uint64_t block_bytes;

	uint32_t since, era; /* era: whose marks it has as they were at its moment */
	uint64_t moment;     /* it has every request that was marked before */
	unsigned nr_holders;
	struct since_list *next;
};

struct since {
	uint32_t era;
	bool zero;
	struct since_list *list; /* NULL before one of the next calls */
};

/* Reads "since=N" or "since=N,zero".  false: it is neither. */
bool since_parse(struct since *since, const char *name) must_check;

/* Asks a running engine, from the thread that serves the connection.  Ends when the client has gone, or
 * the server is to stop.  0, or reported. */
int since_ask(struct since *since, struct engine *e) must_check;

/* The same of a view of metadata that others may write to, as era_view_open_dev() opens it by `flags`. */
int since_read_view(struct since *since, const struct metadata *metadata, unsigned flags) must_check;

/* Describes bytes offset .. offset + count - 1, or as much as one reply has of them: one extent when `flags`
 * ask for one.  0, or -1 as nbdkit wants it. */
int since_extents(const struct since *since, uint64_t offset, uint64_t count, uint32_t flags,
		  struct nbdkit_extents *extents) must_check;

/* Gives the list back, if there is one. */
void since_free(struct since *since);

#endif
