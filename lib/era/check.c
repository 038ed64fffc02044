/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every pointer of both views is followed, and counted once for the block that holds it.  The
 * kernel counts a reference for each such pointer, so a block that is shared by the views has two
 * references only at the top: what lies under a shared block has the one of that block.
 *
 * Nodes are read again for the second view, since the place of what they hold is part of what is
 * checked; array blocks aren't, unless they are their array's last.
 */
#include "era/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "era/check_internal.h"
#include "era/cursor.h"
#include "ondisk/era_disk.h"

#define BUFFER_BLOCKS 256u

/* What an array block held were no pointers. */
static bool may_hide_pointers(const struct check *check, const struct problem *p)
{
	uint8_t role;

	if (p->code != PROBLEM_READ && p->code != PROBLEM_CHECKSUM && p->code != PROBLEM_BLOCKNR)
		return true;
	if (!check->info || p->block >= check->walk.limit)
		return true;
	role = check->info[p->block].role;
	return role != ROLE_ERA && role != ROLE_BITSET;
}

void check_problem(struct check *check, const struct problem *p)
{
	switch (problem_severity(p)) {
	case PROBLEM_FATAL:
		check->result->nr_fatal++;
		break;
	case PROBLEM_NON_FATAL:
		check->result->nr_non_fatal++;
		break;
	case PROBLEM_NOTE:
		check->result->nr_notes++;
		break;
	}
	if (p->code == PROBLEM_READ)
		check->result->nr_read_errors++;
	if (problem_is_of_counts(p)) {
		check->result->nr_of_counts++;
	} else if (problem_severity(p) != PROBLEM_NOTE) {
		check->result->nr_others++;
		check->hides_pointers |= may_hide_pointers(check, p);
	}
	report_problem(check->rep, p);
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

static bool need_not_read(const struct check *check, const struct blk_info *info)
{
	return info->flags & SOUND_AND_FULL && info->index + UINT64_C(1) < check->nr_array_blocks &&
	       info->max_era <= check->sb->current_era;
}

static int on_pointer(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	struct check *check = ctx;
	struct blk_info *info = &check->info[pointer->block];
	bool known = info->role != ROLE_NONE, is_array;

	is_array = pointer->role == ROLE_ERA || pointer->role == ROLE_BITSET;
	if (!pointer->parent_shared)
		info->refs++;
	if (known && info->role != pointer->role) {
		problem_set(p, PROBLEM_ROLE, pointer->block, info->role, pointer->role);
		return ERA_DAMAGED;
	}
	if (info->flags & check->seen) {
		problem_set(p, PROBLEM_TWICE, pointer->block, 0, 0);
		return ERA_DAMAGED;
	}
	info->flags |= (uint8_t)check->seen;
	info->role = (uint8_t)pointer->role;
	if (known && is_array && info->index != pointer->index) {
		problem_set(p, PROBLEM_POSITION, pointer->block, pointer->index, info->index);
		return ERA_DAMAGED;
	}
	info->index = (uint32_t)pointer->index;
	if (known && is_array && need_not_read(check, info))
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
	if (it->role == ROLE_ERA)
		r = era_check_part(part, check->sb->current_era, &info->max_era, &p);
	else
		r = writeset_check_part(it, part, nr_bits, &p);
	return r ? array_problem(it, part->index, &p) : 0;
}

static int check_array(struct check *check, enum blk_role role, struct btree_root root,
		       uint64_t nr_entries, uint32_t nr_bits, const char *name)
{
	struct array_iter it;
	struct array_part part;
	int r;

	array_iter_init(&it, &check->walk, role, root, nr_entries, BUFFER_BLOCKS, name);
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

static int check_writeset(struct check *check, struct era_check_view *view,
			  const struct btree_leaf *leaf, uint32_t i)
{
	const struct writeset_disk *disk = (const struct writeset_disk *)(const void *)leaf->values + i;
	bool snapshot = check->seen == SEEN_SNAPSHOT;
	uint64_t era = le64_get(leaf->keys[i]);
	uint32_t nr_bits = le32_get(disk->nr_bits);
	struct btree_root root = {le64_get(disk->root), leaf->block, leaf->shared};
	char name[BTREE_NAME_MAX];
	struct problem p;

	writeset_name(name, snapshot, false, (uint32_t)min_u64(era, UINT32_MAX));
	if (writeset_check_era(&view->sb, !snapshot && view->sb.current_root, leaf->block, era, &p))
		check_tell(check, &p, "%s", name);
	if (writeset_check_bits(leaf->block, nr_bits, ERA_MAX_BLOCKS, &p)) {
		check_tell(check, &p, "%s", name);
		return 0;
	}
	if (!view->nr_writesets++)
		view->oldest_writeset = (uint32_t)era;
	view->newest_writeset = (uint32_t)era;
	return check_array(check, ROLE_BITSET, root, bits_words(nr_bits), nr_bits, name);
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

static int check_writeset_tree(struct check *check, struct era_check_view *view, uint64_t holder)
{
	struct btree_root root = {.block = view->sb.writeset_tree_root, .holder = holder};
	struct btree_iter it;
	struct btree_leaf leaf;
	char name[BTREE_NAME_MAX];
	int r;

	snprintf(name, sizeof(name), "%swriteset tree",
		 era_view_prefix(check->seen == SEEN_SNAPSHOT));
	btree_iter_init(&it, &check->walk, ROLE_WRITESET_NODE, root, name);
	while ((r = btree_iter_next(&it, &leaf)) > 0) {
		for (uint32_t i = 0; i < leaf.nr_entries && r >= 0; i++) {
			uint64_t era = le64_get(leaf.keys[i]);

			if (view->nr_writesets && check->seen == SEEN_LIVE && !it.nr_damaged)
				check_gap(check, leaf.block, era,
					  view->newest_writeset + UINT64_C(1));
			r = check_writeset(check, view, &leaf, i);
		}
		if (r < 0)
			break;
	}
	if (!r && !it.nr_damaged)
		check_newest(check, view);
	btree_iter_free(&it);
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
	return check_array(check, ROLE_BITSET, root, bits_words(sb->current_nr_bits),
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
	snprintf(name, sizeof(name), "%sera array", era_view_prefix(seen == SEEN_SNAPSHOT));
	r = check_writeset_tree(check, view, holder);
	if (!r && seen == SEEN_LIVE)
		r = check_current(check, &view->sb);
	return r ? r : check_array(check, ROLE_ERA, array, view->sb.nr_blocks, 0, name);
}

static int check_snapshot(struct check *check)
{
	struct era_check_view *live = &check->result->live, *snapshot = &check->result->snapshot;
	struct walk_pointer pointer = {.block = live->sb.metadata_snap, .role = ROLE_SNAPSHOT};
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

static int check_all(struct check *check)
{
	int r = check_view(check, &check->result->live, SEEN_LIVE, 0);

	if (!r)
		r = check_snapshot(check);
	return r ? r : check_space_map(check);
}

static int check_held_snapshot(struct check *check)
{
	const struct era_check_result *result = check->result;
	int r;

	if (!result->live.sb.metadata_snap)
		return report_fail(check->rep, ERA_NO_ANSWER, "%s: no current metadata snap",
				   check->dev->path);
	r = check_snapshot(check);
	if (r || (result->nr_read_errors && !result->snapshot.present))
		return r;
	r = era_snapshot_settle(check->dev, &result->live.sb, &result->snapshot.sb,
				result->nr_fatal ? ERA_DAMAGED : 0);
	return r == ERA_DAMAGED ? 0 : r;
}

static int prepare(struct check *check)
{
	uint64_t limit = era_block_limit(check->dev);

	check->walk = (struct walk){check->dev, limit, check, on_pointer, on_problem};
	check->info = calloc((size_t)limit, sizeof(*check->info));
	if (!check->info)
		return report_nomem(check->rep);
	check->info[0] = (struct blk_info){.refs = 1, .role = ROLE_SUPERBLOCK};
	check->dev->progress_total = min_u64(check->result->live.sb.sm.nr_allocated, limit);
	return 0;
}

static int check_scope(struct check *check, enum era_check_scope scope)
{
	struct era_check_result *result = check->result;
	struct problem p;
	int r = era_look_like_metadata(check->dev);

	if (r)
		return r;
	r = era_read_live_superblock(check->dev, scope == ERA_CHECK_SNAPSHOT, &result->live.sb, &p);
	if (r == ERA_DAMAGED) {
		check_problem(check, &p);
		return 0;
	}
	result->live.present = !r;
	if (r || scope == ERA_CHECK_SUPERBLOCK)
		return r;
	r = prepare(check);
	if (r)
		return r;
	return scope == ERA_CHECK_SNAPSHOT ? check_held_snapshot(check) : check_all(check);
}

/* What is left to say of the repaired metadata must be nothing. */
static int check_repaired(struct blk_dev *dev, const struct report *rep,
			  struct era_check_result *result)
{
	struct era_check_result again;
	int r = era_check_dev(dev, ERA_CHECK_ALL, rep, &again);

	if (!r && again.nr_read_errors)
		r = report_fail(rep, ERA_SYS, "%s: could not be checked after its repair", dev->path);
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
	struct check check = {.dev = dev, .rep = rep, .result = result};
	int r;

	*result = (struct era_check_result){.device_blocks = dev->nr_blocks};
	r = check_scope(&check, scope);
	if (!r && scope == ERA_CHECK_REPAIR && result->live.present)
		r = check_repair_counts(&check);
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
