/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata on another device.
 *
 * Those on the old device stay whole until the table names the new one, so a stop at any point
 * leaves a table whose metadata are complete.
 */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "block/dev.h"
#include "build/build.h"
#include "build/size.h"
#include "build/written.h"
#include "era_setup/device_name.h"
#include "era_setup/origin.h"
#include "era_setup/setup.h"
#include "era_setup/state.h"
#include "metadata/state_room.h"
#include "metadata/stream.h"
#include "open/open.h"
#include "metadata/untracked_mark.h"
#include "salvage/first_era.h"
#include "tools/human.h"

struct move {
	struct setup *s;
	struct tracked t; /* the old one */
	struct eratab_entry entry;
	char to[PATH_MAX];
	uint32_t nr_blocks; /* that there is to be room for */
	bool was_untracked;
	struct superblock sb;
	struct state state;
};

static int too_small(const struct setup *s, const struct blk_dev *dev, uint64_t needed)
{
	char size[HUMAN_SIZE_BYTES];

	return report_fail(s->rep, ERA_SYS,
			   "%s: has %" PRIu64 " metadata blocks, wanted %" PRIu64
			   " for this origin and blocks of this size: use a device of %s or more, "
			   "or larger blocks",
			   dev->path, dev->nr_blocks, needed,
			   human_size(needed * META_BYTES, size));
}

int setup_fit(const struct setup *s, const struct blk_dev *dev, uint32_t nr_blocks)
{
	uint64_t needed = era_size_recommended(nr_blocks);

	return dev->nr_blocks < needed ? too_small(s, dev, needed + STATE_ROOM_BLOCKS) : 0;
}

/* What a copy would lose. */
static int refuse_view(const struct move *m)
{
	if (m->sb.current_root)
		return report_fail(
			m->s->rep, ERA_SYS,
			"%s: the target was not stopped: activate and deactivate %s first",
			m->t.metadata, m->t.entry->name);
	if (m->sb.metadata_snap)
		return report_fail(
			m->s->rep, ERA_SYS,
			"%s: holds a metadata snapshot, which would be lost: drop it first",
			m->t.metadata);
	return 0;
}

/* What was written while the device was untracked is in none of the eras there are. */
static int write_all(const struct move *m, struct era_build *build)
{
	const struct era_header header = {m->sb.data_block_size, m->sb.nr_blocks,
					  first_era_of_unknown(m->sb.current_era)};

	return era_build_feed_written(build, &header, m->s->rep);
}

static int feed(const struct move *m, struct era_view *view, struct era_build *build)
{
	const struct era_stream to = era_build_stream(build);
	struct era_losses losses = {0, 0};

	return m->was_untracked ? write_all(m, build) : era_stream_view(view, &to, &losses);
}

static int copy(struct move *m, struct era_view *view, struct era_build *build)
{
	int r = setup_fit(m->s, era_build_dev(build), m->nr_blocks);

	if (!r)
		setup_say(m->s, "%s: the metadata of %s are copied to it from %s", m->to,
			  m->t.entry->name, m->t.metadata);
	if (!r && m->was_untracked)
		setup_say(m->s, "%s: was there without its target: all blocks count as written",
			  m->t.entry->name);
	if (r || m->s->options->dry_run)
		return r;
	r = feed(m, view, build);
	if (!r)
		r = era_build_commit(build);
	return r ? r : untracked_mark_clear(era_build_dev(build));
}

static int find_mark(struct move *m, struct blk_dev *from)
{
	char since[UNTRACKED_SINCE_BYTES];
	int r = untracked_mark_read(from, since);

	m->was_untracked |= r > 0;
	return r < 0 ? r : 0;
}

