/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Random damage to metadata that a kernel wrote, of which is known which block was written when:
 * what is repaired or salvaged passes the check, and no block has an earlier era than the true one.
 * Then no question "written since N" can leave one out, whatever N is.  Where it is refused nothing
 * is written.
 *
 *	ERA_SALVAGE_CASES	how many cases of each kind of damage
 *	ERA_SALVAGE_SEED	another sequence of them
 *	ERA_SALVAGE_IMAGES	a folder with folders of image.gz or metadata, and truth
 *
 * A line for each kind says how many blocks have the era that they had, on average.
 */
#include "repair.h"
#include "salvage_damage.h"
#include "unit.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/source.h"
#include "block/validate.h"
#include "check/check.h"
#include "metadata/map.h"
#include "metadata/state_room.h"
#include "ondisk/era_disk.h"
#include "open/open.h"
#define ROOM_SALVAGE
#include "salvage/generation_internal.h"

#define MAX_IMAGES 1000u
#define MAX_BYTES (16u << 20)

static struct image images[MAX_IMAGES];
static size_t nr_images;
static char folder[UNIT_PATH_MAX];
static char damaged[UNIT_PATH_MAX + 16], repaired[UNIT_PATH_MAX + 16];

static void load_truth(struct image *image, const char *path)
{
	FILE *file = fopen(path, "r");
	uint32_t first, last, era;

	assert_non_null(file);
	assert_int_equal(fscanf(file,
				"# sectors %*u block %" SCNu32 " nr_blocks %" SCNu32 " era %" SCNu32
				"\n",
				&image->block_size, &image->nr_blocks, &image->current_era),
			 3);
	image->eras = calloc(image->nr_blocks + 1u, sizeof(*image->eras));
	assert_non_null(image->eras);
	while (fscanf(file, "%" SCNu32 " %" SCNu32 " %" SCNu32 "\n", &first, &last, &era) == 3)
		for (uint32_t i = first; i <= last && i < image->nr_blocks; i++)
			image->eras[i] = era;
	fclose(file);
}

static bool load_data(struct image *image, const char *path)
{
	struct source source;
	uint64_t len = 0;
	int n;

	if (source_open(&source, path, NULL))
		return false;
	image->data = malloc(MAX_BYTES);
	assert_non_null(image->data);
	while ((n = source_read(&source, image->data + len, BLOCK)) > 0 && len + BLOCK < MAX_BYTES)
		len += (unsigned)n;
	source_close(&source);
	image->nr = len / BLOCK;
	return n == 0;
}

static void load_image(const char *dir, const char *name)
{
	struct image *image = &images[nr_images];
	char path[8192];

	snprintf(path, sizeof(path), "%s/%s/truth", dir, name);
	if (access(path, R_OK) || nr_images == MAX_IMAGES)
		return;
	load_truth(image, path);
	snprintf(path, sizeof(path), "%s/%s/image.gz", dir, name);
	if (access(path, R_OK))
		snprintf(path, sizeof(path), "%s/%s/metadata", dir, name);
	image->name = strdup(name);
	assert_non_null(image->name);
	if (load_data(image, path))
		nr_images++;
}

static void load_images(const char *dir)
{
	struct dirent **names;
	int nr = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < nr; i++) {
		load_image(dir, names[i]->d_name);
		free(names[i]);
	}
	if (nr >= 0)
		free(names);
}

static bool is_zero(const uint8_t *block)
{
	return !block[0] && !memcmp(block, block + 1, BLOCK - 1);
}

static uint64_t end_of(const uint8_t *data, uint64_t nr)
{
	while (nr && is_zero(data + (nr - 1) * BLOCK))
		nr--;
	return nr;
}

/* There are zeroes behind a block that ends a commit, where there was something: nobody can tell
 * such a device from one on which the later commits never were. */
static bool is_undecidable(const struct victim *v)
{
	uint64_t before = end_of(v->image->data, v->image->nr), now = end_of(v->data, v->nr);
	struct blk_ro last = {now - 1, v->data + (now - 1) * BLOCK};

	return now < before && now < v->nr && blk_recognise(last) == BLOCK_INDEX;
}

static void write_state(FILE *file)
{
	static const uint8_t zeroes[STATE_ROOM_SLOT_BLOCKS * BLOCK];
	static const uint8_t slot[STATE_ROOM_SLOT_BLOCKS * BLOCK] = STATE_ROOM_MAGIC;

	assert_int_equal(fwrite(zeroes, sizeof(zeroes), 1, file), 1);
	assert_int_equal(fwrite(slot, sizeof(slot), 1, file), 1);
}

