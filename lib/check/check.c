/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Every pointer of both views is followed, and counted once for the block that holds it.  The
 * kernel counts a reference for each such pointer, so a block that is shared by the views has two
 * references only at the top: what lies under a shared block has the one of that block.
 *
 * Nodes are read again for the second view, since the place of what they hold is part of what is
 * checked; array blocks aren't, unless they are their array's last.
 */
#include "check/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/next_step.h"
#include "block/dev.h"
#include "check/check_internal.h"
#include "metadata/limits.h"
#include "metadata/recognise.h"
#include "metadata/rules.h"
#include "metadata/superblocks.h"
#include "metadata/writeset_tree.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map_read.h"

#define BUFFER_BLOCKS 256u

static bool is_array_block(enum block_type type)
{
	return type == BLOCK_ERA || type == BLOCK_BITSET;
}

/* The pointer is wrong, not the block that it should lead to. */
static bool is_of_pointer(enum problem_code code)
{
	return code == PROBLEM_POINTER || code == PROBLEM_SM_SHORT || code == PROBLEM_TYPE ||
	       code == PROBLEM_MULTIPLY_CLAIMED;
}

/* A block of an array holds no pointers, and what only says when something was written hides
 * none.  Of a ref-count tree whose root is damaged all else is counted in vain. */
static bool may_hide_pointers(const struct problem *p)
{
	if (problem_severity(p) == PROBLEM_NOTE || problem_is_of_counts(p) ||
	    is_array_block(p->type))
		return false;
	if (p->type == BLOCK_REF_NODE)
		return is_of_pointer(p->code);
	return p->code != PROBLEM_WRITESET_AFTER && p->code != PROBLEM_WRITESET_TWICE &&
	       p->code != PROBLEM_SM_DEVICE && p->code != PROBLEM_SM_CUT && p->code != PROBLEM_LOST;
}

/* Nothing was lost with these. */
static bool is_harmless(const struct problem *p)
{
	return problem_severity(p) == PROBLEM_NOTE || p->code == PROBLEM_OLD_COPY ||
	       p->code == PROBLEM_SM_DEVICE;
}

static void count_problem(struct era_check_result *result, const struct problem *p)
{
	uint64_t *counters[] = {
		[PROBLEM_FATAL] = &result->nr_fatal,
		[PROBLEM_NON_FATAL] = &result->nr_non_fatal,
		[PROBLEM_NOTE] = &result->nr_notes,
	};

	++*counters[problem_severity(p)];
	result->nr_read_errors += p->code == PROBLEM_READ;
	result->nr_refusals += !is_harmless(p);
	if (problem_is_of_counts(p))
		result->nr_of_counts++;
	else if (problem_severity(p) != PROBLEM_NOTE)
		result->nr_others++;
}

static bool is_cut_pointer(const struct check *check, const struct problem *p)
{
	return p->code == PROBLEM_POINTER && is_array_block(p->type) && check->seen == SEEN_LIVE &&
	       p->found >= check->walk.limit && p->found < check->result->live.sb.sm.nr_blocks;
}

static bool is_past_end(const struct check *check, const struct problem *p)
{
	return p->code == PROBLEM_SM_CUT ||
	       (p->code == PROBLEM_POINTER && p->found >= check->dev->nr_blocks &&
		p->found < check->result->live.sb.sm.nr_blocks);
}

void check_problem(struct check *check, const struct problem *p)
{
	bool hides = may_hide_pointers(p);

	check->hides_pointers |= hides;
	check->nr_cut_pointers += is_cut_pointer(check, p);
	check->result->is_cut |= is_past_end(check, p);
	if (!check->is_silent) {
		count_problem(check->result, p);
		report_problem(check->rep, p);
	} else if (hides && !check->has_silent) {
		check->first_silent = *p;
		check->has_silent = true;
	}
}

void check_tell(struct check *check, struct problem *p, const char *where, ...)
{
	va_list args;

	va_start(args, where);
	vsnprintf(p->where, sizeof(p->where), where, args);
	va_end(args);
	check_problem(check, p);
}

static int on_problem(void *ctx, const struct problem *p)
{
	check_problem(ctx, p);
	return 0;
}

