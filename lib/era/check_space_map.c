/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The space map's own blocks are counted like all others, then its counts are compared with the
 * pointers found.  A run of blocks with the same difference is one problem.
 *
 * After damage some pointers may not have been seen: then counts that are too high prove nothing
 * and are left out, while counts that are too low are still wrong.
 */
#include "era/check_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/space_map.h"

struct sm_check {
	struct check *check;
	struct space_map_root root;
	uint64_t nr_bitmaps;
	uint64_t nr_allocated; /* as the bitmaps say */
	bool complete;         /* all of the space map could be read */
};

static int visit(struct check *check, uint64_t holder, uint64_t block, enum blk_role role,
		 void *data, struct problem *p)
{
	struct walk_pointer pointer = {.block = block, .role = role};
	int r = walk_visit(&check->walk, holder, &pointer, p);

	return r < 0 ? r : walk_read(&check->walk, block, role, data, p);
}

/* Blocks of the space map that the device hasn't are left out: that was a problem of its own. */
static void note_count(struct sm_check *sm, uint64_t block, uint32_t count)
{
	struct blk_info *info;

	if (count)
		sm->nr_allocated++;
	if (block >= sm->check->walk.limit)
		return;
	info = &sm->check->info[block];
	info->counted = count;
	if (count == BITMAP_LOOK_IN_TREE)
		info->flags |= COUNT_IN_TREE;
}

static void check_bitmap_tail(struct sm_check *sm, const struct bitmap_disk *bitmap, uint32_t nr,
			      uint64_t i)
{
	uint32_t used = bitmap_next_used(bitmap, nr);
	struct problem p;

	if (used == BITMAP_ENTRIES)
		return;
	problem_set(&p, PROBLEM_SM_PAST_END, le64_get(bitmap->blocknr),
		    bitmap_get_count(bitmap, used), 0);
	check_tell(sm->check, &p, "space map, bitmap %" PRIu64 " of %" PRIu64, i + 1,
		   sm->nr_bitmaps);
}

/* A partial bitmap's nr_free is right by either convention: of the blocks that it stands for, or
 * (the kernel's) of all that it could.  One that is too high the kernel leaves itself; where it comes
 * to 0 the kernel looks for no free block any more. */
static void check_index_entry(struct sm_check *sm, const struct index_entry_disk *entry,
			      uint32_t nr, uint32_t nr_free, uint32_t first_free, uint64_t i)
{
	uint32_t found = le32_get(entry->nr_free), before = le32_get(entry->none_free_before);
	struct problem p;

	if (found != nr_free && found != nr_free + (BITMAP_ENTRIES - nr)) {
		bool is_low = found < nr_free;

		problem_set(&p, is_low ? PROBLEM_NR_FREE_LOW : PROBLEM_NR_FREE, sm->root.index, found,
			    is_low ? nr_free : nr_free + (BITMAP_ENTRIES - nr));
		check_tell(sm->check, &p, "space map, bitmap %" PRIu64 " of %" PRIu64, i + 1,
			   sm->nr_bitmaps);
	}
	if (nr_free && before > first_free) {
		problem_set(&p, PROBLEM_NONE_FREE_BEFORE, sm->root.index, before, first_free);
		check_tell(sm->check, &p, "space map, bitmap %" PRIu64 " of %" PRIu64, i + 1,
			   sm->nr_bitmaps);
	}
}

static void read_counts(struct sm_check *sm, const struct index_entry_disk *entry,
			const struct bitmap_disk *bitmap, uint64_t i)
{
	uint64_t first = i * BITMAP_ENTRIES;
	uint32_t nr = (uint32_t)min_u64(BITMAP_ENTRIES, sm->root.nr_blocks - first);
	uint32_t nr_free = 0, first_free = nr;

	for (uint32_t e = 0; e < nr; e++) {
		uint32_t count = bitmap_get_count(bitmap, e);

		note_count(sm, first + e, count);
		if (count)
			continue;
		if (!nr_free++)
			first_free = e;
	}
	check_bitmap_tail(sm, bitmap, nr, i);
	check_index_entry(sm, entry, nr, nr_free, first_free, i);
}

static void counts_unknown(struct sm_check *sm, uint64_t i)
{
	uint64_t first = i * BITMAP_ENTRIES;
	uint64_t end = min_u64(first + BITMAP_ENTRIES, sm->check->walk.limit);

	for (uint64_t block = first; block < end; block++)
		sm->check->info[block].counted = COUNT_UNKNOWN;
	sm->complete = false;
}

static int read_bitmap(struct sm_check *sm, const struct index_entry_disk *entry, uint64_t i,
		       struct bitmap_disk *bitmap)
{
	struct problem p;
	int r = visit(sm->check, sm->root.index, le64_get(entry->blocknr), ROLE_BITMAP, bitmap, &p);

