/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metadata/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/checked.h"
#include "metadata/cursor.h"
#include "metadata/writeset_tree.h"
#include "ondisk/era_disk.h"
#include "pdata/array.h"

#define RETRIES 20
#define RETRY_NANOSECONDS 50000000L
#define XML_SNIFF_BYTES sizeof(struct superblock_disk)

#define ERAS_PER_BLOCK ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE)

/* How many writesets of which nothing is known are told apart. */
#define MAX_LOST 16u

/* How many writesets may lie over an era array that is larger than the device. */
#define MAX_OVER_LARGE_ARRAY 16u

/* With repair, what is lost is made up, for so many data blocks more than this many times what the
 * device has room for.  A device that was cut off further has too little left. */
#define MADE_UP_BLOCKS (UINT64_C(1) << 24)
#define MADE_UP_TIMES 4u

/* What writesets may claim more than the device has: some of the largest whose number of bits is the
 * one thing that is wrong. */
#define SPARE_WRITESETS 4u

#define SURVEY_BLOCKS 64u

const char *era_view_prefix(bool snapshot)
{
	return snapshot ? "metadata snapshot, " : "";
}

/* Of metadata, whatever they say. */
static uint64_t device_limit(const struct blk_dev *dev)
{
	return min_u64(dev->nr_blocks, SPACE_MAP_MAX_BLOCKS);
}

uint64_t era_block_limit(const struct blk_dev *dev, const struct superblock *live)
{
	uint64_t nr_blocks = live->sm.nr_blocks;

	return nr_blocks ? min_u64(device_limit(dev), nr_blocks) : device_limit(dev);
}

/* A superblock begins with its checksum, which may look like anything. */
static bool has_magic(const char *text, size_t len)
{
	struct superblock_disk sb;

	if (len < sizeof(sb))
		return false;
	memcpy(&sb, text, sizeof(sb));
	return le64_get(sb.magic) == ERA_MAGIC;
}

static bool looks_like_xml(const char *text, size_t len)
{
	size_t i = 0;

	if (has_magic(text, len))
		return false;
	while (i < len && strchr(" \t\r\n", text[i]))
		i++;
	return i + 1 < len && text[i] == '<' &&
	       (text[i + 1] == 's' || text[i + 1] == '?' || text[i + 1] == '!');
}

int era_look_like_metadata(struct blk_dev *dev)
{
	char text[XML_SNIFF_BYTES];
	ssize_t n;
	void *block;
	int error = 0;

	if (!dev->nr_blocks) {
		n = pread(dev->fd, text, sizeof(text), 0);
	} else {
		block = blk_alloc(1);
		if (!block)
			return report_nomem(dev->rep);
		error = blk_dev_read(dev, 0, 1, block);
		memcpy(text, block, sizeof(text));
		free(block);
		n = error ? 0 : (ssize_t)sizeof(text);
	}
	if (n > 0 && looks_like_xml(text, (size_t)n))
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: This looks like XML.  This tool only supports the binary "
				   "metadata format.",
				   dev->path);
	if (!dev->nr_blocks)
		return report_fail(dev->rep, ERA_DAMAGED,
				   "%s: Metadata device/file too small.  Is this binary metadata?",
				   dev->path);
	return 0;
}

int era_read_live_superblock(struct blk_dev *dev, bool shared, struct superblock *sb,
			     struct problem *p)
{
	const struct timespec pause = {.tv_nsec = RETRY_NANOSECONDS};
	int tries = shared ? RETRIES : 0;
	int r = superblock_read(dev, 0, BLOCK_SUPERBLOCK, sb, p);

	while (r == ERA_DAMAGED && p->code == PROBLEM_SUPERBLOCK_CHECKSUM && tries--) {
		nanosleep(&pause, NULL);
		r = superblock_read(dev, 0, BLOCK_SUPERBLOCK, sb, p);
	}
	if (r == ERA_DAMAGED)
		snprintf(p->where, sizeof(p->where), "superblock");
	return r;
}

static int check_clone(const struct superblock *live, const struct superblock *clone,
		       struct problem *p)
{
	uint64_t block = live->metadata_snap;

	if (clone->current_era > live->current_era)
		problem_set(p, PROBLEM_SNAP_ERA, block, clone->current_era, live->current_era);
	else if (clone->data_block_size != live->data_block_size)
		problem_set(p, PROBLEM_SNAP_BLOCK_SIZE, block, clone->data_block_size,
			    live->data_block_size);
	else if (clone->metadata_snap)
		problem_set(p, PROBLEM_SNAP_NESTED, block, clone->metadata_snap, 0);
	else
		return 0;
	return ERA_DAMAGED;
}

