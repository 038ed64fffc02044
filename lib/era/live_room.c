/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "era/live_room.h"

#include "base/bits.h"
#include "base/checked.h"
#include "pdata/array_edit.h"

/* An entry more in the writeset tree, or one less: two levels, for 25,000 writesets and more, are
 * copied and split, and get a root. */
#define WRITESET_TREE_BLOCKS 5u

/* Commits if there are not `need` blocks to be had and a commit would free some. */
static int make_room(struct era_live *live, uint64_t need)
{
	int r = 0;

	if (txn_room(&live->txn) < need && txn_room_to_come(&live->txn))
		r = era_live_commit(live);
	return r ? r : txn_room(&live->txn) >= need;
}

static uint64_t for_mark(uint64_t nr_blocks)
{
	return array_max_shadows(ROLE_BITSET, bits_words(nr_blocks), 1);
}

static uint64_t for_digestion(uint64_t nr_blocks, uint32_t nr)
{
	return array_max_shadows(ROLE_ERA, nr_blocks, nr) + WRITESET_TREE_BLOCKS;
}

static uint64_t for_bitset(uint64_t nr_blocks)
{
	return array_max_blocks(ROLE_BITSET, bits_words(nr_blocks));
}

/* What marks and digestion need at any time. */
static uint64_t for_others(uint64_t nr_blocks)
{
	return for_mark(nr_blocks) + for_digestion(nr_blocks, 1);
}

static uint64_t for_roll_over(uint64_t nr_blocks)
{
	return for_bitset(nr_blocks) + WRITESET_TREE_BLOCKS + for_others(nr_blocks);
}

static uint64_t for_resize(uint64_t old_nr, uint64_t new_nr)
{
	uint64_t changed = 2 * array_max_shadows(ROLE_ERA, old_nr, 1), old_blocks, new_blocks;

	if (old_nr == new_nr)
		return 0;
	old_blocks = div_up(old_nr, array_per_block(ROLE_ERA));
	new_blocks = array_max_blocks(ROLE_ERA, new_nr);
	return changed + (new_blocks > old_blocks ? new_blocks - old_blocks : 0);
}

static uint64_t nr_shared(const struct era_live *live)
{
	uint64_t since = live->txn.nr_unshared - live->shared.at;

	return live->shared.nr > since ? live->shared.nr - since : 0;
}

static int count(struct era_live *live, bool is_shared, uint64_t *nr)
{
	const struct superblock *sb = &live->sb;
	int r;

	*nr = 0;
	r = txn_count_shared(&live->txn, sb->writeset_tree_root, ROLE_WRITESET_NODE, is_shared, nr);
	return r ? r : txn_count_shared(&live->txn, sb->era_array_root, ROLE_ERA_NODE, is_shared, nr);
}

int era_room_count_shared(struct era_live *live)
{
	uint64_t nr = 0;
	int r = live->sb.metadata_snap ? count(live, false, &nr) : 0;

	live->shared = (struct era_shared){.nr = nr, .at = live->txn.nr_unshared};
	return r;
}

int era_room_to_mark(struct era_live *live)
{
	return make_room(live, for_mark(live->sb.nr_blocks));
}

int era_room_to_digest(struct era_live *live, uint32_t *nr)
{
	uint64_t nr_blocks = live->sb.nr_blocks, marks = for_mark(nr_blocks);
	int r = make_room(live, marks + for_digestion(nr_blocks, *nr));

	while (!r && (*nr /= 2))
		r = marks + for_digestion(nr_blocks, *nr) <= txn_room(&live->txn);
	return r;
}

/* A snapshot that is taken with it holds all that is live then, and is a block itself. */
static int to_roll_over(struct era_live *live, bool with_snapshot)
{
	uint64_t shared = nr_shared(live);
	int r = with_snapshot ? count(live, true, &shared) : 0;

	if (r)
		return r;
	return make_room(live, for_roll_over(live->sb.nr_blocks) + with_snapshot + shared);
}

/* What is counted of shared blocks may be too high, never too low, so it is counted again before
 * anything is refused for it. */
int era_live_room_to_roll_over(struct era_live *live, bool with_snapshot)
{
	int r = to_roll_over(live, with_snapshot);

	if (r || with_snapshot || !nr_shared(live))
		return r;
	r = era_room_count_shared(live);
	return r ? r : to_roll_over(live, false);
}

uint64_t era_live_spare_room(const struct era_live *live)
{
	uint64_t need = for_roll_over(live->sb.nr_blocks) + nr_shared(live);
	uint64_t room = txn_room(&live->txn) + txn_room_to_come(&live->txn);

	return room > need ? room - need : 0;
}

int era_room_to_archive(struct era_live *live)
{
	return make_room(live, WRITESET_TREE_BLOCKS);
}

int era_room_to_resume(struct era_live *live, uint64_t nr_blocks, bool is_least)
{
	uint64_t need = for_resize(live->sb.nr_blocks, nr_blocks) + for_bitset(nr_blocks) +
			for_others(nr_blocks);

	return make_room(live, need + (is_least ? 0 : nr_shared(live)));
}