static void write_victim(const struct victim *v)
{
	FILE *file = fopen(damaged, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(v->data, BLOCK, v->nr, file), v->nr);
	if (v->has_state)
		write_state(file);
	assert_int_equal(fclose(file), 0);
}

struct tally {
	uint64_t nr_cases, nr_refused, nr_undecidable, nr_wrong;
	uint64_t nr_blocks, nr_exact; /* data blocks of cases that weren't refused */
	double percents;	      /* of the blocks of each of these cases, added up */
};

static double percent_exact(const struct tally *tally)
{
	uint64_t nr = tally->nr_cases - tally->nr_refused;

	return nr ? tally->percents / (double)nr : 0.0;
}

/* How many blocks have a lower era than the true one. */
static uint64_t compare(const struct image *image, struct tally *tally)
{
	struct era_chunk chunk;
	struct era_view *view;
	struct era_map *map;
	uint64_t nr_lower = 0, nr = 0, nr_exact = 0;

	assert_int_equal(era_view_open(&view, repaired, 0, NULL), 0);
	assert_int_equal(era_map_open(&map, view), 0);
	while (era_map_next(map, &chunk) > 0)
		for (uint32_t i = 0; i < chunk.nr && nr < image->nr_blocks; i++, nr++) {
			uint32_t truth = image->eras[nr], era = chunk.eras[i];
			bool both = truth == image->current_era &&
				    era == era_view_sb(view)->current_era;

			nr_lower += era < truth;
			nr_exact += era == truth || both;
		}
	tally->nr_blocks += image->nr_blocks;
	tally->nr_exact += nr_exact;
	tally->percents += nr ? 100.0 * (double)nr_exact / (double)nr : 100.0;
	nr_lower += image->nr_blocks - nr;
	era_map_close(map);
	era_view_close(view);
	return nr_lower;
}

static bool is_sound(void)
{
	struct era_check_result result;

	assert_int_equal(era_check(repaired, ERA_CHECK_ALL, NULL, &result), 0);
	return !result.nr_fatal && !result.nr_non_fatal;
}

static void draw_hints(const struct image *image, struct era_salvage_hints *hints)
{
	*hints = (struct era_salvage_hints){.data_block_size = image->block_size};
	if (damage_roll(3))
		hints->nr_blocks = image->nr_blocks;
	if (!damage_roll(4))
		hints->current_era = image->current_era;
}

/* block: to be destroyed besides, or UINT64_MAX. */
static void one_case(const struct damage *kind, const struct image *image, uint64_t block,
		     struct tally *tally)
{
	struct victim v = victim_of(image);
	struct era_salvage_hints hints;
	uint64_t seed = damage_random;