int era_read_clone(struct blk_dev *dev, const struct superblock *live, struct superblock *clone,
		   struct problem *p)
{
	uint64_t block = live->metadata_snap, limit = era_block_limit(dev, live);
	int r = ERA_DAMAGED;

	if (block >= limit)
		problem_set(p, PROBLEM_POINTER, 0, block, limit - 1);
	else
		r = superblock_read(dev, block, BLOCK_SNAPSHOT, clone, p);
	if (!r)
		r = check_clone(live, clone, p);
	if (r == ERA_DAMAGED)
		snprintf(p->where, sizeof(p->where), "metadata snapshot");
	return r;
}

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct era_view *view = ctx;

	if (view->twice && bits_test(view->twice, pointer->block)) {
		problem_set(p, PROBLEM_TWICE, pointer->block, 0, 0);
		return ERA_DAMAGED;
	}
	return walk_visit_once(view->seen, pointer, p);
}

static int on_problem(void *ctx, const struct problem *p)
{
	struct era_view *view = ctx;

	view->nr_problems++;
	if (!(view->flags & ERA_VIEW_TOLD) || p->code == PROBLEM_WRITESET_COUNT)
		report_problem(view->dev.rep, p);
	if (view->flags & ERA_VIEW_REPAIR)
		return 0;
	return problem_error(p);
}

int era_read_superblocks(struct blk_dev *dev, unsigned flags, struct era_superblocks *sbs)
{
	bool snapshot = flags & ERA_VIEW_SNAPSHOT;
	struct problem p;
	int r;

	r = era_look_like_metadata(dev);
	if (r)
		return r;
	r = era_read_live_superblock(dev, snapshot, &sbs->live, &p);
	if (!r)
		sbs->view = sbs->live;
	if (!r && snapshot && !sbs->live.metadata_snap)
		return report_fail(dev->rep, ERA_NO_ANSWER, "%s: no current metadata snap",
				   dev->path);
	if (!r && snapshot)
		r = era_read_clone(dev, &sbs->live, &sbs->view, &p);
	if (r != ERA_DAMAGED)
		return r;
	report_problem(dev->rep, &p);
	if (flags & ERA_VIEW_REPAIR && !snapshot)
		report_note(dev->rep,
			    "%s: without its superblock only " ERA_PROGRAM " repair and "
			    ERA_PROGRAM " dump --repair can tell what it held", dev->path);
	return problem_error(&p);
}

/* The eras of so many data blocks fit on the device. */
static uint64_t room_for_eras(const struct era_view *view)
{
	return device_limit(&view->dev) * ERAS_PER_BLOCK;
}

/* More data blocks than this are not believed. */
static uint32_t max_blocks(const struct era_view *view)
{
	uint64_t max = MADE_UP_BLOCKS + MADE_UP_TIMES * room_for_eras(view);

	return view->flags & ERA_VIEW_REPAIR ? (uint32_t)min_u64(ERA_MAX_BLOCKS,
								 max) : ERA_MAX_BLOCKS;
}

/* Is there enough of the device for what the superblock claims? */
static int check_room(const struct era_view *view)
{
	if (view->sb.nr_blocks <= max_blocks(view))
		return 0;
	return report_fail(view->dev.rep, ERA_DAMAGED,
			   "%s: the superblock tells of %" PRIu32 " blocks, the device has room for the "
			   "eras of %" PRIu64 ": too little is left; treat every block as written",
			   view->dev.path, view->sb.nr_blocks, room_for_eras(view));
}

static int add_writeset(struct era_view *view, const struct writeset *ws)
{
	if (view->nr_writesets == view->capacity) {
		size_t capacity = view->capacity ? 2 * view->capacity : 16;
		struct writeset *grown = realloc(view->writesets, capacity * sizeof(*grown));

		if (!grown)
			return report_nomem(view->dev.rep);
		view->writesets = grown;
		view->capacity = capacity;
	}
	view->writesets[view->nr_writesets++] = *ws;
	return 0;
}

int writeset_check_era(const struct superblock *sb, bool has_current, uint64_t block, uint64_t era,
		       struct problem *p)
{
	if (era > sb->current_era)
		problem_set(p, PROBLEM_WRITESET_AFTER, block, era, sb->current_era);
	else if (has_current && era == sb->current_era)
		problem_set(p, PROBLEM_WRITESET_TWICE, block, era, sb->current_era);
	else
		return 0;
	return ERA_DAMAGED;
}

