/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Transactions against simple models: a btree is a table of values, an array is an array, the
 * counts of the space map are those that the test has given.  Each commit is read again from the
 * file, with other code than wrote it.
 */
#include "metadata_file.h"

#include <string.h>

#include "base/bits.h"
#include "build/format.h"
#include "pdata/array.h"
#include "pdata/array_edit.h"
#include "pdata/btree_edit.h"
#include "pdata/node.h"

#define FILE_BLOCKS 3000u
#define CACHE_BLOCKS 8u

static char path[UNIT_PATH_MAX];

struct fixture {
	struct blk_dev dev;
	struct superblock sb;
	struct txn txn;
};

static void open_fixture(struct fixture *f)
{
	struct problem p;

	assert_int_equal(blk_dev_open(&f->dev, path, BLK_WRITE, &loud), 0);
	assert_int_equal(superblock_read(&f->dev, 0, BLOCK_SUPERBLOCK, &f->sb, &p), 0);
	assert_int_equal(txn_open(&f->txn, &f->dev, &f->sb.sm, CACHE_BLOCKS), 0);
}

static void format_fixture(struct fixture *f, uint64_t nr_blocks)
{
	struct blk_dev dev;

	metadata_create(path, nr_blocks);
	assert_int_equal(blk_dev_open(&dev, path, BLK_WRITE, &loud), 0);
	assert_int_equal(era_is_blank(&dev), 1);
	assert_int_equal(era_format(&dev, 8, 0), 0);
	assert_int_equal(era_is_blank(&dev), 0);
	blk_dev_close(&dev);
	metadata_are_sound(path);
	open_fixture(f);
}

static void close_fixture(struct fixture *f)
{
	txn_close(&f->txn);
	blk_dev_close(&f->dev);
}

static int write_super(void *ctx, const struct space_map_root *sm)
{
	struct fixture *f = ctx;

	f->sb.sm = *sm;
	return superblock_write(&f->dev, &f->sb);
}

static void commit(struct fixture *f)
{
	assert_int_equal(txn_commit(&f->txn, write_super, f), 0);
	assert_false(txn_is_changed(&f->txn));
}

static void reopen(struct fixture *f)
{
	close_fixture(f);
	open_fixture(f);
}

struct tree_model {
	enum block_type type;
	uint64_t root;
	uint32_t max_key;
	bool *present;
	uint32_t *values;
};

static int visit(void *ctx, const struct walk_pointer *pointer, struct problem *p)
{
	uint64_t *nr_nodes = ctx;

	(void)pointer;
	(void)p;
	++*nr_nodes;
	return WALK_READ;
}

static int no_problem(void *ctx, const struct problem *p)
{
	(void)ctx;
	print_problem(NULL, p);
	return ERA_DAMAGED;
}

/* Reads the whole tree from the file and returns how many nodes it has. */
static uint64_t compare_tree(struct fixture *f, const struct tree_model *model)
{
	uint64_t nr_nodes = 0;
	struct walk walk = {&f->dev, f->dev.nr_blocks, &nr_nodes, visit, no_problem};
	struct btree_iter it;
	struct btree_leaf leaf;
	uint32_t key = 0;
	int r;

	btree_iter_init(&it, &walk, model->type, (struct btree_root){.block = model->root}, "tree");
	while ((r = btree_iter_next(&it, &leaf)) > 0)
		for (uint32_t i = 0; i < leaf.nr_entries; i++, key++) {
			while (key < model->max_key && !model->present[key])
				key++;
			assert_int_equal(le64_get(leaf.keys[i]), key);
			assert_int_equal(le32_get(((const struct le32 *)(const void *)
							   leaf.values)[i]),
					 model->values[key]);
		}
	assert_int_equal(r, 0);
	while (key < model->max_key)
		assert_false(model->present[key++]);
	btree_iter_free(&it);
	return nr_nodes;
}

