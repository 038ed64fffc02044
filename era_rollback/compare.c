/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Does a cache hold what its origin has?
 *
 * Of a cache that nobody has seen stop its metadata do not tell, in no mode.  A write that was in
 * flight may have reached the cache alone, before the era device has marked anything.  And after a
 * crash the kernel takes all blocks for dirty: what is then written to one goes to the cache alone,
 * in writethrough mode, too, and when that crashes again, nothing shows it.  So both are read.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "block/dev.h"
#include "era_backup/cancel.h"
#include "era_rollback/rollback.h"

struct comparison {
	struct rollback *r;
	int cache, origin;
	uint64_t block_size, done, total;
	void *of_cache, *of_origin; /* a piece each */
};

static int open_both(struct comparison *c)
{
	struct rollback *r = c->r;

	c->of_cache = blk_alloc(PIECE_BLOCKS);
	c->of_origin = blk_alloc(PIECE_BLOCKS);
	if (!c->of_cache || !c->of_origin)
		return report_nomem(r->rep);
	c->cache = mapper_open_device(r->mapper, r->cache_table.cache, O_RDONLY | O_DIRECT);
	if (c->cache < 0)
		return ERA_SYS;
	c->origin = mapper_open_device(r->mapper, r->era_table.origin, O_RDONLY | O_DIRECT);
	return c->origin < 0 ? ERA_SYS : 0;
}

int comparison_open(struct rollback *r, uint64_t nr_mapped, struct comparison **out)
{
	struct comparison *c = calloc(1, sizeof(*c));
	int e;

	if (!c)
		return report_nomem(r->rep);
	*c = (struct comparison){.r = r, .cache = -1, .origin = -1};
	c->block_size = (uint64_t)r->cache_table.block_sectors * 512;
	c->total = nr_mapped * c->block_size;
	e = open_both(c);
	if (e)
		comparison_close(c);
	else
		*out = c;
	return e;
}

void comparison_close(struct comparison *c)
{
	if (!c)
		return;
	if (c->cache >= 0)
		close(c->cache);
	if (c->origin >= 0)
		close(c->origin);
	free(c->of_cache);
	free(c->of_origin);
	free(c);
}

static int read_piece(const struct comparison *c, int fd, const char *what, void *to, size_t len,
		      uint64_t at)
{
	ssize_t nr = pread(fd, to, len, (off_t)at);

	if (nr < 0)
		return report_errno(c->r->rep, what, "cannot read");
	if ((size_t)nr != len)
		return report_fail(c->r->rep, ERA_DAMAGED, "%s: too short: found no byte %" PRIu64,
				   what, at + (uint64_t)nr);
	return 0;
}

int comparison_ask(struct comparison *c, const struct cache_mapping *mapping, bool *same)
{
	uint64_t in_cache = mapping->cache_block * c->block_size;
	uint64_t in_origin = mapping->origin_block * c->block_size;
	int e = cancel_noted ? ERA_CANCELLED : 0;

	*same = true;
	for (uint64_t at = 0; at < c->block_size && *same && !e; at += PIECE_BYTES) {
		size_t len = (size_t)min_u64(PIECE_BYTES, c->block_size - at);

		e = read_piece(c, c->cache, "the cache's data", c->of_cache, len, in_cache + at);
		if (!e)
			e = read_piece(c, c->origin, "the origin", c->of_origin, len,
				       in_origin + at);
		*same = !e && !memcmp(c->of_cache, c->of_origin, len);
	}
	c->done += c->block_size;
	report_progress(c->r->rep, PROGRESS_COMPARE, c->done, c->total);
	return e;
}