int writeset_check_bits(uint64_t block, uint32_t nr_bits, uint32_t max, struct problem *p)
{
	if (nr_bits <= max)
		return 0;
	problem_set(p, PROBLEM_WRITESET_BITS, block, nr_bits, max);
	return ERA_DAMAGED;
}

/* Of writesets without bits only the newest decides anything; they come in the order of their eras. */
static int add_lost(struct era_view *view, const struct writeset *ws)
{
	if (view->nr_lost == MAX_LOST) {
		view->writesets[view->last_lost] = *ws;
		return 0;
	}
	view->nr_lost++;
	view->last_lost = view->nr_writesets;
	return add_writeset(view, ws);
}

static uint64_t bitset_blocks(uint32_t nr_bits)
{
	return div_up(bits_words(nr_bits), ARRAY_MAX_ENTRIES(WORD_VALUE_SIZE));
}

/* Do the arrays claim more than the device can hold?  So the work that they make is limited by the
 * device, whatever it says. */
static int check_claims(const struct era_view *view, uint64_t block, struct problem *p)
{
	uint64_t limit = view->walk.limit, array_blocks = div_up(view->sb.nr_blocks,
								 ERAS_PER_BLOCK);
	uint64_t max_writesets = array_blocks > limit ? MAX_OVER_LARGE_ARRAY : limit;

	if (view->nr_bitset_blocks <= limit + SPARE_WRITESETS * bitset_blocks(max_blocks(view)) &&
	    view->nr_writesets < max_writesets)
		return 0;
	problem_set(p, PROBLEM_WRITESET_COUNT, block, view->nr_bitset_blocks + array_blocks, limit);
	return ERA_DAMAGED;
}

/* With repair, a writeset whose era makes no sense may mean that the tree is another view's. */
static int check_writeset(struct era_view *view, struct writeset *ws, uint64_t era)
{
	bool has_current = !(view->flags & ERA_VIEW_SNAPSHOT) && view->sb.current_root;
	uint64_t block = ws->root.holder;
	struct problem p;

	ws->lost = writeset_check_bits(block, ws->nr_bits, max_blocks(view), &p);
	view->nr_bitset_blocks += ws->lost ? 0 : bitset_blocks(ws->nr_bits);
	if (check_claims(view, block, &p)) {
		view->writesets_lost = true;
		return walk_problem(&view->walk, &p, "%swriteset tree",
				    era_view_prefix(view->flags & ERA_VIEW_SNAPSHOT));
	}
	if (writeset_check_era(&view->sb, has_current, block, era, &p))
		view->writesets_lost = true;
	else if (!ws->lost)
		return 0;
	return walk_problem(&view->walk, &p, "%swriteset of era %" PRIu64,
			    era_view_prefix(view->flags & ERA_VIEW_SNAPSHOT), era);
}

static int list_writeset(void *ctx, const struct writeset_entry *entry)
{
	struct era_view *view = ctx;
	struct writeset ws = {
		.era = (uint32_t)min_u64(entry->era, view->sb.current_era),
		.nr_bits = entry->nr_bits,
		.root = entry->root,
	};
	int r = check_writeset(view, &ws, entry->era);

	if (!r)
		r = ws.lost ? add_lost(view, &ws) : add_writeset(view, &ws);
	return r ? r : view->writesets_lost;
}

static int list_tree(struct era_view *view)
{
	struct btree_root root = {
		.block = view->sb.writeset_tree_root,
		.holder = view->flags & ERA_VIEW_SNAPSHOT ? view->live.metadata_snap : 0,
	};
	char name[BTREE_NAME_MAX];
	bool damaged;
	int r;

	snprintf(name, sizeof(name), "%swriteset tree",
		 era_view_prefix(view->flags & ERA_VIEW_SNAPSHOT));
	r = writeset_tree_read(&view->walk, root, name, list_writeset, view, &damaged);
	view->writesets_lost |= damaged;
	return r;
}

static int list_current(struct era_view *view)
{
	struct writeset ws = {
		.era = view->sb.current_era,
		.nr_bits = view->sb.current_nr_bits,
		.root = {.block = view->sb.current_root},
		.is_current = true,
	};
	struct problem p;
	int r = 0;

	if (view->flags & ERA_VIEW_SNAPSHOT || !view->sb.current_root)
		return 0;
	if (writeset_check_bits(0, ws.nr_bits, max_blocks(view), &p)) {
		ws.lost = true;
		r = walk_problem(&view->walk, &p, "current writeset");
	}
	return r ? r : add_writeset(view, &ws);
}

