/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/prepare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/dev.h"
#include "build/size.h"
#include "dm/era.h"
#include "era_setup/samples.h"
#include "live/marking.h"
#include "open/open.h"
#include "metadata/untracked_mark.h"
#include "salvage/first_era.h"
#include "tools/human.h"

#define SECTOR_BYTES 512u

static int refuse_block_size(const struct preparation *p)
{
	char here[HUMAN_SIZE_BYTES], there[HUMAN_SIZE_BYTES];

	return report_fail(p->s->rep, ERA_SYS,
			   "%s: these metadata are for blocks of %s, and line %" PRIu64
			   " of %s says %s: is it the right device?",
			   p->t.metadata,
			   human_size((uint64_t)p->sb.data_block_size * SECTOR_BYTES, there),
			   p->t.entry->line, p->s->options->eratab,
			   human_size((uint64_t)p->t.entry->block_sectors * SECTOR_BYTES, here));
}

static int refuse_shrunk(const struct preparation *p)
{
	return report_fail(p->s->rep, ERA_SYS,
			   "%s: has %" PRIu32 " blocks, and had %" PRIu32
			   ": is it the right device? If it was made smaller, use " ERA_PROGRAM
			   " setup resize %s",
			   p->t.origin, p->nr_blocks, p->sb.nr_blocks, p->t.entry->name);
}

static int refuse_grown(const struct preparation *p, uint64_t needed)
{
	char size[HUMAN_SIZE_BYTES];

	return report_fail(p->s->rep, ERA_SYS,
			   "%s: has grown from %" PRIu32 " to %" PRIu32
			   " blocks, for which the metadata on %s are too small: they have %" PRIu64
			   " blocks, wanted %" PRIu64 " (%s)",
			   p->t.origin, p->sb.nr_blocks, p->nr_blocks, p->t.metadata,
			   p->sb.sm.nr_blocks, needed, human_size(needed * META_BYTES, size));
}

static int compare_sizes(const struct preparation *p)
{
	uint64_t needed = era_size_recommended(p->nr_blocks);

	if (p->sb.data_block_size != p->t.entry->block_sectors)
		return refuse_block_size(p);
	if (p->nr_blocks < p->sb.nr_blocks && !p->may_shrink)
		return refuse_shrunk(p);
	if (p->nr_blocks > p->sb.nr_blocks && needed > p->sb.sm.nr_blocks)
		return refuse_grown(p, needed);
	return 0;
}

static int refuse_older(const struct preparation *p)
{
	return report_fail(
		p->s->rep, ERA_SYS,
		"%s: is in era %" PRIu32 ", and was in era %" PRIu32
		" when the target was stopped: eras that were recorded would come again; "
		"use the newest metadata, or make new ones",
		p->t.metadata, p->sb.current_era, p->state.era);
}

static int read_state(struct preparation *p, struct blk_dev *dev)
{
	int r;

	p->place = state_find(dev, &p->sb, p->t.entry->name);
	r = state_read(&p->place, &p->state);
	if (r < 0)
		return r;
	p->has_state = r && p->state.block_sectors == p->sb.data_block_size;
	if (r && p->state.era > p->sb.current_era)
		return refuse_older(p);
	return 0;
}

/* What will be remembered, but for the contents and the era. */
static int choose_samples(struct preparation *p, struct era_view *view)
{
	p->next = (struct state){
		.sequence = p->state.sequence,
		.discards_passed =
			p->state.discards_passed || p->t.entry->pass_discards || p->has_discarded,
		.era = p->sb.current_era,
		.block_sectors = p->sb.data_block_size,
		.nr_blocks = p->nr_blocks,
		.sectors = p->origin.sectors,
	};
	return samples_choose(view, p->origin.fd, &p->next, &p->state, p->eras);
}

static int find_mark(struct preparation *p, struct blk_dev *dev)
{
	int r = untracked_mark_read(dev, p->since);

	p->is_marked = r > 0;
	return r < 0 ? r : 0;
}

static int open_view(struct blk_dev *dev, unsigned flags, struct era_view **view)
{
	struct blk_dev copy;
	int r = blk_dev_dup(dev, &copy);

	return r ? r : era_view_open_dev(view, &copy, flags);
}

