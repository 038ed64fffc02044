/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The superblock is the only block that isn't copied before it is written, and the only one whose
 * pointers are nowhere else.  But the space map counts them: in a whole generation every block
 * that is in use has as many references as there are pointers to it in the others, and those with
 * one more are exactly the ones that the superblock pointed to.  Which root is which, their trees
 * tell: there is one of each kind.  The kernel never needs a count above 2, so a ref-count tree
 * that isn't empty is not believed.
 *
 * A generation that is found so was whole once.  Whether it is the newest is another question.
 * Beside one that covers it, it may be left out: that one says as much, if it stays.  But the era of
 * the current writeset no block tells, so across the end of an era nothing covers anything.  There a
 * generation must be proven to be old: another one has archived the bits of its current writeset,
 * under an era above all that it names.  Were it the newest, that era would be in its array by now,
 * or in a writeset still, unless the device had shrunk in between.  That is refuted by an array that
 * is the same, and by archived writesets: they are digested in order, so those that are left would
 * be younger.
 */
#include "era/generation.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"
#include "pdata/btree.h"
#include "pdata/node.h"
#include "pdata/walk.h"

struct finder {
	struct generations *all;
	struct scan *scan;
	struct generation g;
	struct superblock clone;
};

static uint64_t leftmost_leaf(const struct scan *scan, uint64_t block)
{
	for (unsigned depth = 0; depth < BTREE_MAX_DEPTH && scan->blocks[block].kind == SCAN_NODE;
	     depth++)
		block = scan_children(scan, block)[0];
	return block;
}

static bool set_root(uint64_t *root, uint64_t block)
{
	if (*root)
		return false;
	*root = block;
	return true;
}

static bool set_array_root(struct finder *f, uint64_t block, uint64_t leaf)
{
	const struct scan *scan = f->scan;
	struct superblock *sb = &f->g.sb;
	uint64_t child = scan->blocks[leaf].nr ? scan_children(scan, leaf)[0] : 0;

	if (!child)
		return set_root(sb->era_array_root ? &sb->current_root : &sb->era_array_root,
				block);
	return set_root(scan->blocks[child].kind == SCAN_ERAS ? &sb->era_array_root
							      : &sb->current_root, block);
}

/* What the superblock pointed to. */
static bool set_any_root(struct finder *f, uint64_t block)
{
	uint64_t leaf = leftmost_leaf(f->scan, block);

	switch ((enum scan_kind)f->scan->blocks[leaf].kind) {
	case SCAN_INDEX:
		return true;
	case SCAN_SUPERBLOCK:
		return block == f->g.sb.metadata_snap;
	case SCAN_REF_LEAF:
		return set_root(&f->g.sb.sm.ref_tree, block);
	case SCAN_WRITESETS:
		return set_root(&f->g.sb.writeset_tree_root, block);
	case SCAN_ARRAY_LEAF:
		return set_array_root(f, block, leaf);
	case SCAN_DAMAGED:
	case SCAN_ZERO:
	case SCAN_BITMAP:
	case SCAN_NODE:
	case SCAN_ERAS:
	case SCAN_BITS:
		break;
	}
	return false;
}

static bool is_root(const struct ledger *ledger, uint64_t block)
{
	for (unsigned i = 0; i < ledger->nr_roots; i++)
		if (ledger->roots[i] == block)
			return true;
	return false;
}

static bool set_roots(struct finder *f)
{
	const struct ledger *ledger = &f->all->ledger;
	struct superblock *sb = &f->g.sb;
	struct problem p;

	sb->sm.nr_blocks = min_u64(f->scan->limit, ledger->nr_bitmaps * BITMAP_ENTRIES);
	sb->sm.nr_allocated = ledger->nr_allocated;
	sb->metadata_snap = ledger->clone;
	if (sb->metadata_snap &&
	    superblock_read(f->scan->dev, sb->metadata_snap, ROLE_SNAPSHOT, &f->clone, &p))
		return false;
	sb->data_block_size = f->clone.data_block_size;
	for (unsigned i = 0; i < ledger->nr_roots; i++)
		if (!set_any_root(f, ledger->roots[i]))
			return false;
	return is_root(ledger, sb->sm.index) && sb->sm.ref_tree && sb->writeset_tree_root &&
	       sb->era_array_root && (!sb->metadata_snap || is_root(ledger, sb->metadata_snap));
}

