/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * An origin that has grown while its target is active.
 *
 * A table of the new size would do, but the kernel gives the new blocks era 0, and no list would
 * have them.  So they are marked first, as if the target were stopped: while it is suspended, since
 * then its metadata are those of a stopped target, and a table that is loaded now reads them anew.
 *
 * If this is stopped before the table is loaded, the target goes on with what it has in memory: the
 * metadata as they were, whose blocks are all still there, since marking takes free ones.  That it
 * does so in one commit needs room, which is looked for first.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "build/size.h"
#include "dm/era.h"
#include "dm/suspend.h"
#include "era_setup/discards.h"
#include "era_setup/origin.h"
#include "era_setup/setup.h"
#include "era_setup/state.h"
#include "live/marking.h"

void growth_say(const struct setup *s, const struct tracked *t, uint32_t old, uint32_t nr)
{
	setup_say(s,
		  "%s: has grown from %" PRIu32 " to %" PRIu32
		  " blocks; the new ones count as written",
		  t->origin, old, nr);
}

void growth_choose(uint64_t *bits, uint32_t old, uint32_t nr)
{
	uint32_t first = old ? old - 1 : 0;

	if (first < nr)
		bits_set_range(bits, first, nr - first);
}

struct growth {
	struct setup *s;
	const struct tracked *t;
	const char *name;
	struct era_table table; /* as it is */
	uint64_t tracked;	/* sectors whose blocks have been marked if they are new */
	uint64_t sectors;	/* of the origin */
	uint32_t old_blocks, nr_blocks;
	struct blk_dev dev; /* of the metadata */
	struct state_place place;
	struct state state;
	bool has_state;
	uint64_t *bits; /* the blocks that count as written */
};

static int find_size(struct growth *g)
{
	int fd = mapper_open_device(g->s->mapper, g->table.origin, O_RDONLY);
	struct origin origin = {.fd = fd};
	int r = fd < 0 ? fd : origin_find_size(&origin, g->t->origin, g->s->rep);

	if (!r)
		r = origin_count_blocks(&origin, g->t->origin, g->table.block_sectors,
					&g->nr_blocks, g->s->rep);
	g->sectors = origin.sectors;
	origin_close(&origin);
	return r;
}

static int refuse_smaller(const struct growth *g)
{
	if (g->sectors >= g->table.sectors)
		return 0;
	return report_fail(
		g->s->rep, ERA_SYS,
		"%s: has %" PRIu64 " sectors, and the target %" PRIu64
		": what lies behind its end fails now; deactivate %s, and resize it then",
		g->t->origin, g->sectors, g->table.sectors, g->name);
}

static int refuse_full(const struct growth *g)
{
	struct era_status status;
	int r = era_device_status(g->s->mapper, g->name, &status);
	uint64_t needed;

	if (!r)
		r = era_wants_eras(g->s->mapper, g->name, status.era);
	if (r)
		return r;
	needed = era_size_with_spare(status.nr_used, g->nr_blocks);
	if (needed <= status.nr_total)
		return 0;
	return report_fail(g->s->rep, ERA_SYS,
			   "%s: has %" PRIu64 " metadata blocks, wanted %" PRIu64
			   " for an origin of this size: deactivate %s, and move its metadata to a "
			   "larger device",
			   g->t->metadata, status.nr_total, needed, g->name);
}

/* Of a size that the target got from others the new blocks have not been marked yet. */
static int read_state(struct growth *g)
{
	int r = state_find_by_dev(&g->dev, g->name, &g->place);

	if (r)
		return r;
	r = state_read(&g->place, &g->state);
	g->has_state = r > 0;
	g->tracked = g->table.sectors;
	if (g->has_state)
		g->tracked = min_u64(g->tracked, g->state.sectors);
	g->old_blocks = (uint32_t)div_up(g->tracked, g->table.block_sectors);
	return r < 0 ? r : 0;
}

static int choose_marks(struct growth *g)
{
	g->bits = bits_alloc(g->nr_blocks);
	if (!g->bits)
		return report_nomem(g->s->rep);
	growth_choose(g->bits, g->old_blocks, g->nr_blocks);
	return 0;
}

static int mark_and_load(struct mapper *m, const char *name, void *ctx)
{
	struct growth *g = ctx;
	char params[ERA_TABLE_PARAMS];
	struct mapper_target target = {0, g->sectors, "era", params};
	const struct mapper_table table = {.nr = 1, .targets = &target};
	uint32_t era;

	era_table_format(&g->table, params);
	g->dev.rep = NULL;
	if (era_mark_resized(&g->dev, g->nr_blocks, g->bits, 0, &era))
		return EIO;
	return suspended_load(m, name, &table);
}

/* If this fails, the new blocks are marked once more when the target starts again. */
static int remember_size(struct growth *g)
{
	g->state.sectors = g->sectors;
	g->state.nr_blocks = g->nr_blocks;
	return g->has_state ? state_write(&g->place, &g->state) : 0;
}

static int grow(struct growth *g)
{
	const struct suspension suspension = {.name = g->name, .work = mark_and_load, .ctx = g};
	struct held_discards held = {0};
	int r = choose_marks(g);

	if (!g->t->entry->pass_discards)
		discards_hold(g->table.origin, &held);
	if (!r)
		r = mapper_while_suspended(g->s->mapper, &suspension);
	free(g->bits);
	if (!r)
		r = setup_keep_discards_off(g->s, g->t);
	discards_release(&held, g->name, g->s->rep);
	if (r)
		return r;
	g->s->nr_marked = g->nr_blocks - g->old_blocks;
	return remember_size(g);
}

static int grow_device(struct growth *g)
{
	int r = read_state(g);

	if (r)
		return r;
	if (g->sectors == g->tracked) {
		tool_say(g->s->tool, "%s: has the size of its origin", g->name);
		return 0;
	}
	growth_say(g->s, g->t, g->old_blocks, g->nr_blocks);
	return g->s->options->dry_run ? 0 : grow(g);
}

int setup_grow(struct setup *s, const struct tracked *t)
{
	struct growth g = {.s = s, .t = t, .name = t->entry->name};
	int r = era_device_table(s->mapper, g.name, &g.table);

	if (!r)
		r = find_size(&g);
	if (!r)
		r = refuse_smaller(&g);
	if (!r)
		r = refuse_full(&g);
	if (!r)
		r = blk_dev_open(&g.dev, t->metadata, BLK_WRITE_SHARED, s->rep);
	if (r)
		return r;
	r = grow_device(&g);
	blk_dev_close(&g.dev);
	return r;
}