static int copy_metadata(struct move *m, struct blk_dev *from)
{
	const unsigned flags = ERA_BUILD_KEEP_SOUND | ERA_BUILD_RECOMMENDED |
			       (m->s->options->force ? ERA_BUILD_FORCE : 0);
	struct era_build *build;
	struct era_view *view;
	struct blk_dev dup;
	int r = find_mark(m, from);

	if (!r)
		r = blk_dev_dup(from, &dup);
	if (!r)
		r = era_view_open_dev(&view, &dup, ERA_VIEW_WHOLE);
	if (r)
		return r;
	m->sb = *era_view_sb(view);
	m->nr_blocks = (uint32_t)max_u64(m->nr_blocks, m->sb.nr_blocks);
	r = refuse_view(m);
	if (!r)
		r = era_build_open(&build, m->to, flags, m->s->rep);
	if (!r) {
		r = copy(m, view, build);
		era_build_close(build);
	}
	era_view_close(view);
	return r;
}

static int write_state(struct move *m, struct blk_dev *from, struct blk_dev *to)
{
	struct state_place old = state_find(from, &m->sb, m->t.entry->name), new;
	struct superblock sb;
	struct problem problem;
	struct state there;
	int has, r = superblock_read(to, 0, BLOCK_SUPERBLOCK, &sb, &problem);

	if (r)
		return report_fail(m->s->rep, r, "%s: is not what was written", m->to);
	new = state_find(to, &sb, m->t.entry->name);
	has = state_read(&old, &m->state);
	r = has < 0 ? has : state_read(&new, &there);
	if (r < 0)
		return r;
	if (!has)
		return state_forget(&new);
	m->state.sequence = max_u64(m->state.sequence, there.sequence);
	return state_write(&new, &m->state);
}

static int copy_state(struct move *m, struct blk_dev *from)
{
	struct blk_dev to;
	int r = blk_dev_open(&to, m->to, BLK_WRITE, m->s->rep);

	if (r)
		return r;
	r = write_state(m, from, &to);
	blk_dev_close(&to);
	return r;
}

/* The table, then the end of the old metadata. */
static int change_over(const struct move *m, struct blk_dev *from)
{
	const struct untracked device = tracked_untracked(&m->t);
	int r = eratab_put(m->s->options->eratab, &m->entry, m->s->rep);

	if (!r)
		r = superblock_invalidate(from, m->sb.rest);
	if (!r && m->was_untracked)
		untracked_forget(&device, m->s->rep);
	return r;
}

static int move(struct move *m)
{
	struct blk_dev from;
	int r = blk_dev_open(&from, m->t.metadata, BLK_WRITE, m->s->rep);

	if (r)
		return r;
	r = copy_metadata(m, &from);
	if (!r && !m->s->options->dry_run)
		r = copy_state(m, &from);
	if (!r && !m->s->options->dry_run)
		r = change_over(m, &from);
	blk_dev_close(&from);
	return r;
}

/* The target can't start while its origin is held. */
static int move_stopped(struct move *m)
{
	struct origin origin;
	int r = origin_open(&origin, m->t.origin, m->s->rep);

	if (!r)
		r = origin_count_blocks(&origin, m->t.origin, m->entry.block_sectors, &m->nr_blocks,
					m->s->rep);
	if (!r)
		r = move(m);
	origin_close(&origin);
	return r;
}

static int refuse_target(const struct move *m)
{
	const char *what, *why = eratab_refuse(&m->entry, &what);
	const char *other = eratab_find_device(&m->s->tab, m->entry.metadata);

	if (why)
		return report_fail(m->s->rep, ERA_SYS, "%s: %s", what, why);
	if (other)
		return report_fail(m->s->rep, ERA_SYS, "%s: belongs to %s already",
				   m->entry.metadata, other);
	return 0;
}

static int move_locked(struct setup *s)
{
	char since[UNTRACKED_SINCE_BYTES];
	struct move m = {.s = s};
	struct untracked device;
	int r = setup_find_stopped(s, &m.t);

	if (r)
		return r;
	m.entry = *m.t.entry;
	m.entry.metadata = s->options->metadata;
	r = refuse_target(&m);
	if (r)
		return r;
	device_path(m.entry.metadata, m.to);
	device = tracked_untracked(&m.t);
	m.was_untracked = untracked_since(&device, since);
	return move_stopped(&m);
}

int setup_move(struct setup *s)
{
	return setup_change_table(s, move_locked);
}