/* The length of an array of these blocks, all but the last of which are full; or UINT64_MAX. */
static uint64_t array_length(const struct scan *scan, const uint32_t *list, uint64_t nr,
			     uint32_t per_block)
{
	for (uint64_t i = 0; i < nr; i++) {
		uint32_t entries = scan->blocks[list[i]].nr;

		if (i + 1 < nr ? entries != per_block : !entries)
			return UINT64_MAX;
	}
	return nr ? (nr - 1) * per_block + scan->blocks[list[nr - 1]].nr : 0;
}

static bool is_empty_array(const struct scan *scan, uint64_t root)
{
	return scan->blocks[root].kind == SCAN_ARRAY_LEAF && !scan->blocks[root].nr;
}

/* 1, 0 when it is no array of that kind, or ERA_SYS. */
static int measure(struct scan *scan, uint64_t root, enum scan_kind kind,
		   struct extent *extent)
{
	uint32_t value_size = kind == SCAN_ERAS ? ERA_VALUE_SIZE : WORD_VALUE_SIZE;
	uint64_t nr;
	uint32_t *list = scan_array(scan, root, kind, &nr);

	*extent = (struct extent){.length = 0};
	if (!list)
		return nr ? ERA_SYS : is_empty_array(scan, root);
	extent->length = array_length(scan, list, nr, ARRAY_MAX_ENTRIES(value_size));
	for (uint64_t i = 0; i < nr; i++) {
		uint32_t value = scan->blocks[list[i]].value;

		extent->sum += value;
		extent->max = value > extent->max ? value : extent->max;
	}
	free(list);
	return extent->length <= ERA_MAX_BLOCKS;
}

/* The same of an era array, which few commits change. */
static int measure_eras(struct scan *scan, uint64_t root, struct known_array *known)
{
	int r;

	if (known->root == root)
		return 1;
	known->root = 0;
	r = measure(scan, root, SCAN_ERAS, &known->extent);
	if (r > 0)
		known->root = root;
	return r;
}

static int find_nr_blocks(struct finder *f)
{
	struct known_array *known = &f->all->eras;
	int r = measure_eras(f->scan, f->g.sb.era_array_root, known);

	if (r <= 0)
		return r;
	f->g.sb.nr_blocks = (uint32_t)known->extent.length;
	f->g.max_era = known->extent.max;
	return 1;
}

/* The current writeset has nr_blocks bits, unless the device was resized and then crashed. */
static int find_current(struct finder *f)
{
	struct superblock *sb = &f->g.sb;
	struct extent extent;
	uint64_t length;
	int r;

	if (!sb->current_root)
		return 1;
	r = measure(f->scan, sb->current_root, SCAN_BITS, &extent);
	if (r <= 0)
		return r;
	f->g.nr_set = extent.sum;
	length = extent.length;
	if (length > bits_words(ERA_MAX_BLOCKS))
		return 0;
	sb->current_nr_bits = (uint32_t)min_u64(length * BITS_PER_WORD, ERA_MAX_BLOCKS);
	if (length == bits_words(sb->nr_blocks))
		sb->current_nr_bits = sb->nr_blocks;
	return 1;
}

struct writesets {
	struct scan_writeset *list;
	uint64_t nr, nr_nodes;
};

static bool list_writesets(const struct scan *scan, uint64_t node, unsigned depth,
			   struct writesets *out)
{
	const struct scan_block *block = &scan->blocks[node];

	if (depth == BTREE_MAX_DEPTH || out->nr_nodes++ == scan->limit)
		return false;
	if (block->kind == SCAN_NODE) {
		for (uint32_t i = 0; i < block->nr; i++)
			if (!list_writesets(scan, scan_children(scan, node)[i], depth + 1, out))
				return false;
		return true;
	}
	if (block->kind != SCAN_WRITESETS || out->nr + block->nr > scan->limit)
		return false;
	for (uint32_t i = 0; i < block->nr; i++) {
		struct scan_writeset ws = scan_writeset(scan, node, i);

		if (!ws.root || (out->nr && ws.era <= out->list[out->nr - 1].era))
			return false;
		out->list[out->nr++] = ws;
	}
	return true;
}

