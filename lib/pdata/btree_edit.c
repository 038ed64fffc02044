/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "pdata/btree_edit.h"

#include <string.h>

#include "block/validate.h"
#include "pdata/btree.h"
#include "pdata/node.h"

/* The keys that a node may have, by its place. */
struct range {
	uint64_t first, end;
};

static const struct range all_keys = {0, UINT64_MAX};

/* A node on the way down, to be changed. */
struct step {
	struct blk_rw blk;
	struct range range;
	uint32_t i; /* the entry that leads on */
};

static void *value_at(void *node, uint32_t i)
{
	struct le64 *keys = (void *)((struct node_disk *)node + 1);

	return (uint8_t *)(keys + node_max(node)) + (size_t)i * node_value_size(node);
}

static struct le64 *keys_of(void *node)
{
	return (void *)((struct node_disk *)node + 1);
}

static void set_nr(void *node, uint32_t nr)
{
	((struct node_disk *)node)->nr_entries = le32_make(nr);
}

static void set_child(void *node, uint32_t i, uint64_t block)
{
	struct le64 pointer = le64_make(block);

	memcpy(value_at(node, i), &pointer, sizeof(pointer));
}

static void init_node(void *data, enum block_type type, bool is_leaf)
{
	uint32_t value_size = is_leaf ? blk_value_size(type) : (uint32_t)sizeof(struct le64);
	struct node_disk *node = data;

	node->flags = le32_make(is_leaf ? NODE_LEAF : NODE_INTERNAL);
	node->nr_entries = le32_make(0);
	node->max_entries = le32_make(NODE_MAX_ENTRIES(value_size));
	node->value_size = le32_make(value_size);
}

