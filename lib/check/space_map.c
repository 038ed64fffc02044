/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The space map's own blocks are counted like all others, then its counts are compared with the
 * pointers found.  A run of blocks with the same difference is one problem.
 *
 * After damage some pointers may not have been seen: then counts that are too high prove nothing
 * and are left out, while counts that are too low are still wrong.
 */
#include "check/check_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "block/dev.h"
#include "metadata/superblocks.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map_read.h"

struct sm_check {
	struct check *check;
	const struct space_map_root *root;
	uint64_t nr_bitmaps;
	uint64_t nr_allocated; /* as the bitmaps say */
	uint64_t nr_cut,
		first_cut; /* counts of blocks that the device hasn't, and the first of those */
	bool complete;	   /* all counts are known */
	bool lacks_bitmaps;
	uint64_t numbers[INDEX_MAX_ENTRIES]; /* where the bitmaps were read from */
};

static void sm_tell(struct sm_check *sm, uint64_t i, struct problem *p)
{
	check_tell(sm->check, p, "space map, bitmap %" PRIu64 " of %" PRIu64, i + 1,
		   sm->nr_bitmaps);
}

static void note_count(struct sm_check *sm, uint64_t block, uint32_t count)
{
	struct blk_info *info;

	if (count)
		sm->nr_allocated++;
	if (block >= sm->check->walk.limit) {
		if (count && !sm->nr_cut)
			sm->first_cut = block;
		sm->nr_cut += count;
		return;
	}
	info = &sm->check->info[block];
	info->counted = count;
	if (count == BITMAP_LOOK_IN_TREE)
		info->flags |= COUNT_IN_TREE;
}

static void check_bitmap_tail(struct sm_check *sm, const struct space_map_part *part)
{
	uint32_t used = bitmap_next_used(part->bitmap, part->nr_blocks);
	struct problem p;

	if (used == BITMAP_ENTRIES)
		return;
	problem_set(&p, PROBLEM_SM_PAST_END, le64_get(part->bitmap->blocknr),
		    bitmap_get_count(part->bitmap, used), 0);
	sm_tell(sm, part->number, &p);
}

/* A partial bitmap's nr_free is right by either convention: of the blocks that it stands for, or
 * (the kernel's) of all that it could.  One that is too high the kernel leaves itself; where it
 * comes to 0 the kernel looks for no free block any more. */
static void check_index_entry(struct sm_check *sm, const struct space_map_part *part,
			      uint32_t nr_free, uint32_t first_free)
{
	uint32_t found = le32_get(part->entry->nr_free);
	uint32_t before = le32_get(part->entry->none_free_before);
	uint32_t most = nr_free + (BITMAP_ENTRIES - part->nr_blocks);
	struct problem p;

	if (found != nr_free && found != most) {
		bool is_low = found < nr_free;

		problem_set(&p, is_low ? PROBLEM_NR_FREE_LOW : PROBLEM_NR_FREE, sm->root->index,
			    found, is_low ? nr_free : most);
		sm_tell(sm, part->number, &p);
	}
	if (nr_free && before > first_free) {
		problem_set(&p, PROBLEM_NONE_FREE_BEFORE, sm->root->index, before, first_free);
		sm_tell(sm, part->number, &p);
	}
}

static void read_counts(struct sm_check *sm, const struct space_map_part *part)
{
	uint32_t nr_free = 0, first_free = part->nr_blocks;

	for (uint32_t e = 0; e < part->nr_blocks; e++) {
		uint32_t count = bitmap_get_count(part->bitmap, e);

		note_count(sm, part->first + e, count);
		if (count)
			continue;
		if (!nr_free++)
			first_free = e;
	}
	check_bitmap_tail(sm, part);
	check_index_entry(sm, part, nr_free, first_free);
}

static void counts_unknown(struct sm_check *sm, uint64_t first, uint32_t nr)
{
	uint64_t end = min_u64(first + nr, sm->check->walk.limit);

	for (uint64_t block = first; block < end; block++)
		sm->check->info[block].counted = COUNT_UNKNOWN;
}

static int on_part(void *ctx, const struct space_map_part *part)
{
	struct sm_check *sm = ctx;

	if (part->bitmap) {
		sm->numbers[part->number] = le64_get(part->entry->blocknr);
		read_counts(sm, part);
	} else {
		sm->lacks_bitmaps = true;
		counts_unknown(sm, part->first, part->nr_blocks);
	}
	return 0;
}