static int read_metadata(struct preparation *p, struct blk_dev *dev, unsigned flags)
{
	struct era_view *view;
	int r = open_view(dev, flags, &view);

	if (r)
		return r;
	p->sb = *era_view_sb(view);
	r = read_state(p, dev);
	if (!r)
		r = choose_samples(p, view);
	era_view_close(view);
	return r;
}

/* The target was stopped cleanly, but not by what remembers the origin, or that could not be
 * written down: nothing shows whether what was written since is still there. */
static int find_unseen(struct preparation *p, struct blk_dev *dev)
{
	struct era_view *view;
	int r;

	if (!p->has_state || p->sb.current_root || p->state.era == p->sb.current_era)
		return 0;
	r = open_view(dev, 0, &view);
	if (r)
		return r;
	r = era_changes_read(view, p->state.era + 1, &p->unseen);
	era_view_close(view);
	return r;
}

static const char all_written[] = "all blocks count as written";

/* Sets marks_all if it isn't what it was, or that isn't known. */
static int judge_origin(struct preparation *p)
{
	const struct untracked device = tracked_untracked(&p->t);
	const char *name = device.name;
	char since[UNTRACKED_SINCE_BYTES];
	uint32_t differs = 0;
	int r;

	if (p->is_marked || untracked_since(&device, since)) {
		p->marks_all = true;
		setup_say(p->s, "%s: was there without its target since %s: %s", name,
			  p->is_marked ? p->since : since, all_written);
		return 0;
	}
	if (p->marks_all) {
		setup_say(p->s, "%s: %s", name, all_written);
		return 0;
	}
	if (!p->has_state) {
		p->marks_all = true;
		setup_say(p->s, "%s: nothing is known of the origin as it was before: %s", name,
			  all_written);
		return 0;
	}
	r = samples_compare_origin(&p->origin, p->t.origin, &p->state, p->eras, &differs,
				   p->s->rep);
	p->marks_all = !r;
	if (!r)
		setup_say(p->s,
			  "%s: block %" PRIu32
			  " of the origin has changed without the target, or it "
			  "is another device: %s",
			  name, differs, all_written);
	return r < 0 ? r : 0;
}

/* How many blocks were tracked before.  The kernel resizes the metadata when an origin grows while
 * it is active, but does not mark anything. */
static uint32_t old_blocks(const struct preparation *p)
{
	uint64_t tracked = div_up(p->state.sectors, p->sb.data_block_size);

	return p->has_state ? (uint32_t)min_u64(tracked, p->sb.nr_blocks) : p->sb.nr_blocks;
}

static void say_resized(const struct preparation *p)
{
	uint32_t old = old_blocks(p);

	if (old < p->nr_blocks)
		growth_say(p->s, &p->t, old, p->nr_blocks);
	else if (old > p->nr_blocks)
		setup_say(p->s, "%s: was made smaller, from %" PRIu32 " to %" PRIu32 " blocks",
			  p->t.origin, old, p->nr_blocks);
}

static bool is_resized(const struct preparation *p)
{
	return p->nr_blocks != p->sb.nr_blocks ||
	       (p->has_state && p->state.sectors != p->origin.sectors);
}

static void add_unseen(const struct preparation *p, uint64_t *bits)
{
	uint64_t end = min_u64(p->nr_blocks, p->sb.nr_blocks);

	for (uint64_t block = 0; (block = bits_next_set(p->unseen.bits, block, end)) < end; block++)
		bits_set(bits, block);
}

static void choose_marks(const struct preparation *p, uint64_t *bits)
{
	if (p->marks_all)
		bits_set_range(bits, 0, p->nr_blocks);
	else if (is_resized(p))
		growth_choose(bits, old_blocks(p), p->nr_blocks);
	if (p->unseen.bits)
		add_unseen(p, bits);
}

static int mark(struct preparation *p, struct blk_dev *dev)
{
	uint64_t *bits = bits_alloc(p->nr_blocks);
	int r;

	if (!bits)
		return report_nomem(p->s->rep);
	choose_marks(p, bits);
	r = era_mark_resized(dev, p->nr_blocks, bits,
			     p->marks_all ? first_era_of_unknown(p->sb.current_era) : 0,
			     &p->next.era);
	p->s->nr_marked = bits_count(bits, p->nr_blocks);
	if (!r)
		tool_say(p->s->tool,
			 "%s: %" PRIu64 " of %" PRIu32 " blocks count as written in era %" PRIu32,
			 p->t.metadata, p->s->nr_marked, p->nr_blocks, p->next.era);
	free(bits);
	return r;
}