	if (!r)
		read_counts(sm, entry, bitmap, i);
	if (r != ERA_DAMAGED)
		return r;
	counts_unknown(sm, i);
	check_tell(sm->check, &p, "space map, bitmap %" PRIu64 " of %" PRIu64, i + 1,
		   sm->nr_bitmaps);
	return 0;
}

static void check_index_tail(struct sm_check *sm, const struct index_disk *index)
{
	struct problem p;

	for (uint64_t i = sm->nr_bitmaps; i < INDEX_MAX_ENTRIES; i++) {
		if (!le64_get(index->entry[i].blocknr))
			continue;
		problem_set(&p, PROBLEM_INDEX_PAST_END, sm->root.index,
			    le64_get(index->entry[i].blocknr), 0);
		check_tell(sm->check, &p, "space map, index entry %" PRIu64, i + 1);
		return;
	}
}

static int read_index(struct sm_check *sm, struct index_disk *index, struct bitmap_disk *bitmap)
{
	struct problem p;
	int r = visit(sm->check, 0, sm->root.index, ROLE_INDEX, index, &p);

	if (r == ERA_DAMAGED) {
		check_tell(sm->check, &p, "space map, index");
		for (uint64_t i = 0; i < sm->nr_bitmaps; i++)
			counts_unknown(sm, i);
		return 0;
	}
	for (uint64_t i = 0; i < sm->nr_bitmaps && !r; i++)
		r = read_bitmap(sm, &index->entry[i], i, bitmap);
	if (!r)
		check_index_tail(sm, index);
	return r;
}

static void read_tree_count(struct sm_check *sm, const struct btree_leaf *leaf, uint32_t i)
{
	const struct le32 *counts = (const void *)leaf->values;
	uint64_t block = le64_get(leaf->keys[i]);
	uint32_t count = le32_get(counts[i]);
	struct blk_info *info = block < sm->check->walk.limit ? &sm->check->info[block] : NULL;
	struct problem p;

	if (info && info->counted == COUNT_UNKNOWN)
		return;
	if (!info || block >= sm->root.nr_blocks || !(info->flags & COUNT_IN_TREE)) {
		problem_set(&p, PROBLEM_REF_TREE_STRAY, leaf->block, block, 0);
		check_tell(sm->check, &p, "ref-count tree");
		return;
	}
	if (count < BITMAP_LOOK_IN_TREE) {
		problem_set(&p, PROBLEM_REF_TREE_VALUE, leaf->block, count, BITMAP_LOOK_IN_TREE);
		check_tell(sm->check, &p, "ref-count tree, block %" PRIu64, block);
	}
	info->counted = count == COUNT_UNKNOWN ? count - 1 : count;
	info->flags &= (uint8_t)~COUNT_IN_TREE;
}

static int read_ref_tree(struct sm_check *sm)
{
	struct btree_root root = {.block = sm->root.ref_tree};
	struct btree_iter it;
	struct btree_leaf leaf;
	int r;

	btree_iter_init(&it, &sm->check->walk, ROLE_REF_NODE, root, "ref-count tree");
	while ((r = btree_iter_next(&it, &leaf)) > 0)
		for (uint32_t i = 0; i < leaf.nr_entries; i++)
			read_tree_count(sm, &leaf, i);
	if (it.nr_damaged)
		sm->complete = false;
	btree_iter_free(&it);
	return r;
}

/* Entries that the ref-count tree should have had: missing, or lost with a part of the tree. */
static void find_missing_counts(struct sm_check *sm)
{
	struct problem p;

	for (uint64_t block = 0; block < sm->check->walk.limit; block++) {
		struct blk_info *info = &sm->check->info[block];

		if (!(info->flags & COUNT_IN_TREE))
			continue;
		info->counted = COUNT_UNKNOWN;
		if (!sm->complete)
			continue;
		problem_set(&p, PROBLEM_REF_TREE_MISSING, block, BITMAP_LOOK_IN_TREE,
			    BITMAP_LOOK_IN_TREE);
		check_tell(sm->check, &p, "space map");
	}
}

/* The problem with a block's count, or NR_PROBLEMS. */
static enum problem_code compare(const struct blk_info *info, bool all_seen)
{
	if (info->counted == COUNT_UNKNOWN || info->counted == info->refs)
		return NR_PROBLEMS;
	if (info->counted < info->refs)
		return info->counted ? PROBLEM_REF_LOW : PROBLEM_REF_FREE;
	if (!all_seen)
		return NR_PROBLEMS;
	return info->refs ? PROBLEM_REF_HIGH : PROBLEM_LEAK;
}