/* An array block that was met before, or that others read. */
static bool need_not_read(const struct check *check, const struct blk_info *info, bool known)
{
	if (check->left_out == check->seen || check->is_silent)
		return true;
	if (!known)
		return false;
	return info->flags & SOUND_AND_FULL && info->index + UINT64_C(1) < check->nr_array_blocks &&
	       info->max_era <= check->sb->current_era;
}

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct check *check = ctx;
	struct blk_info *info = &check->info[pointer->block];
	bool known = info->type != BLOCK_NONE, is_array = is_array_block(pointer->type);

	if (!pointer->parent_shared)
		info->refs++;
	if (known && info->type != pointer->type) {
		problem_set(p, PROBLEM_TYPE, pointer->block, info->type, pointer->type);
		return ERA_DAMAGED;
	}
	if (info->flags & check->seen) {
		problem_set(p, PROBLEM_MULTIPLY_CLAIMED, pointer->block, 0, 0);
		return ERA_DAMAGED;
	}
	info->flags |= (uint8_t)check->seen;
	info->type = (uint8_t)pointer->type;
	if (known && is_array && info->index != pointer->index) {
		problem_set(p, PROBLEM_POSITION, pointer->block, pointer->index, info->index);
		return ERA_DAMAGED;
	}
	info->index = (uint32_t)pointer->index;
	if (is_array && need_not_read(check, info, known))
		return WALK_SKIP;
	return known ? WALK_SHARED : WALK_READ;
}

/* nr_bits is that of a writeset, or 0 for the era array. */
static int check_part(struct check *check, struct array_iter *it, const struct array_part *part,
		      uint32_t nr_bits)
{
	struct blk_info *info = &check->info[part->block];
	struct problem p;
	int r;

	if (part->len == it->per_block)
		info->flags |= SOUND_AND_FULL;
	if (it->type == BLOCK_ERA)
		r = era_check_part(part, check->sb->current_era, &info->max_era, &p);
	else
		r = writeset_check_part(it, part, nr_bits, &p);
	return r ? array_problem(it, part->index, &p) : 0;
}

static int check_array(struct check *check, enum block_type type, struct btree_root root,
		       uint64_t nr_entries, uint32_t nr_bits, const char *name)
{
	struct array_iter it;
	struct array_part part;
	int r;

	array_iter_init(&it, &check->walk, type, root, nr_entries, BUFFER_BLOCKS, name);
	check->nr_array_blocks = it.nr_blocks;
	while ((r = array_iter_next(&it, &part)) > 0) {
		if (part.state == ARRAY_KNOWN)
			r = check_part(check, &it, &part, nr_bits);
		if (r < 0)
			break;
	}
	array_iter_free(&it);
	return r;
}

/* The kernel archives each era and digests the oldest first, so what it leaves has no gaps. */
static void check_gap(struct check *check, uint64_t block, uint64_t era, uint64_t wanted)
{
	struct problem p;

	if (era == wanted)
		return;
	problem_set(&p, PROBLEM_WRITESET_GAP, block, era, wanted);
	check_tell(check, &p, "writeset tree");
}

static void check_newest(struct check *check, const struct era_check_view *view)
{
	uint32_t current = view->sb.current_era;

	if (check->seen != SEEN_LIVE || !view->nr_writesets || view->newest_writeset >= current)
		return;
	check_gap(check, view->sb.writeset_tree_root, view->newest_writeset,
		  view->sb.current_root ? current - 1 : current);
}

/* Of the view being walked, and its tree of writesets. */
struct writesets_check {
	struct check *check;
	struct era_check_view *view;
};

static int on_writeset(void *ctx, const struct writeset_entry *entry)
{
	struct writesets_check *writesets = ctx;
	struct check *check = writesets->check;
	struct era_check_view *view = writesets->view;
	bool snapshot = check->seen == SEEN_SNAPSHOT;
	char name[BTREE_NAME_MAX];
	struct problem p;

	if (view->nr_writesets && !snapshot && !entry->after_damage)
		check_gap(check, entry->root.holder, entry->era,
			  view->newest_writeset + UINT64_C(1));
	writeset_name(name, snapshot, false, (uint32_t)min_u64(entry->era, UINT32_MAX));
	if (writeset_check_era(&view->sb, !snapshot && view->sb.current_root, entry->root.holder,
			       entry->era, &p))
		check_tell(check, &p, "%s", name);
	if (writeset_check_bits(entry->root.holder, entry->nr_bits, ERA_MAX_BLOCKS, &p)) {
		check_tell(check, &p, "%s", name);
		return 0;
	}
	if (!view->nr_writesets++)
		view->oldest_writeset = (uint32_t)entry->era;
	view->newest_writeset = (uint32_t)entry->era;
	raise_u32(&view->most_bits, entry->nr_bits);
	return check_array(check, BLOCK_BITSET, entry->root, bits_words(entry->nr_bits),
			   entry->nr_bits, name);
}