/* A lost part of the tree could have named any block in any era. */
static int list_lost(struct era_view *view)
{
	struct writeset ws = {
		.era = view->sb.current_era,
		.nr_bits = view->sb.nr_blocks,
		.lost = true,
	};

	return view->writesets_lost || view->flags & ERA_VIEW_ALL_LOST ? add_writeset(view,
										      &ws) : 0;
}

static int by_era(const void *a, const void *b)
{
	const struct writeset *x = a, *y = b;

	return (x->era > y->era) - (x->era < y->era);
}

static int list_writesets(struct era_view *view)
{
	int r = list_tree(view);

	if (!r)
		r = list_current(view);
	if (!r)
		r = list_lost(view);
	if (!r && view->nr_writesets)
		qsort(view->writesets, view->nr_writesets, sizeof(*view->writesets), by_era);
	return r;
}

static int prepare_walk(struct era_view *view)
{
	uint64_t limit = era_block_limit(&view->dev, &view->live);

	view->walk = (struct walk){&view->dev, limit, view, on_pointer, on_problem};
	view->seen = bits_alloc(limit);
	if (!view->seen)
		return report_nomem(view->dev.rep);
	bits_set(view->seen, 0);
	if (view->flags & ERA_VIEW_SNAPSHOT)
		bits_set(view->seen, view->live.metadata_snap);
	view->dev.progress_total = min_u64(view->live.sm.nr_allocated, limit);
	return 0;
}

/* Looking for blocks that several pointers lead to.  Other damage is told of when it is read. */
struct scout {
	struct era_view *view;
	uint64_t *seen;
	struct walk walk;
};

static int on_scout_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct scout *scout = ctx;
	int r = walk_visit_once(scout->seen, pointer, p);

	if (r)
		bits_set(scout->view->twice, pointer->block);
	return r;
}

static int on_scout_problem(void *ctx, const struct problem *p)
{
	(void)ctx;
	(void)p;
	return 0;
}

static int scout_array(struct scout *scout, uint64_t block, enum block_type node,
		       enum block_type type)
{
	struct btree_root root = {.block = block};
	struct btree_iter it;
	struct btree_leaf leaf;
	struct problem p;
	int r;

	btree_iter_init(&it, &scout->walk, node, root, "");
	while ((r = btree_iter_next(&it, &leaf)) > 0) {
		const struct le64 *pointers = (const void *)leaf.values;

		for (uint32_t i = 0; i < leaf.nr_entries; i++) {
			struct walk_pointer pointer = {.block = le64_get(pointers[i]), .type = type};

			(void)!walk_visit(&scout->walk, leaf.block, &pointer, &p);
		}
	}
	btree_iter_free(&it);
	return r;
}

static int scout_arrays(struct scout *scout)
{
	struct era_view *view = scout->view;
	int r = scout_array(scout, view->sb.era_array_root, BLOCK_ERA_NODE, BLOCK_ERA);

	for (size_t i = 0; i < view->nr_writesets && !r; i++)
		if (!view->writesets[i].lost)
			r = scout_array(scout, view->writesets[i].root.block, BLOCK_BITSET_NODE,
					BLOCK_BITSET);
	return r;
}

static int find_twice(struct era_view *view)
{
	struct scout scout = {.view = view, .seen = bits_copy(view->seen, view->walk.limit)};
	int r;

	view->twice = bits_alloc(view->walk.limit);
	if (!scout.seen || !view->twice) {
		free(scout.seen);
		return report_nomem(view->dev.rep);
	}
	scout.walk = (struct walk){&view->dev, view->walk.limit, &scout, on_scout_pointer,
				   on_scout_problem};
	r = scout_arrays(&scout);
	free(scout.seen);
	return r;
}

/* Bitsets that contradict their number of bits may have had more: for a block with another number of
 * words, blocks too many, or a bit past the end either of the two is wrong.  Where the last block can't be
 * read nothing but that number says where they end. */
static bool is_open_ended(const struct writeset *ws, const struct array_iter *it,
			  const struct array_part *part)
{
	struct problem p;

	if (part->state == ARRAY_KNOWN)
		return writeset_check_part(it, part, ws->nr_bits, &p);
	return part->miscounted || part->first + part->len == it->nr_entries;
}