static bool is_alike(const struct blk_info *a, const struct blk_info *b)
{
	return a->refs == b->refs && a->counted == b->counted && a->role == b->role;
}

/* Blocks in use that the space map has no counts of.  Returns where its counts end. */
static uint64_t find_uncounted(struct sm_check *sm)
{
	uint64_t limit = sm->check->walk.limit, end = min_u64(limit, sm->root.nr_blocks);
	struct problem p;

	for (uint64_t block = end; block < limit; block++) {
		const struct blk_info *info = &sm->check->info[block];

		if (!info->refs)
			continue;
		sm->check->result->nr_reachable++;
		problem_set(&p, PROBLEM_SM_SHORT, block, block, end);
		check_tell(sm->check, &p, "space map, %s", blk_role_name((enum blk_role)info->role));
	}
	return end;
}

static void weigh(struct check *check, uint64_t block)
{
	const struct blk_info *info = &check->info[block];

	if (info->counted > info->refs) {
		check->any_high = true;
		return;
	}
	check->any_low = true;
	check->own_low |= !!(info->flags & SEEN_SPACE_MAP);
	if (info->flags & SEEN_LIVE && !check->live_low)
		check->live_low = block;
}

static void compare_counts(struct sm_check *sm, bool all_seen)
{
	const struct blk_info *info = sm->check->info;
	uint64_t end = find_uncounted(sm), len;
	struct problem p;

	for (uint64_t block = 0; block < end; block += len) {
		enum problem_code code = compare(&info[block], all_seen);

		if (info[block].refs)
			sm->check->result->nr_reachable++;
		len = 1;
		if (code == NR_PROBLEMS)
			continue;
		while (block + len < end && is_alike(&info[block + len], &info[block]))
			len++;
		if (info[block].refs)
			sm->check->result->nr_reachable += len - 1;
		weigh(sm->check, block);
		problem_set(&p, code, block, info[block].counted, info[block].refs);
		p.nr_blocks = len;
		check_tell(sm->check, &p, "space map, %s",
			   blk_role_name((enum blk_role)info[block].role));
	}
}

static void check_allocated(struct sm_check *sm)
{
	struct problem p;

	if (!sm->complete || sm->nr_allocated == sm->root.nr_allocated)
		return;
	problem_set(&p, PROBLEM_NR_ALLOCATED, 0, sm->root.nr_allocated, sm->nr_allocated);
	check_tell(sm->check, &p, "superblock, space map");
}

static bool size_is_sound(struct sm_check *sm)
{
	struct problem p;

	if (!sm->root.nr_blocks || sm->root.nr_blocks > SPACE_MAP_MAX_BLOCKS) {
		problem_set(&p, PROBLEM_SM_SIZE, 0, sm->root.nr_blocks, SPACE_MAP_MAX_BLOCKS);
		check_tell(sm->check, &p, "superblock, space map");
		return false;
	}
	if (sm->root.nr_blocks > sm->check->dev->nr_blocks) {
		problem_set(&p, PROBLEM_SM_DEVICE, 0, sm->root.nr_blocks, sm->check->dev->nr_blocks);
		check_tell(sm->check, &p, "superblock, space map");
	}
	return true;
}

static int read_space_map(struct sm_check *sm)
{
	struct index_disk *index = blk_alloc(1);
	struct bitmap_disk *bitmap = blk_alloc(1);
	int r = index && bitmap ? read_index(sm, index, bitmap) : report_nomem(sm->check->rep);

	free(index);
	free(bitmap);
	return r ? r : read_ref_tree(sm);
}

int check_space_map(struct check *check)
{
	struct sm_check sm = {
		.check = check,
		.root = check->result->live.sb.sm,
		.nr_bitmaps = div_up(check->result->live.sb.sm.nr_blocks, BITMAP_ENTRIES),
		.complete = true,
	};
	bool all_seen;
	int r;

	check->seen = SEEN_SPACE_MAP;
	check->result->space_map_lost = true;
	if (!size_is_sound(&sm))
		return 0;
	r = read_space_map(&sm);
	if (r)
		return r;
	find_missing_counts(&sm);
	all_seen = !check->hides_pointers;
	if (!all_seen)
		report_note(check->rep, "%s: reference counts that are too high were not looked for, "
			    "since what is damaged may hold pointers", check->dev->path);
	compare_counts(&sm, all_seen);
	check_allocated(&sm);
	if (check->any_high || !all_seen)
		check->result->doubtful = check->live_low;
	if (all_seen)
		r = check_lost(check);
	check->result->space_map_lost = check->own_low || !sm.complete;
	if (check->own_low)
		check->result->doubtful = 0;
	return r;
}