static int check_writeset_tree(struct check *check, struct era_check_view *view, uint64_t holder)
{
	struct btree_root root = {.block = view->sb.writeset_tree_root, .holder = holder};
	struct writesets_check writesets = {check, view};
	char name[BTREE_NAME_MAX];
	int r;

	snprintf(name, sizeof(name), "%swriteset tree",
		 era_view_prefix(check->seen == SEEN_SNAPSHOT));
	r = writeset_tree_read(&check->walk, root, name, on_writeset, &writesets,
			       &view->tree_damaged);
	if (!r && !view->tree_damaged)
		check_newest(check, view);
	return r;
}

static int check_current(struct check *check, const struct superblock *sb)
{
	struct btree_root root = {.block = sb->current_root};
	char name[BTREE_NAME_MAX];
	struct problem p;

	if (!sb->current_root)
		return 0;
	writeset_name(name, false, true, sb->current_era);
	if (writeset_check_bits(0, sb->current_nr_bits, ERA_MAX_BLOCKS, &p)) {
		check_tell(check, &p, "%s", name);
		return 0;
	}
	return check_array(check, BLOCK_BITSET, root, bits_words(sb->current_nr_bits),
			   sb->current_nr_bits, name);
}

static int check_view(struct check *check, struct era_check_view *view, unsigned seen,
		      uint64_t holder)
{
	struct btree_root array = {.block = view->sb.era_array_root, .holder = holder};
	char name[BTREE_NAME_MAX];
	int r;

	check->seen = seen;
	check->sb = &view->sb;
	view->walked = true;
	if (seen == SEEN_LIVE && view->sb.current_nr_bits <= ERA_MAX_BLOCKS)
		view->most_bits = view->sb.current_nr_bits;
	snprintf(name, sizeof(name), "%sera array", era_view_prefix(seen == SEEN_SNAPSHOT));
	r = check_writeset_tree(check, view, holder);
	if (!r && seen == SEEN_LIVE)
		r = check_current(check, &view->sb);
	return r ? r : check_array(check, BLOCK_ERA, array, view->sb.nr_blocks, 0, name);
}

static int check_snapshot(struct check *check)
{
	struct era_check_view *live = &check->result->live, *snapshot = &check->result->snapshot;
	struct walk_pointer pointer = {.block = live->sb.metadata_snap, .type = BLOCK_SNAPSHOT};
	struct problem p;
	int r;

	if (!pointer.block)
		return 0;
	check->seen = SEEN_SNAPSHOT;
	check->sb = &live->sb;
	r = walk_visit(&check->walk, 0, &pointer, &p);
	if (r == ERA_DAMAGED) {
		check_tell(check, &p, "metadata snapshot");
		return 0;
	}
	r = era_read_clone(check->dev, &live->sb, &snapshot->sb, &p);
	if (r == ERA_DAMAGED) {
		check_problem(check, &p);
		return 0;
	}
	if (r)
		return r;
	snapshot->present = true;
	return check_view(check, snapshot, SEEN_SNAPSHOT, pointer.block);
}

/* It comes first, since much may follow from it. */
static void check_device_size(struct check *check)
{
	struct problem p;

	if (era_check_device_size(check->dev, &check->result->live.sb, &p))
		check_problem(check, &p);
}

static int check_all(struct check *check)
{
	int r;

	check_device_size(check);
	r = check_view(check, &check->result->live, SEEN_LIVE, 0);

	if (!r)
		r = check_snapshot(check);
	return r ? r : check_space_map(check);
}

static void count_and_report(void *ctx, const struct problem *p)
{
	check_problem(ctx, p);
}

/* What is behind the snapshot, for the counts: a silent walk of the live view. */
static int check_behind_snapshot(struct check *check)
{
	struct era_check_view live = check->result->live;
	bool hides_pointers = check->hides_pointers;
	int r;

	check->is_silent = true;
	r = check_view(check, &live, SEEN_LIVE, 0);
	if (!r)
		r = check_snapshot_space_map(check);
	check->is_silent = false;
	if (check->has_moved) {
		check->hides_pointers = hides_pointers;
		check->result->space_map_lost = false;
	}
	return r;
}

/* The clone must still be held, and be readable, when all has been read. */
static int check_still_held(struct check *check)
{
	struct era_check_result *result = check->result;
	const struct report counting = {.ctx = check,
					.problem = count_and_report,
					.errors_to = check->rep};
	const struct report *rep = check->dev->rep;
	int r;

	check->dev->rep = &counting;
	r = era_snapshot_revalidate(check->dev, &result->live.sb, &result->snapshot.sb,
				    result->nr_fatal ? ERA_DAMAGED : 0);
	check->dev->rep = rep;
	return r == ERA_DAMAGED || (r == ERA_SYS && result->nr_read_errors) ? 0 : r;
}