static int remember(struct preparation *p)
{
	int r = samples_read(&p->origin, p->t.origin, &p->next, p->s->rep);

	return r ? r : state_write(&p->place, &p->next);
}

/* The marks come before all else, or a stop in between would lose them. */
static int bring_up_to_date(struct preparation *p, struct blk_dev *dev)
{
	const struct untracked device = tracked_untracked(&p->t);
	bool marks = p->marks_all || is_resized(p) || p->unseen.bits;
	int r = 0;

	say_resized(p);
	if (p->unseen.bits && !p->marks_all)
		setup_say(p->s,
			  "%s: was stopped without " ERA_PROGRAM
			  " setup: what was written after era "
			  "%" PRIu32 " counts as written once more",
			  p->t.entry->name, p->state.era);
	if (p->s->options->dry_run)
		return 0;
	if (marks)
		r = mark(p, dev);
	if (!r && (marks || p->next.discards_passed != p->state.discards_passed))
		r = remember(p);
	if (!r && p->marks_all)
		untracked_forget(&device, p->s->rep);
	if (!r && p->is_marked)
		r = untracked_mark_clear(dev);
	return r;
}

static int find_numbers(struct preparation *p, const struct blk_dev *dev)
{
	struct stat st;

	if (fstat(dev->fd, &st) || !S_ISBLK(st.st_mode))
		return report_fail(p->s->rep, ERA_SYS, "%s: is no block device", p->t.metadata);
	snprintf(p->metadata, sizeof(p->metadata), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

static int prepare_metadata(struct preparation *p)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, p->t.metadata, BLK_WRITE, p->s->rep);

	if (r)
		return r;
	r = find_numbers(p, &dev);
	if (!r)
		r = read_metadata(p, &dev, ERA_VIEW_WHOLE);
	if (!r)
		r = era_wants_eras(p->s->mapper, p->t.entry->name, p->sb.current_era);
	if (!r)
		r = compare_sizes(p);
	if (!r)
		r = find_mark(p, &dev);
	if (!r)
		r = judge_origin(p);
	if (!r)
		r = find_unseen(p, &dev);
	if (!r)
		r = bring_up_to_date(p, &dev);
	era_changes_free(&p->unseen);
	blk_dev_close(&dev);
	return r;
}

static int open_origin(struct preparation *p)
{
	int r = origin_open(&p->origin, p->t.origin, p->s->rep);

	if (!r)
		r = origin_count_blocks(&p->origin, p->t.origin, p->t.entry->block_sectors,
					&p->nr_blocks, p->s->rep);
	return r;
}

/* The origin stays open until the last moment, so nobody mounts it meanwhile. */
int prepare(struct preparation *p)
{
	int r = open_origin(p);

	if (!r)
		r = prepare_metadata(p);
	origin_close(&p->origin);
	return r;
}

/* What it has grown by is marked at the next start, so the old size is kept until then. */
static void note_growth(struct preparation *p)
{
	if (!p->has_state || p->state.sectors >= p->sectors)
		return;
	p->next.sectors = p->state.sectors;
	tool_say(p->s->tool,
		 "%s: has grown from %" PRIu32 " to %" PRIu32
		 " blocks while the target was active; the new ones will count as written when it "
		 "starts again",
		 p->t.origin, old_blocks(p), p->sb.nr_blocks);
}

/* A target does not keep others from its origin: what was written beside it shows in blocks that it
 * has not written.  Discards that were passed show there, too. */
static int find_strange(struct preparation *p, bool *found)
{
	uint32_t differs = 0;
	int r;

	*found = !p->has_state;
	if (!p->has_state)
		tool_always(p->s->tool, "%s: nothing is known of the origin as it was before: %s",
			    p->t.entry->name, all_written);
	if (!p->has_state || p->next.discards_passed)
		return 0;
	r = samples_compare_origin(&p->origin, p->t.origin, &p->state, p->eras, &differs,
				   p->s->rep);
	if (r < 0)
		return r;
	*found = !r;
	if (!r)
		tool_always(p->s->tool,
			    "%s: block %" PRIu32
			    " of the origin was written beside the target, and nobody knows which "
			    "others were: %s",
			    p->t.entry->name, differs, all_written);
	return 0;
}