/* 1 with a list to free(), 0 when it is none, or ERA_SYS. */
static int get_writesets(struct scan *scan, uint64_t root, struct writesets *out)
{
	bool is_one;

	*out = (struct writesets){.list = malloc((size_t)scan->limit * sizeof(*out->list))};
	if (!out->list)
		return report_nomem(scan->dev->rep);
	is_one = list_writesets(scan, root, 0, out);
	scan->nr_looked_at += out->nr + out->nr_nodes;
	if (is_one)
		return 1;
	free(out->list);
	out->list = NULL;
	return 0;
}

/* Sets known->nr and known->newest to the number of writesets in a tree and the highest era, if
 * there are any. */
static int measure_writesets(struct scan *scan, uint64_t root, struct known_writesets *known)
{
	struct writesets ws;
	struct extent extent;
	int r;

	if (known->root == root)
		return 1;
	*known = (struct known_writesets){.root = 0};
	r = get_writesets(scan, root, &ws);
	if (r <= 0)
		return r;
	for (uint64_t i = 0; i < ws.nr && r > 0; i++) {
		r = measure(scan, ws.list[i].root, SCAN_BITS, &extent);
		if (r > 0)
			r = extent.length == bits_words(ws.list[i].nr_bits);
	}
	if (r > 0)
		*known = (struct known_writesets){root, ws.nr, ws.nr ? ws.list[ws.nr - 1].era : 0};
	free(ws.list);
	return r;
}

static int find_writesets(struct finder *f)
{
	struct known_writesets *known = &f->all->writesets;
	int r = measure_writesets(f->scan, f->g.sb.writeset_tree_root, known);

	f->g.nr_writesets = known->nr;
	f->g.max_era = known->newest > f->g.max_era ? known->newest : f->g.max_era;
	return r;
}

/* The trees of the snapshot may have parts of their own that were overwritten. */
static int find_snapshot(struct finder *f)
{
	struct known_array *eras = &f->all->snap_eras;
	int r;

	if (!f->g.sb.metadata_snap)
		return 1;
	f->g.snap_era = f->clone.current_era;
	r = measure_eras(f->scan, f->clone.era_array_root, eras);
	if (r > 0)
		r = eras->extent.length == f->clone.nr_blocks;
	return r > 0 ? measure_writesets(f->scan, f->clone.writeset_tree_root,
					 &f->all->snap_writesets) : r;
}

static int find_all(struct finder *f)
{
	int r = ledger_turn_to(&f->all->ledger, f->g.sb.sm.index);

	if (r > 0)
		r = set_roots(f);
	if (r > 0)
		r = find_nr_blocks(f);
	if (r > 0)
		r = find_current(f);
	if (r > 0)
		r = find_writesets(f);
	return r > 0 ? find_snapshot(f) : r;
}

uint64_t generation_lowest_era(const struct generation *g)
{
	uint64_t era = g->max_era + (uint64_t)(g->sb.current_root != 0);

	return era > g->snap_era ? era : g->snap_era;
}

int generations_open(struct generations *all, struct scan *scan)
{
	*all = (struct generations){.scan = scan};
	return ledger_open(&all->ledger, scan);
}

void generations_close(struct generations *all)
{
	ledger_close(&all->ledger);
}

int generation_find(struct generations *all, uint64_t index, struct generation *g)
{
	struct finder f = {
		.all = all,
		.scan = all->scan,
		.g = {.sb = {.sm = {.index = index}}},
	};
	int r = find_all(&f);

	if (r > 0)
		*g = f.g;
	return r;
}

/* Comparing two generations: the buffers, and what is known of both. */
struct compare {
	struct scan *scan;
	const struct generation *g, *other;
	uint32_t *eras, *other_eras; /* blocks of the era arrays, once they are listed */
	uint64_t nr_eras, nr_other_eras;
	bool same_eras;
	struct writesets ws, other_ws;
	void *a, *b;
	uint64_t in_b; /* the block that b holds, or 0 */
};

static int read_into(struct compare *c, uint64_t block, void *data)
{
	int error = scan_read(c->scan, block, data);

	return error ? report_fail(c->scan->dev->rep, ERA_SYS, "%s: cannot read a second time",
				   c->scan->dev->path) : 0;
}

static const struct le32 *eras_of(const void *data)
{
	return (const void *)array_values(data);
}