struct superblock_pointers {
	struct {
		const char *name;
		uint64_t block;
		bool may_be_none;
	} all[6];
};

static struct superblock_pointers pointers_of(const struct superblock *sb)
{
	return (struct superblock_pointers){{
		{"index of the space map", sb->sm.index, false},
		{"root of the ref-count tree", sb->sm.ref_tree, false},
		{"root of the current writeset", sb->current_root, true},
		{"root of the writeset tree", sb->writeset_tree_root, false},
		{"root of the era array", sb->era_array_root, false},
		{"metadata snapshot", sb->metadata_snap, true},
	}};
}

/* A part alone is checked: is the end of the device why pointers of the superblock are wrong? */
static void check_cut(struct check *check)
{
	struct superblock_pointers pointers = pointers_of(&check->result->live.sb);

	for (size_t i = 0; i < ARRAY_SIZE(pointers.all); i++)
		if (pointers.all[i].block >= check->dev->nr_blocks) {
			check_device_size(check);
			return;
		}
}

static int check_held_snapshot(struct check *check)
{
	const struct era_check_result *result = check->result;
	int r;

	if (!result->live.sb.metadata_snap)
		return report_fail(check->rep, ERA_NO_ANSWER,
				   "%s: no current metadata snap: " NEXT_TAKE_SNAPSHOT,
				   check->dev->path);
	check_cut(check);
	r = check_snapshot(check);
	if (!r && result->snapshot.walked)
		r = check_behind_snapshot(check);
	if (r || (result->nr_read_errors && !result->snapshot.present))
		return r;
	return check_still_held(check);
}

/* Each pointer of the superblock must lead to a block; that there is no current writeset, or
 * snapshot, is said by 0. */
static int check_superblock_pointers(struct check *check)
{
	const struct superblock *sb = &check->result->live.sb;
	struct superblock_pointers pointers = pointers_of(sb);
	uint64_t limit = era_block_limit(check->dev, sb);
	struct problem p;

	if (space_map_check_size(&sb->sm, &p))
		check_problem(check, &p);
	check_cut(check);
	for (size_t i = 0; i < ARRAY_SIZE(pointers.all); i++) {
		uint64_t block = pointers.all[i].block;

		if (block ? block < limit : pointers.all[i].may_be_none)
			continue;
		problem_set(&p, PROBLEM_POINTER, 0, block, limit - 1);
		check_tell(check, &p, "superblock, %s", pointers.all[i].name);
	}
	return 0;
}

static int prepare(struct check *check)
{
	uint64_t limit = era_block_limit(check->dev, &check->result->live.sb);

	check->walk = (struct walk){check->dev, limit, check, on_pointer, on_problem};
	check->info = calloc((size_t)limit, sizeof(*check->info));
	if (!check->info)
		return report_nomem(check->rep);
	check->info[0] = (struct blk_info){.refs = 1, .type = BLOCK_SUPERBLOCK};
	blk_dev_begin(check->dev, PROGRESS_CHECK,
		      min_u64(check->result->live.sb.sm.nr_allocated, limit));
	return 0;
}

/* Of the metadata nothing is wrong; but a reader has to know. */
static void tell_of_unflushed(struct check *check)
{
	const struct superblock *sb = &check->result->live.sb;
	struct problem p;
	uint32_t since;

	if (!superblock_is_unflushed(sb, &since))
		return;
	problem_set(&p, PROBLEM_UNFLUSHED, 0, since, sb->current_era);
	check_tell(check, &p, "superblock");
}

/* What there is instead of a superblock. */
static int explain(struct check *check, const struct problem *p)
{
	int r;

	if (p->code == PROBLEM_READ)
		return 0;
	r = first_block_refuse(check->dev, p);
	check->result->is_explained = r == ERA_DAMAGED;
	return check->result->is_explained ? 0 : r;
}

/* What was found in metadata that changed meanwhile means nothing. */
static int check_unchanged(struct check *check)
{
	const struct era_check_result *result = check->result;
	int r = result->nr_fatal ? ERA_DAMAGED : 0;

	r = era_live_revalidate(check->dev, result->live.sb.csum, r);
	return r == ERA_DAMAGED ? 0 : r;
}

static int check_live(struct check *check)
{
	int r = check_all(check);

	return r || check->result->nr_read_errors ? r : check_unchanged(check);
}