static int remember_origin(struct preparation *p, struct blk_dev *dev)
{
	bool strange = false;
	int r = read_metadata(p, dev, 0);

	p->next.sectors = p->sectors;
	if (!r)
		note_growth(p);
	if (!r && fsync(p->origin.fd))
		r = report_errno(p->s->rep, p->t.origin, "cannot flush");
	if (!r && !p->is_new)
		r = find_strange(p, &strange);
	p->marks_all = strange;
	if (!r && strange)
		r = mark(p, dev);
	return r ? r : remember(p);
}

/* Returns r: there was an error already. */
static int forget(const struct preparation *p, struct blk_dev *dev, int r)
{
	struct state_place place;

	if (!state_find_by_dev(dev, p->t.entry->name, &place) && !state_forget(&place))
		report_note(p->s->rep,
			    "%s: nothing is known of the origin now: when the target starts again, "
			    "%s",
			    p->t.entry->name, all_written);
	return r;
}

static const char all_at_start[] = "all blocks will count as written when its target starts again";

static int refuse_strange(const struct preparation *p)
{
	int r = state_forget(&p->place);

	return r ? r
		 : report_fail(p->s->rep, ERA_NO_ANSWER,
			       "%s: block %" PRIu32
			       " of the origin was written beside the target, and nobody knows "
			       "which others were: %s",
			       p->t.entry->name, p->doubted, all_at_start);
}

/* While the target is active, a block that differs may have been written by it after the snapshot
 * was taken.  The next snapshot knows of that, so that nothing differs there twice. */
static int compare_beside(struct preparation *p)
{
	uint32_t differs = 0;
	int r;

	if (!p->has_state)
		return report_fail(p->s->rep, ERA_NO_ANSWER,
				   "%s: nothing is known of the origin as it was before: %s",
				   p->t.entry->name, all_at_start);
	if (p->next.discards_passed)
		return 0;
	r = samples_compare_origin(&p->origin, p->t.origin, &p->state, p->eras, &differs,
				   p->s->rep);
	if (r)
		return r < 0 ? r : 0;
	if (p->is_doubted && p->doubted == differs)
		return refuse_strange(p);
	p->is_doubted = true;
	p->doubted = differs;
	return 1;
}

/* Eras up to that of the snapshot are complete in it.  What is written while this reads has a later
 * era, and so is not compared. */
static int remember_beside(struct preparation *p, struct blk_dev *dev)
{
	int r = read_metadata(p, dev, ERA_VIEW_SNAPSHOT);

	if (!r && !p->place.on_device)
		r = report_fail(p->s->rep, ERA_SYS,
				"%s: has no MiB behind the metadata for what is remembered",
				p->t.metadata);
	if (!r)
		r = compare_beside(p);
	if (r)
		return r;
	p->next.era--;
	p->next.sectors = p->sectors;
	note_growth(p);
	return remember(p);
}

int prepare_remember_active(struct preparation *p)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, p->t.metadata, BLK_WRITE_SHARED, p->s->rep);

	if (r)
		return r;
	r = origin_open_shared(&p->origin, p->t.origin, p->s->rep);
	if (!r)
		r = origin_count_blocks(&p->origin, p->t.origin, p->t.entry->block_sectors,
					&p->nr_blocks, p->s->rep);
	if (!r)
		r = remember_beside(p, &dev);
	origin_close(&p->origin);
	blk_dev_close(&dev);
	return r;
}

static int note_discards(const struct preparation *p, struct blk_dev *dev)
{
	struct state_place place;
	struct state state;
	int r = state_find_by_dev(dev, p->t.entry->name, &place);

	if (r)
		return r;
	r = state_read(&place, &state);
	if (r <= 0 || state.discards_passed)
		return r < 0 ? r : 0;
	state.discards_passed = true;
	return state_write(&place, &state);
}

int prepare_note_discards(const struct preparation *p)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, p->t.metadata, BLK_WRITE_SHARED, p->s->rep);

	if (r)
		return r;
	r = note_discards(p, &dev);
	blk_dev_close(&dev);
	return r;
}

int prepare_remember(struct preparation *p)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, p->t.metadata, BLK_WRITE, p->s->rep);

	if (r)
		return r;
	r = open_origin(p);
	if (!r)
		r = remember_origin(p, &dev);
	if (r)
		r = forget(p, &dev, r);
	origin_close(&p->origin);
	blk_dev_close(&dev);
	return r;
}
