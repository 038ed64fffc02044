/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A count that is too high is usually waste.  But where a pointer to a writeset, a tree or the
 * metadata snapshot was lost, what is left is consistent, its answers are short, and such a count
 * is the only trace.  So those are looked at more closely, when nothing is damaged that may hold
 * pointers:
 *
 * - A block that nothing points to, whose content makes it the root of something, and each block it
 *   points to has a reference more than was found: the space map remembers the whole of it.  (Of an
 *   old copy in a leaked block this isn't so: what it points to was freed since, or has other
 *   owners, whose pointers account for all of its count.)
 * - A node of a writeset tree, or of a writeset, that one view reaches and whose count says that
 *   the other did, too.  The views share nodes, and a writeset that is left out leaves no hole in
 *   its tree.
 *
 * Other pointers can't get lost without a trace: an array has a hole then, and a pointer that leads
 * elsewhere now leads to a block whose count is too low.
 */
#include "check/check_internal.h"

#include <stdlib.h>

#include "block/validate.h"
#include "ondisk/era_disk.h"
#include "pdata/node.h"

/* What a block can be the root of. */
static const enum block_type roots[] = {BLOCK_SNAPSHOT, BLOCK_WRITESET_NODE, BLOCK_ERA_NODE};

static bool is_in_excess(const struct check *check, uint64_t block)
{
	const struct blk_info *info;

	if (block >= check->walk.limit)
		return false;
	info = &check->info[block];
	return info->counted != COUNT_UNKNOWN && info->counted > info->refs;
}

static bool snapshot_is_remembered(const struct check *check, const void *data)
{
	const struct superblock_disk *clone = data;

	return is_in_excess(check, le64_get(clone->writeset_tree_root)) &&
	       is_in_excess(check, le64_get(clone->era_array_root));
}

/* Linux leaves a clone allocated when it fails to take a snapshot for want of room: it takes the
 * references on both roots after it.  Each such try begins an era. */
bool check_is_old_copy(struct check *check, uint64_t block)
{
	const struct superblock *live = &check->result->live.sb;
	struct superblock copy;
	struct problem p;

	if (superblock_read(check->dev, block, BLOCK_SNAPSHOT, &copy, &p) || copy.metadata_snap ||
	    !copy.current_root || copy.current_era > live->current_era ||
	    copy.data_block_size != live->data_block_size ||
	    is_in_excess(check, copy.writeset_tree_root) ||
	    is_in_excess(check, copy.era_array_root))
		return false;
	for (unsigned i = 0; i < check->nr_old_copies; i++)
		if (check->old_copies[i] == copy.current_era)
			return false;
	if (check->nr_old_copies == MAX_OLD_COPIES)
		return false;
	check->old_copies[check->nr_old_copies++] = copy.current_era;
	return true;
}

static bool tree_is_remembered(const struct check *check, const void *data, enum block_type type)
{
	struct blk_pointers pointers = blk_pointers(data, type);

	for (uint32_t i = 0; i < pointers.nr; i++)
		if (!is_in_excess(check, blk_pointer(&pointers, i)))
			return false;
	return pointers.nr;
}

/* The type in which a leaked block is remembered, or BLOCK_NONE. */
static enum block_type remembered_as(struct check *check, uint64_t block, void *data)
{
	struct problem p;

	if (blk_dev_read(check->dev, block, 1, data))
		return BLOCK_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		enum block_type type = roots[i];

		if (blk_validate((struct blk_ro){block, data}, type, &p))
			continue;
		if (type == BLOCK_SNAPSHOT ? snapshot_is_remembered(check, data)
					   : tree_is_remembered(check, data, type))
			return type;
	}
	return BLOCK_NONE;
}

static bool is_shared_no_more(const struct check *check, const struct blk_info *info)
{
	unsigned views = info->flags & (SEEN_LIVE | SEEN_SNAPSHOT);

	return check->result->snapshot.walked && views != (SEEN_LIVE | SEEN_SNAPSHOT) &&
	       (info->type == BLOCK_WRITESET_NODE || info->type == BLOCK_BITSET_NODE);
}

static void check_block(struct check *check, uint64_t block, void *data)
{
	const struct blk_info *info = &check->info[block];
	enum block_type type = BLOCK_NONE;
	struct problem p;

	if (!info->refs)
		type = remembered_as(check, block, data);
	else if (is_shared_no_more(check, info))
		type = (enum block_type)info->type;
	if (type == BLOCK_NONE)
		return;
	problem_set(&p, PROBLEM_LOST, block, info->counted, info->refs);
	check_tell(check, &p, "space map, %s",
		   type == BLOCK_ERA_NODE ? "node" : block_type_name(type));
}

int check_lost(struct check *check)
{
	void *data = blk_alloc(1);

	if (!data)
		return report_nomem(check->rep);
	for (uint64_t block = 1; block < check->walk.limit; block++)
		if (is_in_excess(check, block))
			check_block(check, block, data);
	free(data);
	return 0;
}