static int check_scope(struct check *check)
{
	struct era_check_result *result = check->result;
	struct problem p;
	int r = era_look_like_metadata(check->dev);

	if (r)
		return r;
	r = era_read_live_superblock(check->dev, check->scope == ERA_CHECK_SNAPSHOT,
				     &result->live.sb, &p);
	if (r == ERA_DAMAGED) {
		check_problem(check, &p);
		return explain(check, &p);
	}
	result->live.present = !r;
	if (r)
		return r;
	tell_of_unflushed(check);
	if (check->scope == ERA_CHECK_SUPERBLOCK)
		return check_superblock_pointers(check);
	r = prepare(check);
	if (r)
		return r;
	return check->scope == ERA_CHECK_SNAPSHOT ? check_held_snapshot(check) : check_live(check);
}

/* What is left to say of the repaired metadata must be nothing. */
static int check_repaired(struct blk_dev *dev, const struct report *rep,
			  struct era_check_result *result)
{
	struct era_check_result again;
	int r = era_check_dev(dev, ERA_CHECK_ALL, rep, &again);

	if (!r && again.nr_read_errors)
		r = report_fail(rep, ERA_SYS, "%s: could not be checked after its repair",
				dev->path);
	else if (!r && (again.nr_others || again.nr_of_counts))
		r = report_fail(rep, ERA_DAMAGED, "%s: is not sound after its repair", dev->path);
	if (r)
		return r;
	result->repair.old_allocated = result->live.sb.sm.nr_allocated;
	result->repair.allocated = again.live.sb.sm.nr_allocated;
	result->live = again.live;
	result->nr_reachable = again.nr_reachable;
	result->repair.nr_problems = result->nr_of_counts;
	result->repair.done = true;
	return 0;
}

int era_check_dev(struct blk_dev *dev, enum era_check_scope scope, const struct report *rep,
		  struct era_check_result *result)
{
	struct check check = {.dev = dev, .rep = rep, .result = result, .scope = scope};
	int r;

	*result = (struct era_check_result){.device_blocks = dev->nr_blocks};
	result->repair.tried = scope == ERA_CHECK_REPAIR;
	r = check_scope(&check);
	if (!r && scope == ERA_CHECK_REPAIR && result->live.present)
		r = check_repair_counts(&check);
	result->pointers_hidden = check.hides_pointers;
	free(check.info);
	if (r > 0)
		r = check_repaired(dev, rep, result);
	return r;
}

int era_check(const char *path, enum era_check_scope scope, const struct report *rep,
	      struct era_check_result *result)
{
	static const enum blk_access access[] = {
		[ERA_CHECK_ALL] = BLK_READ,
		[ERA_CHECK_SUPERBLOCK] = BLK_READ,
		[ERA_CHECK_SNAPSHOT] = BLK_READ_SHARED,
		[ERA_CHECK_REPAIR] = BLK_WRITE,
	};
	struct blk_dev dev;
	int r;

	*result = (struct era_check_result){0};
	r = blk_dev_open(&dev, path, access[scope], rep);
	if (r)
		return r;
	r = era_check_dev(&dev, scope, rep, result);
	blk_dev_close(&dev);
	return r;
}

int era_check_as(struct blk_dev *dev, const struct superblock *sb, const struct report *rep,
		 struct era_check_result *result)
{
	struct check check = {.dev = dev, .rep = rep, .result = result};
	int r;

	*result = (struct era_check_result){
		.device_blocks = dev->nr_blocks,
		.live = {.present = true, .sb = *sb},
	};
	r = prepare(&check);
	if (!r)
		r = check_all(&check);
	result->pointers_hidden = check.hides_pointers;
	free(check.info);
	return r;
}

int era_check_before_reading(struct blk_dev *dev, bool snapshot, const struct report *rep,
			     struct era_check_result *result)
{
	struct check check = {
		.dev = dev,
		.rep = rep,
		.result = result,
		.scope = snapshot ? ERA_CHECK_SNAPSHOT : ERA_CHECK_ALL,
		.left_out = snapshot ? SEEN_SNAPSHOT : SEEN_LIVE,
	};
	int r;

	*result = (struct era_check_result){.device_blocks = dev->nr_blocks};
	r = check_scope(&check);
	free(check.info);
	return r;
}

int era_check_is_sound(struct blk_dev *dev, const struct superblock *sb)
{
	const struct report errors = report_only_errors(dev->rep);
	struct era_check_result result;
	int r = era_check_as(dev, sb, &errors, &result);

	return r ? r : !result.nr_fatal && !result.nr_non_fatal;
}