static void change_tree(struct fixture *f, struct tree_model *model, uint32_t key, bool insert,
			uint32_t value)
{
	struct le32 disk = le32_make(value), found;
	uint64_t next = key;

	assert_int_equal(btree_lookup(&f->txn, model->type, model->root, key, &found),
			 model->present[key]);
	if (insert)
		assert_int_equal(btree_insert(&f->txn, model->type, &model->root, key, &disk), 0);
	else
		assert_int_equal(btree_remove(&f->txn, model->type, &model->root, key),
				 model->present[key]);
	model->present[key] = insert;
	model->values[key] = value;
	while (next < model->max_key && !model->present[next])
		next++;
	if (next < model->max_key) {
		uint64_t at = key;

		assert_int_equal(btree_next(&f->txn, model->type, model->root, &at, &found), 1);
		assert_int_equal(at, next);
		assert_int_equal(le32_get(found), model->values[next]);
	} else {
		uint64_t at = key;

		assert_int_equal(btree_next(&f->txn, model->type, model->root, &at, &found), 0);
	}
}

/* A tree of ref counts, since its values point nowhere; it isn't the space map's own. */
static void test_btree(void **state)
{
	struct tree_model model = {.type = BLOCK_REF_NODE, .max_key = 60000};
	struct fixture f;
	uint64_t seed = 1, others;

	(void)state;
	format_fixture(&f, FILE_BLOCKS);
	model.present = calloc(model.max_key, sizeof(*model.present));
	model.values = calloc(model.max_key, sizeof(*model.values));
	others = f.txn.counts.nr_allocated;
	assert_int_equal(btree_create(&f.txn, model.type, &model.root), 0);
	for (unsigned round = 0; round < 60; round++) {
		/* First it grows, then it shrinks, at random or from one end. */
		unsigned insert_of_10 = round < 30 ? 9 : round < 58 ? 2 : 0;
		unsigned how = unit_random(&seed) % 3;
		uint32_t key = unit_random(&seed) % model.max_key;

		for (unsigned i = 0; i < 2000; i++) {
			bool insert = unit_random(&seed) % 10 < insert_of_10;

			key = how == 0	 ? unit_random(&seed) % model.max_key
			      : how == 1 ? (key + 1) % model.max_key
					 : (key + model.max_key - 1) % model.max_key;
			change_tree(&f, &model, key, insert, unit_random(&seed));
			assert_int_equal(txn_trim(&f.txn), 0);
		}
		commit(&f);
		assert_int_equal(compare_tree(&f, &model) + others, f.txn.counts.nr_allocated);
	}
	for (uint32_t key = 0; key < model.max_key; key++)
		if (model.present[key])
			change_tree(&f, &model, key, false, 0);
	commit(&f);
	assert_int_equal(compare_tree(&f, &model), 1);
	assert_int_equal(f.txn.counts.nr_allocated, others + 1);
	assert_int_equal(txn_drop(&f.txn, model.root, model.type), 0);
	commit(&f);
	close_fixture(&f);
	metadata_are_sound(path);
	free(model.present);
	free(model.values);
	unlink(path);
}

/* What the last commit reaches stays as it was until the next one. */
static void test_last_commit_is_whole(void **state)
{
	struct fixture f;
	uint8_t *before, *after;
	uint64_t nr_free, nr;
	struct le32 fill = le32_make(7);

	(void)state;
	format_fixture(&f, 400);
	assert_int_equal(array_resize(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 0, 100000, &fill),
			 0);
	f.sb.nr_blocks = 100000;
	f.sb.current_era = 7;
	commit(&f);
	close_fixture(&f);
	metadata_are_sound(path);
	open_fixture(&f);
	before = blk_alloc(400);
	after = blk_alloc(400);
	assert_int_equal(blk_dev_read(&f.dev, 0, 400, before), 0);
	nr_free = txn_free_blocks(&f.txn);
	for (uint64_t i = 0; i < 98; i++) {
		uint8_t *values;

		assert_int_equal(array_edit_block(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 100000,
						  i, &values),
				 0);
		memset(values, 1, 4);
		assert_int_equal(txn_trim(&f.txn), 0);
	}
	/* All are shadowed, once; the old ones come free with the commit. */
	nr = txn_blocks_to_come(&f.txn);
	assert_int_equal(nr, 99);
	assert_int_equal(txn_free_blocks(&f.txn), nr_free - nr);
	assert_int_equal(blk_dev_read(&f.dev, 0, 400, after), 0);
	for (uint64_t b = 0; b < 400; b++)
		if (counts_get(&f.txn.counts, b) && !counts_is_new(&f.txn.counts, b))
			assert_memory_equal(before + b * META_BLOCK_SIZE,
					    after + b * META_BLOCK_SIZE, META_BLOCK_SIZE);
	/* Dropped, it was never there. */
	close_fixture(&f);
	metadata_are_sound(path);
	open_fixture(&f);
	assert_int_equal(txn_free_blocks(&f.txn), nr_free);
	close_fixture(&f);
	free(before);
	free(after);
	unlink(path);
}