/* How many keys are at most `key`. */
static uint32_t count_up_to(const void *node, uint64_t key)
{
	uint32_t low = 0, high = node_nr(node);

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (node_key(node, middle) <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The entry that leads to the key; a key below all belongs under the first. */
static uint32_t child_index(const void *node, uint64_t key)
{
	uint32_t nr = count_up_to(node, key);

	return nr ? nr - 1 : 0;
}

/* Does the leaf have the key?  *i is where it is, or belongs. */
static bool find_in_leaf(const void *node, uint64_t key, uint32_t *i)
{
	uint32_t nr = count_up_to(node, key);

	*i = nr;
	if (!nr || node_key(node, nr - 1) != key)
		return false;
	*i = nr - 1;
	return true;
}

static int check_node(struct txn *txn, struct blk_ro blk, struct range range, enum block_type type,
		      unsigned depth)
{
	struct problem p;

	if (depth == BTREE_MAX_DEPTH)
		problem_set(&p, PROBLEM_DEPTH, blk.nr, BTREE_MAX_DEPTH + 1, BTREE_MAX_DEPTH);
	else if (!btree_check_place(blk, range.first, range.end, !depth, &p))
		return 0;
	return txn_problem(txn, &p, block_type_name(type));
}

/* The keys under entry i of a node that has that range. */
static struct range narrow(struct range range, const void *node, uint32_t i)
{
	return (struct range){
		.first = node_key(node, i),
		.end = i + 1 < node_nr(node) ? node_key(node, i + 1) : range.end,
	};
}

/* Reading the way down to the leaf of a key.  *end_key: the leaf's keys are below it. */
static int find_leaf(struct txn *txn, enum block_type type, uint64_t root, uint64_t key,
		     struct blk_ro *leaf, uint64_t *end_key)
{
	struct range range = all_keys;
	uint64_t block = root;

	for (unsigned depth = 0;; depth++) {
		uint32_t i;
		int r = txn_read(txn, block, type, leaf);

		if (!r)
			r = check_node(txn, *leaf, range, type, depth);
		if (r)
			return r;
		if (node_is_leaf(leaf->data))
			break;
		i = child_index(leaf->data, key);
		block = node_child(leaf->data, i);
		range = narrow(range, leaf->data, i);
	}
	*end_key = range.end;
	return 0;
}

int btree_lookup(struct txn *txn, enum block_type type, uint64_t root, uint64_t key, void *value)
{
	struct blk_ro leaf;
	uint64_t end_key;
	uint32_t i;
	int r = find_leaf(txn, type, root, key, &leaf, &end_key);

	if (r || !find_in_leaf(leaf.data, key, &i))
		return r;
	memcpy(value, node_value(leaf.data, i), node_value_size(leaf.data));
	return 1;
}

int btree_next(struct txn *txn, enum block_type type, uint64_t root, uint64_t *key, void *value)
{
	uint64_t from = *key, end_key = 0;
	struct blk_ro leaf;
	uint32_t i;

	/* The leaf where the key belongs may end before it. */
	while (end_key != UINT64_MAX) {
		int r = find_leaf(txn, type, root, from, &leaf, &end_key);

		if (r)
			return r;
		find_in_leaf(leaf.data, from, &i);
		if (i < node_nr(leaf.data)) {
			*key = node_key(leaf.data, i);
			memcpy(value, node_value(leaf.data, i), node_value_size(leaf.data));
			return 1;
		}
		from = end_key;
	}
	return 0;
}

static int create(struct txn *txn, enum block_type type, bool is_leaf, struct blk_rw *blk)
{
	int r = txn_new(txn, type, blk);

	if (!r)
		init_node(blk->data, type, is_leaf);
	return r;
}

int btree_create(struct txn *txn, enum block_type type, uint64_t *root)
{
	struct blk_rw blk;
	int r = create(txn, type, true, &blk);

	if (!r)
		*root = blk.nr;
	return r;
}

static int check_step(struct txn *txn, const struct step *step, enum block_type type,
		      unsigned depth)
{
	return check_node(txn, (struct blk_ro){step->blk.nr, step->blk.data}, step->range, type,
			  depth);
}

static int shadow_root(struct txn *txn, enum block_type type, uint64_t *root, struct step *step)
{
	int r = txn_shadow(txn, *root, type, &step->blk);

	if (r)
		return r;
	*root = step->blk.nr;
	step->range = all_keys;
	return check_step(txn, step, type, 0);
}

static int shadow_child(struct txn *txn, enum block_type type, const struct step *parent,
			struct step *child, unsigned depth)
{
	void *node = parent->blk.data;
	int r = txn_shadow(txn, node_child(node, parent->i), type, &child->blk);

	if (r)
		return r;
	set_child(node, parent->i, child->blk.nr);
	child->range = narrow(parent->range, node, parent->i);
	return check_step(txn, child, type, depth);
}

/* Makes room for an entry at i; there must be some. */
static void *open_gap(void *node, uint32_t i, uint64_t key)
{
	uint32_t nr = node_nr(node);
	struct le64 *keys = keys_of(node);
	size_t size = node_value_size(node);

	memmove(keys + i + 1, keys + i, (nr - i) * sizeof(*keys));
	memmove(value_at(node, i + 1), value_at(node, i), (nr - i) * size);
	keys[i] = le64_make(key);
	set_nr(node, nr + 1);
	return value_at(node, i);
}

static void close_gap(void *node, uint32_t i)
{
	uint32_t left = node_nr(node) - i - 1;
	struct le64 *keys = keys_of(node);
	size_t size = node_value_size(node);

	memmove(keys + i, keys + i + 1, left * sizeof(*keys));
	memmove(value_at(node, i), value_at(node, i + 1), left * size);
	set_nr(node, i + left);
}

/* Splits the child at parent->i; its upper half becomes the entry after. */
static int split_child(struct txn *txn, enum block_type type, struct step *parent, void *child)
{
	uint32_t nr = node_nr(child), keep = nr / 2;
	struct blk_rw right;
	struct le64 pointer;
	int r = create(txn, type, node_is_leaf(child), &right);

	if (r)
		return r;
	memcpy(keys_of(right.data), keys_of(child) + keep, (nr - keep) * sizeof(struct le64));
	memcpy(value_at(right.data, 0), value_at(child, keep),
	       (size_t)(nr - keep) * node_value_size(child));
	set_nr(right.data, nr - keep);
	set_nr(child, keep);
	pointer = le64_make(right.nr);
	memcpy(open_gap(parent->blk.data, parent->i + 1, node_key(right.data, 0)), &pointer,
	       sizeof(pointer));
	return 0;
}

/* A new root over the full one. */
static int grow(struct txn *txn, enum block_type type, uint64_t *root, struct step *step)
{
	struct step above = {.range = all_keys};
	void *old = step->blk.data;
	int r = create(txn, type, false, &above.blk);

	if (r)
		return r;
	keys_of(above.blk.data)[0] = keys_of(old)[0];
	set_nr(above.blk.data, 1);
	set_child(above.blk.data, 0, *root);
	*root = above.blk.nr;
	*step = above;
	return split_child(txn, type, step, old);
}

/* From a node that isn't full to the child for the key, which isn't full then. */
static int enter_child(struct txn *txn, enum block_type type, uint64_t key, struct step *step,
		       unsigned depth)
{
	void *node = step->blk.data;
	struct step child;
	int r;

	if (key < node_key(node, 0))
		keys_of(node)[0] = le64_make(key);
	step->i = child_index(node, key);
	r = shadow_child(txn, type, step, &child, depth);
	if (!r && node_nr(child.blk.data) == node_max(child.blk.data)) {
		r = split_child(txn, type, step, child.blk.data);
		if (r)
			return r;
		step->i = child_index(node, key);
		r = shadow_child(txn, type, step, &child, depth);
	}
	*step = child;
	return r;
}

static int insert(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key,
		  const void *value)
{
	struct step step = {.i = 0};
	uint32_t i;
	void *node;
	int r = shadow_root(txn, type, root, &step);

	if (!r && node_nr(step.blk.data) == node_max(step.blk.data))
		r = grow(txn, type, root, &step);
	for (unsigned depth = 1; !r && !node_is_leaf(step.blk.data); depth++)
		r = enter_child(txn, type, key, &step, depth);
	if (r)
		return r;
	node = step.blk.data;
	if (!find_in_leaf(node, key, &i))
		open_gap(node, i, key);
	memcpy(value_at(node, i), value, node_value_size(node));
	return 0;
}

int btree_insert(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key,
		 const void *value)
{
	return txn_result(txn, insert(txn, type, root, key, value));
}

/* Shadows the way to the key's leaf; *depth is that of the leaf, whose i is the key's entry. */
static int shadow_path(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key,
		       struct step path[BTREE_MAX_DEPTH], unsigned *depth)
{
	struct problem p;
	int r = shadow_root(txn, type, root, &path[0]);

	*depth = 0;
	while (!r && !node_is_leaf(path[*depth].blk.data)) {
		struct step *step = &path[(*depth)++];

		step->i = child_index(step->blk.data, key);
		r = shadow_child(txn, type, step, step + 1, *depth);
	}
	if (r || find_in_leaf(path[*depth].blk.data, key, &path[*depth].i))
		return r;
	problem_set(&p, PROBLEM_ARRAY_MISSING, path[*depth].blk.nr, key, key);
	return txn_problem(txn, &p, block_type_name(type));
}

int btree_edit(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key, void **value)
{
	struct step path[BTREE_MAX_DEPTH] = {0};
	unsigned depth;
	int r = shadow_path(txn, type, root, key, path, &depth);

	if (!r)
		*value = value_at(path[depth].blk.data, path[depth].i);
	return txn_result(txn, r);
}

static bool has_single_child(const void *node)
{
	return !node_is_leaf(node) && node_nr(node) == 1;
}

/* A root with a single child gives way to it; one without entries is a leaf. */
static int shrink_root(struct txn *txn, enum block_type type, uint64_t *root, struct blk_rw node)
{
	int r = 0;

	if (!node_nr(node.data))
		init_node(node.data, type, true);
	while (!r && has_single_child(node.data)) {
		struct blk_ro child;

		*root = node_child(node.data, 0);
		r = txn_release(txn, node.nr);
		if (!r)
			r = txn_read(txn, *root, type, &child);
		if (r || !has_single_child(child.data))
			return r;
		r = txn_shadow(txn, *root, type, &node);
		*root = node.nr;
	}
	return r;
}

static int erase(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key)
{
	struct step path[BTREE_MAX_DEPTH] = {0};
	unsigned depth;
	int r = shadow_path(txn, type, root, key, path, &depth);

	if (r)
		return r;
	close_gap(path[depth].blk.data, path[depth].i);
	while (depth && !node_nr(path[depth].blk.data)) {
		r = txn_release(txn, path[depth].blk.nr);
		if (r)
			return r;
		depth--;
		close_gap(path[depth].blk.data, path[depth].i);
	}
	return depth ? 0 : shrink_root(txn, type, root, path[0].blk);
}

int btree_remove(struct txn *txn, enum block_type type, uint64_t *root, uint64_t key)
{
	uint8_t value[sizeof(struct writeset_disk)];
	int found = btree_lookup(txn, type, *root, key, value);
	int r = found == 1 ? erase(txn, type, root, key) : 0;

	return txn_result(txn, r ? r : found);
}