static int on_index(void *ctx, const struct index_disk *index)
{
	struct sm_check *sm = ctx;
	struct problem p;

	for (uint64_t i = sm->nr_bitmaps; i < INDEX_MAX_ENTRIES; i++) {
		if (!le64_get(index->entry[i].blocknr))
			continue;
		problem_set(&p, PROBLEM_INDEX_PAST_END, sm->root->index,
			    le64_get(index->entry[i].blocknr), 0);
		check_tell(sm->check, &p, "space map, index entry %" PRIu64, i + 1);
		break;
	}
	return 0;
}

static int on_tree_count(void *ctx, uint64_t leaf, uint64_t block, uint32_t count)
{
	struct sm_check *sm = ctx;
	struct blk_info *info = block < sm->check->walk.limit ? &sm->check->info[block] : NULL;
	struct problem p;

	if (info && info->counted == COUNT_UNKNOWN)
		return 0;
	if (!info || !(info->flags & COUNT_IN_TREE)) {
		problem_set(&p, PROBLEM_REF_TREE_STRAY, leaf, block, 0);
		check_tell(sm->check, &p, "ref-count tree");
		return 0;
	}
	if (count < BITMAP_LOOK_IN_TREE) {
		problem_set(&p, PROBLEM_REF_TREE_VALUE, leaf, count, BITMAP_LOOK_IN_TREE);
		check_tell(sm->check, &p, "ref-count tree, block %" PRIu64, block);
	}
	info->counted = count == COUNT_UNKNOWN ? count - 1 : count;
	info->flags &= (uint8_t)~COUNT_IN_TREE;
	return 0;
}

/* Entries that the ref-count tree should have had: missing, and the count is no less, or lost with
 * a part of the tree.  Of a tree that can't be read nothing is missed where no bitmap wants
 * anything of it. */
static void find_missing_counts(struct sm_check *sm)
{
	bool all_read = sm->complete;
	struct problem p;

	sm->complete = !sm->lacks_bitmaps;
	for (uint64_t block = 0; block < sm->check->walk.limit; block++) {
		struct blk_info *info = &sm->check->info[block];

		if (!(info->flags & COUNT_IN_TREE))
			continue;
		info->counted = all_read ? BITMAP_LOOK_IN_TREE : COUNT_UNKNOWN;
		sm->complete &= all_read;
		if (!all_read)
			continue;
		problem_set(&p, PROBLEM_REF_TREE_MISSING, block, BITMAP_LOOK_IN_TREE,
			    BITMAP_LOOK_IN_TREE);
		check_tell(sm->check, &p, "space map");
	}
}

/* Is the block the question's?  Of a snapshot that is looked at alone, what it reaches is, and what
 * nothing reaches. */
static bool is_asked_for(const struct check *check, const struct blk_info *info)
{
	return check->scope != ERA_CHECK_SNAPSHOT || info->flags & SEEN_SNAPSHOT || !info->refs;
}

/* The problem with a block's count, or NR_PROBLEMS. */
static enum problem_code compare(struct check *check, uint64_t block)
{
	const struct blk_info *info = &check->info[block];

	if (info->counted == COUNT_UNKNOWN || info->counted == info->refs)
		return NR_PROBLEMS;
	if (!is_asked_for(check, info))
		return NR_PROBLEMS;
	if (info->refs && !info->counted)
		return PROBLEM_REF_FREE;
	if (check->has_moved)
		return NR_PROBLEMS;
	if (info->counted < info->refs)
		return PROBLEM_REF_LOW;
	if (check->hides_pointers)
		return NR_PROBLEMS;
	if (info->refs)
		return PROBLEM_REF_HIGH;
	return check_is_old_copy(check, block) ? PROBLEM_OLD_COPY : PROBLEM_LEAK;
}

static bool is_alike(const struct blk_info *a, const struct blk_info *b)
{
	return a->refs == b->refs && a->counted == b->counted && a->type == b->type;
}

static void compare_counts(struct check *check)
{
	const struct blk_info *info = check->info;
	uint64_t limit = check->walk.limit, len;
	enum problem_code code, next = compare(check, 0);
	struct problem p;

	for (uint64_t block = 0; block < limit; block += len) {
		code = next;
		len = 0;
		do {
			check->result->nr_reachable += info[block + len].refs > 0;
			len++;
			next = block + len < limit ? compare(check, block + len) : NR_PROBLEMS;
		} while (block + len < limit && next == code &&
			 is_alike(&info[block + len], &info[block]));
		if (code == NR_PROBLEMS)
			continue;
		check->any_high |= code == PROBLEM_REF_HIGH || code == PROBLEM_LEAK;
		problem_set(&p, code, block, info[block].counted, info[block].refs);
		p.nr_blocks = len;
		check_tell(check, &p, "space map, %s",
			   block_type_name((enum block_type)info[block].type));
	}
}