static const struct le64 *words_of(const void *data)
{
	return (const void *)array_values(data);
}

static bool eras_covered(const struct compare *c, uint32_t nr)
{
	const struct le32 *a = eras_of(c->a), *b = eras_of(c->b);

	for (uint32_t i = 0; i < nr; i++)
		if (le32_get(a[i]) > le32_get(b[i]))
			return false;
	return true;
}

static bool bits_covered(const struct compare *c, uint32_t nr)
{
	const struct le64 *a = words_of(c->a), *b = words_of(c->b);

	for (uint32_t i = 0; i < nr; i++)
		if (le64_get(a[i]) & ~le64_get(b[i]))
			return false;
	return true;
}

/* Both have blocks of one kind; the array of `other` is at least as long. */
static int blocks_covered(struct compare *c, const uint32_t *a, uint64_t nr, const uint32_t *b,
			  bool (*covered)(const struct compare *c, uint32_t nr))
{
	for (uint64_t i = 0; i < nr; i++) {
		uint32_t entries = c->scan->blocks[a[i]].nr;
		int r;

		if (a[i] == b[i] || !c->scan->blocks[a[i]].value)
			continue;
		if (entries > c->scan->blocks[b[i]].nr)
			return 0;
		r = read_into(c, a[i], c->a);
		if (!r)
			r = read_into(c, b[i], c->b);
		c->in_b = 0;
		if (r)
			return r;
		if (!covered(c, entries))
			return 0;
	}
	return 1;
}

/* Are the bits of the bitset at root a also in that at root b? */
static int bitset_covered(struct compare *c, uint64_t a, uint64_t b)
{
	uint64_t nr_a, nr_b;
	uint32_t *list_a, *list_b;
	int r;

	if (a == b)
		return 1;
	list_a = scan_array(c->scan, a, SCAN_BITS, &nr_a);
	list_b = scan_array(c->scan, b, SCAN_BITS, &nr_b);
	if (nr_a == UINT64_MAX || nr_b == UINT64_MAX)
		r = ERA_SYS;
	else if (!list_a)
		r = is_empty_array(c->scan, a);
	else if (!list_b)
		r = 0;
	else
		r = nr_a > nr_b ? 0 : blocks_covered(c, list_a, nr_a, list_b, bits_covered);
	free(list_a);
	free(list_b);
	return r;
}

static int list_eras(struct compare *c)
{
	if (c->other_eras)
		return 0;
	free(c->eras);
	c->eras = scan_array(c->scan, c->g->sb.era_array_root, SCAN_ERAS, &c->nr_eras);
	c->other_eras = scan_array(c->scan, c->other->sb.era_array_root, SCAN_ERAS,
				   &c->nr_other_eras);
	return c->nr_eras == UINT64_MAX || c->nr_other_eras == UINT64_MAX ? ERA_SYS : 0;
}

static bool is_listed(const struct compare *c, const uint32_t *eras, uint64_t root)
{
	return eras || is_empty_array(c->scan, root);
}

/* Has the array of `other` at least this era for that data block? */
static int era_reached(struct compare *c, uint64_t data_block, uint32_t era)
{
	const uint32_t per_block = ARRAY_MAX_ENTRIES(ERA_VALUE_SIZE);
	uint64_t block;
	int r = 0;

	if (data_block >= c->other->sb.nr_blocks)
		return 1;
	if (data_block / per_block >= c->nr_other_eras)
		return 0;
	block = c->other_eras[data_block / per_block];
	if (c->scan->blocks[block].value < era)
		return 0;
	if (c->in_b != block)
		r = read_into(c, block, c->b);
	c->in_b = r ? 0 : block;
	return r ? r : le32_get(eras_of(c->b)[data_block % per_block]) >= era;
}

static int word_digested(struct compare *c, uint64_t word, uint64_t bits, uint32_t era)
{
	int r = 1;

	for (; bits && r > 0; bits &= bits - 1)
		r = era_reached(c, word * BITS_PER_WORD + (unsigned)__builtin_ctzll(bits), era);
	return r;
}