/* The era array, resized and changed at random. */
static void test_array(void **state)
{
	struct fixture f;
	uint64_t seed = 3, nr = 0;
	uint32_t *model = calloc(70000, sizeof(*model));

	(void)state;
	format_fixture(&f, FILE_BLOCKS);
	f.sb.current_era = 1000000;
	for (unsigned round = 0; round < 300; round++) {
		uint32_t fill = unit_random(&seed) % 1000, *eras = calloc(70000, sizeof(*eras));
		struct le32 disk = le32_make(fill);
		uint64_t new_nr = unit_random(&seed) % (unit_random(&seed) % 4 ? 70000 : 2500);

		assert_int_equal(array_resize(&f.txn, BLOCK_ERA, &f.sb.era_array_root, nr, new_nr,
					      &disk),
				 0);
		for (; nr < new_nr; nr++)
			model[nr] = fill;
		nr = new_nr;
		for (unsigned i = 0; i < 20 && nr; i++) {
			uint64_t at = unit_random(&seed) % nr;
			uint8_t *values;

			assert_int_equal(array_edit_block(&f.txn, BLOCK_ERA, &f.sb.era_array_root,
							  nr, at / 1018, &values),
					 0);
			model[at] = unit_random(&seed) % 1000000;
			((struct le32 *)(void *)values)[at % 1018] = le32_make(model[at]);
		}
		f.sb.nr_blocks = (uint32_t)nr;
		commit(&f);
		close_fixture(&f);
		metadata_are_sound(path);
		metadata_eras(path, 0, eras, (uint32_t)nr);
		assert_memory_equal(eras, model, nr * sizeof(*eras));
		free(eras);
		open_fixture(&f);
	}
	close_fixture(&f);
	free(model);
	unlink(path);
}

static void count_problem(void *ctx, const struct problem *p)
{
	uint64_t *nr = ctx;

	assert_int_equal(p->code, PROBLEM_REF_HIGH);
	*nr += p->nr_blocks;
}

static uint64_t array_block(struct fixture *f, uint32_t index)
{
	struct le64 pointer;

	assert_int_equal(btree_lookup(&f->txn, BLOCK_ERA_NODE, f->sb.era_array_root, index,
				      &pointer),
			 1);
	return le64_get(pointer);
}

static void compare_count(struct fixture *f, uint32_t index, uint32_t count)
{
	assert_int_equal(counts_get(&f->txn.counts, array_block(f, index)), count);
}