	v.pattern = damage_roll(4);
	v.has_state = !damage_roll(4);
	kind->damage(&v);
	victim_overwrite(&v, block);
	if (kind->superblock)
		victim_overwrite(&v, 0);
	write_victim(&v);
	draw_hints(image, &hints);
	tally->nr_cases++;
	if (repair_metadata(damaged, repaired, &hints)) {
		tally->nr_refused++;
		assert_int_not_equal(access(repaired, F_OK), 0);
	} else if (!is_sound() || compare(image, tally)) {
		if (kind->superblock && is_undecidable(&v)) {
			tally->nr_undecidable++;
		} else {
			printf("# %s: %s, pattern %u, state %" PRIu64 ": an era is lost\n",
			       image->name, kind->name, v.pattern, seed);
			tally->nr_wrong++;
		}
	}
	free(v.data);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void random_damage(void **state)
{
	uint64_t nr_cases = number("ERA_SALVAGE_CASES", 40), nr_wrong = 0;

	(void)state;
	for (size_t k = 0; k < nr_damages; k++) {
		struct tally tally = {0};

		damage_random = number("ERA_SALVAGE_SEED", 1) * 1000 + k;
		for (uint64_t i = 0; i < nr_cases; i++)
			one_case(&damages[k], &images[damage_roll(nr_images)], UINT64_MAX, &tally);
		printf("# %s: %" PRIu64 " cases, %" PRIu64 " refused, %" PRIu64
		       " undecidable; %.2f %% of the blocks of the others kept exact\n",
		       damages[k].name, tally.nr_cases, tally.nr_refused, tally.nr_undecidable,
		       percent_exact(&tally));
		nr_wrong += tally.nr_wrong;
		assert_true(getenv("ERA_SALVAGE_IMAGES") ||
			    percent_exact(&tally) >= damages[k].least);
	}
	assert_int_equal(nr_wrong, 0);
}

/* Before it shrank and grew again, the device had blocks that it has forgotten since.  And what was
 * written in an era may be what was written later, as long as nothing was digested since.  Blocks
 * of an older state may have been used again in the same era: then it can't be told from a newer
 * one with a wrong pointer. */
static bool may_be_inexact(const struct image *image)
{
	static const char *const names[] = {"crash-twice", "grown", "shrunk", "resized"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strstr(image->name, names[i]))
			return true;
	return getenv("ERA_SALVAGE_IMAGES");
}

/* The usual case: with the number of blocks given, nothing at all is lost. */
static void nothing_is_lost(bool has_state)
{
	for (size_t i = 0; i < nr_images; i++) {
		const struct image *image = &images[i];
		struct victim v = victim_of(image);
		struct era_salvage_hints hints = {image->nr_blocks, image->block_size, 0};
		struct tally tally = {0};

		v.has_state = has_state;
		victim_overwrite(&v, 0);
		write_victim(&v);
		if (!image->nr_blocks) {
			assert_int_equal(repair_metadata(damaged, repaired, &hints), ERA_DAMAGED);
			free(v.data);
			continue;
		}
		assert_int_equal(repair_metadata(damaged, repaired, &hints), 0);
		assert_true(is_sound());
		assert_int_equal(compare(image, &tally), 0);
		if (tally.nr_exact != tally.nr_blocks)
			printf("# %s: %" PRIu64 " of %" PRIu64 " blocks are exact\n", image->name,
			       tally.nr_exact, tally.nr_blocks);
		assert_true(tally.nr_exact == tally.nr_blocks || may_be_inexact(image));
		free(v.data);
	}
}

static void superblock_alone(void **state)
{
	(void)state;
	nothing_is_lost(false);
}

static void superblock_beside_a_state(void **state)
{
	(void)state;
	nothing_is_lost(true);
}

/* The superblock and one block, each in turn.  Where that is free or holds no pointers, most is
 * kept. */
static void superblock_and_each_block(void **state)
{
	const struct damage kind = {"the superblock and one block", damage_nothing, true, 0};
	uint64_t step = 1 + 200 / number("ERA_SALVAGE_CASES", 40);
	struct tally tally = {0};

	(void)state;
	damage_random = number("ERA_SALVAGE_SEED", 1);
	for (size_t i = 0; i < nr_images; i++) {
		uint64_t end = end_of(images[i].data, images[i].nr);

		for (uint64_t block = 1 + damage_roll(step); block < end;
		     block += 1 + damage_roll(2 * step))
			one_case(&kind, &images[i], block, &tally);
	}
	printf("# the superblock and each block: %" PRIu64 " cases, %" PRIu64 " refused, %" PRIu64
	       " undecidable; %.2f %% of the blocks of the others kept exact\n",
	       tally.nr_cases, tally.nr_refused, tally.nr_undecidable, percent_exact(&tally));
	assert_int_equal(tally.nr_wrong, 0);
}

/* Is the map of g, whatever its current era, nowhere below the truth? */
static bool says_the_truth(struct blk_dev *dev, const struct generation *g,
			   const struct image *image)
{
	struct superblock sb = g->sb;
	struct era_chunk chunk;
	struct era_view *view;
	struct era_map *map;
	uint64_t nr = 0;
	bool truth = true;

	sb.current_era = UINT32_MAX;
	assert_int_equal(era_view_open_as(&view, dev, &sb, 0), 0);
	assert_int_equal(era_map_open(&map, view), 0);
	while (era_map_next(map, &chunk) > 0)
		for (uint32_t i = 0; i < chunk.nr && nr < image->nr_blocks; i++, nr++)
			truth = truth && chunk.eras[i] >= image->eras[nr];
	era_map_close(map);
	era_view_close(view);
	return truth && nr == image->nr_blocks;
}

/* The newest generation may be left out beside another only if that one says no less.  Returns
 * how many there are beside which it may, and how many others. */
static void try_all(struct scan *scan, uint64_t newest_index, const struct image *image,
		    unsigned *covers, unsigned *others)
{
	struct generations all;
	struct generation newest, g;

	assert_int_equal(generations_open(&all, scan), 0);
	assert_int_equal(generation_find(&all, newest_index, &newest), 1);
	assert_true(says_the_truth(scan->dev, &newest, image));
	for (uint64_t block = 1; block < scan->end; block++) {
		if (scan->blocks[block].type != SCAN_INDEX || block == newest_index ||
		    generation_find(&all, block, &g) != 1 || !g.sb.nr_blocks)
			continue;
		switch (generation_compare(scan, &newest, &g)) {
		case GENERATION_MISSES:
			++*others;
			break;
		case GENERATION_COVERS:
			++*covers;
			assert_true(says_the_truth(scan->dev, &g, image));
			break;
		default:
			fail_msg("%s: block %" PRIu64 " supersedes the newest", image->name, block);
		}
	}
	generations_close(&all);
}

static void what_covers_the_newest_says_no_less(void **state)
{
	unsigned covers = 0, others = 0;

	(void)state;
	for (size_t i = 0; i < nr_images; i++) {
		struct victim v = victim_of(&images[i]);
		struct blk_dev dev;
		struct scan scan;

		write_victim(&v);
		assert_int_equal(blk_dev_open(&dev, damaged, BLK_READ, NULL), 0);
		assert_int_equal(scan_open(&scan, &dev), 0);
		if (images[i].nr_blocks)
			try_all(&scan, victim_pointer(&v, 0, 60), &images[i], &covers, &others);
		scan_close(&scan);
		blk_dev_close(&dev);
		free(v.data);
	}
	printf("# %u generations cover the newest, %u don't\n", covers, others);
	assert_true(others > 50);
}

static uint64_t index_before(const struct victim *v, uint64_t block)
{
	do
		block--;
	while (block &&
	       blk_recognise((struct blk_ro){block, v->data + block * BLOCK}) != BLOCK_INDEX);
	return block;
}

static int salvage_with_bitmap(struct victim *v, uint64_t bitmap, uint64_t at)
{
	struct era_salvage_hints hints = {.data_block_size = v->image->block_size};
	uint8_t saved[BLOCK], *place = v->data + at * BLOCK;
	int r;

	memcpy(saved, place, BLOCK);
	memcpy(place, v->image->data + bitmap * BLOCK, BLOCK);
	blk_seal((struct blk_rw){at, place}, BLOCK_BITMAP);
	write_victim(v);
	r = repair_metadata(damaged, repaired, &hints);
	memcpy(place, saved, BLOCK);
	return r;
}

/*
 * All that the last commit wrote is zero, but for its bitmap, which lies elsewhere: in one of the
 * last blocks before, since free ones are among them.
 */
static void zeroes_that_a_bitmap_knows(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < nr_images; i++) {
		struct victim v = victim_of(&images[i]);
		uint64_t index = victim_pointer(&v, 0, 60), bitmap = victim_pointer(&v, index, 16);
		uint64_t end = end_of(v.data, v.nr), before = index_before(&v, index);

		if (index + 1 != end || end == v.nr || !before) {
			free(v.data);
			continue;
		}
		memset(v.data + (before + 1) * BLOCK, 0, (end - before - 1) * BLOCK);
		victim_overwrite(&v, 0);
		for (uint64_t at = before - 1, here = 0; at && before - at <= 64 && here < 3;
		     at--) {
			if (salvage_with_bitmap(&v, victim_pointer(&v, before, 16), at))
				continue;
			tried++;
			here++;
			assert_int_equal(salvage_with_bitmap(&v, bitmap, at), ERA_DAMAGED);
		}
		free(v.data);
	}
	assert_true(tried > 25);
}

static int prepare(void **state)
{
	const char *top = getenv("abs_top_srcdir"), *more = getenv("ERA_SALVAGE_IMAGES");
	char dir[4096];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/tests/images", top ? top : ".");
	load_images(more ? more : dir);
	unit_temporary(folder, "salvage");
	if (!mkdtemp(folder))
		return -1;
	snprintf(damaged, sizeof(damaged), "%s/damaged", folder);
	snprintf(repaired, sizeof(repaired), "%s/repaired", folder);
	return nr_images ? 0 : -1;
}

static int clean_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < nr_images; i++) {
		free(images[i].name);
		free(images[i].data);
		free(images[i].eras);
	}
	unlink(damaged);
	unlink(repaired);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(superblock_alone),
		cmocka_unit_test(superblock_beside_a_state),
		cmocka_unit_test(superblock_and_each_block),
		cmocka_unit_test(what_covers_the_newest_says_no_less),
		cmocka_unit_test(zeroes_that_a_bitmap_knows),
		cmocka_unit_test(random_damage),
	};

	return cmocka_run_group_tests_name("salvage", tests, prepare, clean_up);
}