static int list_digested(struct compare *c, const uint32_t *list, uint64_t nr, uint32_t era)
{
	uint64_t word = 0;
	int r = 1;

	for (uint64_t i = 0; i < nr && r > 0; i++) {
		uint32_t entries = c->scan->blocks[list[i]].nr;

		if (c->scan->blocks[list[i]].value)
			r = read_into(c, list[i], c->a) ? ERA_SYS : 1;
		for (uint32_t j = 0; c->scan->blocks[list[i]].value && j < entries && r > 0; j++)
			r = word_digested(c, word + j, le64_get(words_of(c->a)[j]), era);
		word += entries;
	}
	return r;
}

/* A writeset that `other` has no more: are its bits in the array? */
static int digested(struct compare *c, const struct scan_writeset *ws)
{
	uint64_t nr;
	uint32_t *list = scan_array(c->scan, ws->root, SCAN_BITS, &nr);
	int r;

	if (!list)
		return nr ? ERA_SYS : is_empty_array(c->scan, ws->root);
	r = list_eras(c);
	if (!r)
		r = list_digested(c, list, nr, ws->era);
	free(list);
	return r;
}

/* Goes on from *i, since eras ascend; NULL when there is none of that era. */
static const struct scan_writeset *find_era(const struct writesets *all, uint32_t era, uint64_t *i)
{
	while (*i < all->nr && all->list[*i].era < era)
		(*i)++;
	return *i < all->nr && all->list[*i].era == era ? &all->list[*i] : NULL;
}

static int writesets_covered(struct compare *c)
{
	uint64_t at = 0;
	int r = 1;

	for (uint64_t i = 0; i < c->ws.nr && r > 0; i++) {
		const struct scan_writeset *ws = &c->ws.list[i];
		const struct scan_writeset *other = find_era(&c->other_ws, ws->era, &at);

		r = other ? bitset_covered(c, ws->root, other->root) : digested(c, ws);
	}
	return r;
}

static int current_covered(struct compare *c)
{
	uint64_t root = c->g->sb.current_root;
	int r;

	if (!root || !c->g->nr_set)
		return GENERATION_COVERS;
	for (uint64_t i = 0; i < c->other_ws.nr && (c->same_eras || c->ws.nr); i++) {
		if (c->other_ws.list[i].era <= c->g->max_era ||
		    c->other_ws.list[i].era < c->g->snap_era)
			continue;
		r = bitset_covered(c, root, c->other_ws.list[i].root);
		if (r)
			return r < 0 ? r : GENERATION_SUPERSEDES;
	}
	if (!c->other->sb.current_root)
		return GENERATION_MISSES;
	r = bitset_covered(c, root, c->other->sb.current_root);
	return r > 0 ? GENERATION_COVERS : r;
}

static int era_arrays_covered(struct compare *c)
{
	int r;

	c->same_eras = c->g->sb.era_array_root == c->other->sb.era_array_root;
	if (c->same_eras)
		return 1;
	r = list_eras(c);
	if (r)
		return r;
	if (!is_listed(c, c->eras, c->g->sb.era_array_root) || c->nr_eras > c->nr_other_eras)
		return 0;
	c->same_eras = c->nr_eras == c->nr_other_eras &&
		       !memcmp(c->eras, c->other_eras, (size_t)c->nr_eras * sizeof(*c->eras));
	return blocks_covered(c, c->eras, c->nr_eras, c->other_eras, eras_covered);
}

static int all_covered(struct compare *c)
{
	int r = era_arrays_covered(c);

	if (r > 0)
		r = writesets_covered(c);
	return r > 0 ? current_covered(c) : r;
}

static int compare_all(struct compare *c)
{
	struct scan *scan = c->scan;
	int r = get_writesets(scan, c->g->sb.writeset_tree_root, &c->ws);

	if (r > 0)
		r = get_writesets(scan, c->other->sb.writeset_tree_root, &c->other_ws);
	return r > 0 ? all_covered(c) : r;
}

int generation_compare(struct scan *scan, const struct generation *g,
		       const struct generation *other)
{
	struct compare c = {
		.scan = scan,
		.g = g,
		.other = other,
		.a = blk_alloc(1),
		.b = blk_alloc(1),
	};
	int r = 0;

	if (!c.a || !c.b)
		r = report_nomem(scan->dev->rep);
	else if (g->sb.nr_blocks <= other->sb.nr_blocks)
		r = compare_all(&c);
	free(c.ws.list);
	free(c.other_ws.list);
	free(c.eras);
	free(c.other_eras);
	free(c.a);
	free(c.b);
	return r;
}