static int find_open_end(struct walk *walk, struct writeset *ws)
{
	struct array_part part;
	struct array_iter it;
	int r;

	array_iter_init(&it, walk, BLOCK_BITSET, ws->root, bits_words(ws->nr_bits), SURVEY_BLOCKS,
			"");
	while ((r = array_iter_next(&it, &part)) > 0)
		ws->open_end |= is_open_ended(ws, &it, &part);
	ws->open_end |= it.overlong;
	array_iter_free(&it);
	return r;
}

static int on_survey_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	const struct era_view *view = ctx;

	if (!bits_test(view->twice, pointer->block))
		return WALK_READ;
	problem_set(p, PROBLEM_TWICE, pointer->block, 0, 0);
	return ERA_DAMAGED;
}

static int find_open_ends(struct era_view *view)
{
	struct walk walk = {&view->dev, view->walk.limit, view, on_survey_pointer, on_scout_problem};
	int r = 0;

	for (size_t i = 0; i < view->nr_writesets && !r; i++)
		if (!view->writesets[i].lost)
			r = find_open_end(&walk, &view->writesets[i]);
	return r;
}

/* 1 when the snapshot that was read is still the one that is held, 0 when not. */
static int still_held(struct blk_dev *dev, const struct superblock *live,
		      const struct superblock *clone, struct problem *p)
{
	struct superblock live_now, clone_now;
	int r = era_read_live_superblock(dev, true, &live_now, p);

	if (r)
		return r;
	if (live_now.metadata_snap != live->metadata_snap)
		return 0;
	r = era_read_clone(dev, &live_now, &clone_now, p);
	return r ? r : clone_now.csum == clone->csum;
}

int era_snapshot_settle(struct blk_dev *dev, const struct superblock *live,
			const struct superblock *clone, int r)
{
	struct problem p;
	int held;

	if (r && r != ERA_DAMAGED)
		return r;
	held = still_held(dev, live, clone, &p);
	if (held > 0)
		return r;
	if (held == ERA_DAMAGED && (!r || p.code == PROBLEM_READ))
		report_problem(dev->rep, &p);
	if (held == ERA_DAMAGED)
		return problem_error(&p);
	if (held < 0)
		return held;
	return report_fail(dev->rep, ERA_NO_ANSWER,
			   "%s: the metadata snapshot was dropped or replaced while it was read",
			   dev->path);
}

int era_view_settle(struct era_view *view, int r)
{
	if (!(view->flags & ERA_VIEW_SNAPSHOT))
		return r;
	return era_snapshot_settle(&view->dev, &view->live, &view->sb, r);
}

static void forget(struct era_view *view)
{
	free(view->seen);
	free(view->twice);
	free(view->writesets);
	view->seen = NULL;
	view->twice = NULL;
	view->writesets = NULL;
	view->nr_writesets = view->capacity = 0;
}

/* With both superblocks known. */
static int begin(struct era_view *view)
{
	bool repair = view->flags & ERA_VIEW_REPAIR;
	int r = prepare_walk(view);

	if (!r)
		r = list_writesets(view);
	if (!r && repair)
		r = find_twice(view);
	if (!r && repair)
		r = find_open_ends(view);
	return r;
}

/* r, and nothing stays open when that is an error. */
static int begun(struct era_view *view, int r)
{
	if (r)
		era_view_close(view);
	return r;
}

int era_view_begin(struct era_view *view, struct blk_dev *dev, const struct era_superblocks *sbs,
		   unsigned flags)
{
	int r;

	*view = (struct era_view){
		.dev = *dev,
		.flags = flags,
		.live = sbs->live,
		.sb = sbs->view,
	};
	r = check_room(view);
	if (!r)
		r = begin(view);
	return begun(view, r == ERA_DAMAGED ? era_view_settle(view, r) : r);
}

int era_view_restart(struct era_view *view)
{
	forget(view);
	*view = (struct era_view){
		.dev = view->dev,
		.flags = view->flags,
		.live = view->live,
		.sb = view->sb,
		.nr_problems = view->nr_problems,
	};
	return begun(view, begin(view));
}

int era_view_open_as(struct era_view *view, const struct blk_dev *dev, const struct superblock *sb,
		     unsigned flags)
{
	*view = (struct era_view){
		.dev = *dev,
		.flags = flags | ERA_VIEW_BORROWED,
		.live = *sb,
		.sb = *sb,
	};
	return begun(view, begin(view));
}

void era_view_close(struct era_view *view)
{
	if (!(view->flags & ERA_VIEW_BORROWED))
		blk_dev_close(&view->dev);
	forget(view);
}