/* Counts of 3 and more live in the ref-count tree; the check sees what we gave. */
static void test_counts(void **state)
{
	uint64_t seed = 5, nr_high;
	const struct report counting = {.ctx = &nr_high, .problem = count_problem};
	struct era_check_result result;
	struct fixture f;
	struct le32 fill = le32_make(0);
	uint8_t extra[1100] = {0};

	(void)state;
	format_fixture(&f, FILE_BLOCKS);
	assert_int_equal(array_resize(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 0, 1018 * 1000,
				      &fill),
			 0);
	f.sb.nr_blocks = 1018 * 1000;
	commit(&f);
	for (unsigned round = 0; round < 40; round++) {
		uint64_t want = 0;

		for (unsigned i = 0; i < 300; i++) {
			uint32_t index = unit_random(&seed) % 1000, up = unit_random(&seed) % 6;
			uint64_t block = array_block(&f, index);

			up = round >= 30 ? 0 : up;
			while (extra[index] < up) {
				assert_int_equal(txn_inc(&f.txn, block), 0);
				extra[index]++;
			}
			while (extra[index] > up) {
				assert_int_equal(txn_drop(&f.txn, block, BLOCK_ERA), 0);
				extra[index]--;
			}
			compare_count(&f, index, 1u + extra[index]);
		}
		commit(&f);
		close_fixture(&f);
		for (unsigned i = 0; i < 1000; i++)
			want += extra[i] != 0;
		nr_high = 0;
		assert_int_equal(era_check(path, ERA_CHECK_ALL, &counting, &result), 0);
		assert_int_equal(nr_high, want);
		open_fixture(&f);
	}
	for (unsigned i = 0; i < 1000; i++)
		compare_count(&f, i, 1u + extra[i]);
	close_fixture(&f);
	unlink(path);
}

/* Out of space: the change fails, says so, and aborts the transaction; the commit before stays. */
static void test_full(void **state)
{
	struct le32 fill = le32_make(0);
	struct fixture f;
	struct blk_rw blk;
	uint64_t nr_free;

	(void)state;
	format_fixture(&f, 60);
	nr_free = txn_free_blocks(&f.txn);
	assert_int_equal(array_resize(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 0, 1018 * nr_free,
				      &fill),
			 ERA_NO_SPACE);
	assert_int_equal(txn_new(&f.txn, BLOCK_ERA, &blk), ERA_NO_SPACE);
	assert_int_equal(txn_commit(&f.txn, write_super, &f), ERA_NO_SPACE);
	reopen(&f);
	assert_int_equal(txn_free_blocks(&f.txn), nr_free);
	/* To the last block, and the commit still has room. */
	assert_int_equal(array_resize(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 0,
				      1018 * (nr_free - 1), &fill),
			 0);
	assert_int_equal(txn_free_blocks(&f.txn), 0);
	f.sb.nr_blocks = (uint32_t)(1018 * (nr_free - 1));
	commit(&f);
	close_fixture(&f);
	metadata_are_sound(path);
	unlink(path);
}

/* A block with an entry too few or too many is damage, to readers and writers; also one that isn't
 * there. */
static void test_wrong_entries(void **state)
{
	struct le32 fill = le32_make(0);
	const uint8_t *values;
	uint8_t *edited;
	struct fixture f;

	(void)state;
	format_fixture(&f, 60);
	f.dev.rep = NULL;
	assert_int_equal(array_resize(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 0, 3000, &fill), 0);
	assert_int_equal(array_read_block(&f.txn, BLOCK_ERA, f.sb.era_array_root, 3000, 2, &values),
			 0);
	assert_int_equal(array_read_block(&f.txn, BLOCK_ERA, f.sb.era_array_root, 2999, 2, &values),
			 ERA_DAMAGED);
	assert_int_equal(array_read_block(&f.txn, BLOCK_ERA, f.sb.era_array_root, 9000, 3, &values),
			 ERA_DAMAGED);
	assert_int_equal(array_edit_block(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 3000, 1,
					  &edited),
			 0);
	assert_int_equal(array_edit_block(&f.txn, BLOCK_ERA, &f.sb.era_array_root, 3001, 2,
					  &edited),
			 ERA_DAMAGED);
	assert_int_equal(txn_commit(&f.txn, write_super, &f), ERA_DAMAGED);
	close_fixture(&f);
	metadata_are_sound(path);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_btree), cmocka_unit_test(test_last_commit_is_whole),
		cmocka_unit_test(test_array), cmocka_unit_test(test_counts),
		cmocka_unit_test(test_full),  cmocka_unit_test(test_wrong_entries),
	};

	return cmocka_run_group_tests_name("txn", tests, NULL, NULL);
}