static void check_allocated(struct sm_check *sm)
{
	struct problem p;

	if (!sm->complete || sm->nr_allocated == sm->root->nr_allocated)
		return;
	problem_set(&p, PROBLEM_NR_ALLOCATED, 0, sm->root->nr_allocated, sm->nr_allocated);
	check_tell(sm->check, &p, "superblock, space map");
}

/* What is counted past the end of the device, and not found by a pointer. */
static int check_device(struct sm_check *sm)
{
	uint64_t nr_blocks = sm->check->dev->nr_blocks;
	struct problem p;

	if (sm->nr_cut > sm->check->nr_cut_pointers) {
		problem_set(&p, PROBLEM_SM_CUT, sm->first_cut, sm->first_cut, nr_blocks);
		check_tell(sm->check, &p, "space map");
	}
	return 0;
}

/* The size is of the superblock, which was read whole, whatever was written since. */
static bool begin(struct sm_check *sm, struct check *check)
{
	struct problem p;

	*sm = (struct sm_check){
		.check = check,
		.root = &check->result->live.sb.sm,
		.nr_bitmaps = div_up(check->result->live.sb.sm.nr_blocks, BITMAP_ENTRIES),
	};
	check->seen = SEEN_SPACE_MAP;
	check->result->space_map_lost = true;
	if (!space_map_check_size(sm->root, &p))
		return true;
	check->is_silent = false;
	check_problem(check, &p);
	return false;
}

static int read_space_map(struct sm_check *sm)
{
	const struct space_map_reader reader = {sm, on_index, on_part, on_tree_count};
	int r = space_map_read(&sm->check->walk, sm->root, &reader, &sm->complete);

	if (!r)
		find_missing_counts(sm);
	sm->check->result->space_map_lost = !sm->complete;
	return r;
}

static int judge(struct sm_check *sm)
{
	struct check *check = sm->check;

	if (check->hides_pointers)
		report_note(check->rep,
			    "%s: reference counts that are too high were not looked for, "
			    "since what is damaged may hold pointers",
			    check->dev->path);
	compare_counts(check);
	check_allocated(sm);
	return check->hides_pointers ? 0 : check_lost(check);
}

/* The index was written anew since, and bitmaps that it left may be others' by now. */
static int forget_moved_bitmaps(struct sm_check *sm, const struct superblock *now)
{
	struct index_disk *index = blk_alloc(1);
	struct problem p;
	bool is_known;

	if (!index)
		return report_nomem(sm->check->rep);
	is_known = now->sm.index && now->sm.index < sm->check->walk.limit &&
		   !walk_read(&sm->check->walk, now->sm.index, BLOCK_INDEX, index, &p);
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++)
		if (!is_known || le64_get(index->entry[i].blocknr) != sm->numbers[i])
			counts_unknown(sm, i * BITMAP_ENTRIES, BITMAP_ENTRIES);
	free(index);
	return 0;
}

/* Has the superblock been written since it was read?  Then only that a block is in use counts. */
static int look_again(struct sm_check *sm)
{
	struct check *check = sm->check;
	struct superblock now;
	struct problem p;
	int r = era_read_live_superblock(check->dev, true, &now, &p);

	if (r && r != ERA_DAMAGED)
		return r;
	check->has_moved = r || now.csum != check->result->live.sb.csum;
	if (!check->has_moved)
		return 0;
	return forget_moved_bitmaps(sm, r ? &check->result->live.sb : &now);
}

/* What keeps a look at all from its end counts for the snapshot, too. */
static int judge_snapshot(struct sm_check *sm)
{
	struct check *check = sm->check;

	check->is_silent = false;
	if (check->has_moved) {
		compare_counts(check);
		return 0;
	}
	if (check->has_silent)
		check_problem(check, &check->first_silent);
	return judge(sm);
}

/*
 * The steps stand on each other, and are taken in this order alone:
 *
 * 	read_space_map()   counts the pointers of the space map itself, and finds what it counts;
 * 	                   only then are both known of each block, and whether something hides
 * 	                   pointers
 * 	look               asks whether the device has all that is counted, or whether the
 * 	                   superblock has been written meanwhile
 * 	judge              compares, by all of that
 */
static int check_counts(struct check *check, int (*look)(struct sm_check *sm),
			int (*judge_counts)(struct sm_check *sm))
{
	struct sm_check sm;
	int r;

	if (!begin(&sm, check))
		return 0;
	r = read_space_map(&sm);
	if (!r)
		r = look(&sm);
	return r ? r : judge_counts(&sm);
}

int check_space_map(struct check *check)
{
	return check_counts(check, check_device, judge);
}

int check_snapshot_space_map(struct check *check)
{
	return check_counts(check, look_again, judge_snapshot);
}
