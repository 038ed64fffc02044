/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * libdmera, by its public header alone.
 *
 * Answers are held against what is known to be true of metadata that a kernel wrote (tests/images),
 * and every block of them is damaged: strict there is the whole truth or no answer, with
 * DMERA_REPAIR never less than the truth. tests/dmera/dmera.bats compiles this once more, against
 * the installed library and with the thread sanitizer.
 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "dmera_abi.h"
#include "dmera_image.h"
#include <dmera.h>

#define NR_THREADS 2u
#define SUPERBLOCK_CSUM_XOR 146538381u /* of the kernel's target */

static void asks_for_each_era(const struct image *image, unsigned flags)
{
	struct dmera *era = image_open_sound(image, flags);
	uint32_t last = image->era + (flags & DMERA_SNAPSHOT ? 0 : 1);
	struct dmera_changes *changes, *none = NULL;

	if (flags & DMERA_SNAPSHOT)
		dmera_set_snapshot_era(era, image->era);
	for (uint32_t since = 0; since <= last; since++) {
		assert_int_equal(dmera_changes_since(era, since, &changes), 0);
		changes_tell_one_thing(image, changes);
		changes_are_truth(image, since, changes);
		dmera_changes_free(changes);
	}
	assert_int_equal(dmera_changes_since(era, last + 1, &none), DMERA_NO_ANSWER);
	assert_null(none);
	dmera_destroy(era);
}

static void test_truth(void **state)
{
	static const char *const names[] = {"002-crash", "008-unaligned", "017-shrunk-pending",
					    "005-digested"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct image *image = image_load(names[i], "truth");

		asks_for_each_era(image, 0);
		asks_for_each_era(image, DMERA_REPAIR);
		image_unload(image);
	}
}

static void test_snapshot(void **state)
{
	struct image *image = image_load("022-snapshot-moved-on", "truth.snap");

	(void)state;
	asks_for_each_era(image, DMERA_SNAPSHOT);
	image_unload(image);
}

static void test_leftover_snapshot(void **state)
{
	struct image *image = image_load("022-snapshot-moved-on", "truth.snap");
	struct dmera *era = image_open_sound(image, DMERA_SNAPSHOT);
	struct dmera_changes *changes = NULL;

	(void)state;
	assert_int_equal(dmera_changes_since(era, image->era, &changes), DMERA_NO_ANSWER);
	assert_non_null(strstr(dmera_error(era), "left over"));
	assert_null(changes);
	dmera_set_snapshot_era(era, image->era);
	assert_int_equal(dmera_changes_since(era, image->era, &changes), 0);
	dmera_changes_free(changes);
	changes = NULL;
	dmera_set_snapshot_era(era, DMERA_LIVE_ERA);
	assert_int_equal(dmera_changes_since(era, image->era, &changes), DMERA_NO_ANSWER);
	assert_null(changes);
	dmera_destroy(era);
	image_unload(image);

	image = image_load("020-snapshot-held", "truth.snap");
	asks_for_each_era(image, DMERA_SNAPSHOT);
	era = image_open_sound(image, DMERA_SNAPSHOT);
	assert_int_equal(dmera_changes_since(era, image->era, &changes), 0);
	dmera_changes_free(changes);
	dmera_destroy(era);
	image_unload(image);
}

static void test_facts(void **state)
{
	struct image *image = image_load("022-snapshot-moved-on", "truth");
	struct image *snapshot = image_load("022-snapshot-moved-on", "truth.snap");
	struct dmera *live = image_open_sound(image, 0),
		     *held = image_open_sound(snapshot, DMERA_SNAPSHOT);
	struct dmera_facts facts;
	uint64_t more[32];

	(void)state;
	assert_int_equal(dmera_get_facts(live, &facts, sizeof(facts)), 0);
	assert_int_equal(facts.block_size, image->block_size);
	assert_int_equal(facts.nr_blocks, image->nr_blocks);
	assert_int_equal(facts.era, image->era);
	assert_int_equal(facts.live_era, image->era);
	assert_int_equal(facts.era_to_remember, image->era + 1);
	assert_true(facts.flags & DMERA_HAS_SNAPSHOT && !(facts.flags & DMERA_IS_SNAPSHOT));
	assert_int_equal(dmera_get_facts(held, &facts, sizeof(facts)), 0);
	assert_int_equal(facts.era, snapshot->era);
	assert_int_equal(facts.live_era, image->era);
	assert_int_equal(facts.era_to_remember, 0);
	assert_true(facts.flags & DMERA_IS_SNAPSHOT);

	/* Of a caller that knows other members. */
	memset(more, 0xff, sizeof(more));
	assert_int_equal(dmera_get_facts(live, (void *)more, sizeof(more)), 0);
	assert_int_equal(more[0], image->block_size);
	assert_int_equal(more[31], 0);
	memset(more, 0xff, sizeof(more));
	assert_int_equal(dmera_get_facts(live, (void *)more, sizeof(*more)), 0);
	assert_int_equal(more[0], image->block_size);
	assert_true(more[1] == UINT64_MAX);
	dmera_destroy(live);
	dmera_destroy(held);
	image_unload(image);
	image_unload(snapshot);
}

static void test_clean(void **state)
{
	static const struct {
		const char *name;
		bool clean;
	} rows[] = {{"001-clean-stop", true}, {"002-crash", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct image *image = image_load(rows[i].name, "truth");
		struct dmera *era = image_open_sound(image, 0);
		struct dmera_facts facts;

		assert_int_equal(dmera_get_facts(era, &facts, sizeof(facts)), 0);
		assert_int_equal(!!(facts.flags & DMERA_IS_CLEAN), rows[i].clean);
		assert_false(facts.flags & DMERA_IS_UNFLUSHED);
		dmera_destroy(era);
		image_unload(image);
	}
}

/* What was said while a call worked. */
struct heard {
	unsigned nr_problems, nr_errors, nr_notes, nr_progress;
	char error[256], problem[64], text[256];
};

static void on_error(void *ctx, const char *text)
{
	struct heard *heard = ctx;

	heard->nr_errors++;
	snprintf(heard->error, sizeof(heard->error), "%s", text);
}

static void on_note(void *ctx, const char *text)
{
	struct heard *heard = ctx;

	assert_true(*text);
	heard->nr_notes++;
}

static void on_problem(void *ctx, const struct dmera_problem *p)
{
	struct heard *heard = ctx;

	assert_true(p->severity <= DMERA_NOTE && p->repairable <= 1 && p->nr_blocks);
	assert_non_null(strstr(p->text, p->what));
	assert_non_null(strstr(p->text, p->where));
	assert_non_null(strstr(p->text, p->found));
	assert_non_null(strstr(p->text, p->wanted));
	heard->nr_problems++;
	snprintf(heard->problem, sizeof(heard->problem), "%s", p->name);
	snprintf(heard->text, sizeof(heard->text), "%s", p->text);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct heard *heard = ctx;

	(void)done;
	(void)total;
	heard->nr_progress++;
}

static struct dmera *create_listening(struct heard *heard)
{
	struct dmera *era = dmera_make();

	*heard = (struct heard){0};
	dmera_set_error_callback(era, on_error, heard);
	dmera_set_note_callback(era, on_note, heard);
	dmera_set_problem_callback(era, on_problem, heard);
	dmera_set_progress_callback(era, on_progress, heard);
	return era;
}

/* Asks once by a handle of its own. */
static int ask(const struct image *image, unsigned flags, uint32_t since, struct heard *heard,
	       struct dmera_changes **changes)
{
	struct dmera *era = create_listening(heard);
	int r = dmera_open(era, image->path, flags);

	if (!r)
		r = dmera_changes_since(era, since, changes);
	assert_int_equal(!*dmera_error(era), !r);
	if (heard->nr_errors)
		assert_string_equal(heard->error, dmera_error(era));
	dmera_destroy(era);
	return r;
}

static bool repairs(const struct image *image, uint32_t since)
{
	struct dmera_changes *changes = NULL;
	struct dmera_totals totals;
	struct heard heard;
	int r = ask(image, DMERA_REPAIR, since, &heard, &changes);

	if (r) {
		assert_int_equal(r, DMERA_DAMAGED);
		assert_null(changes);
		return false;
	}
	changes_tell_one_thing(image, changes);
	changes_are_no_less(image, since, changes);
	dmera_changes_get_totals(changes, &totals, sizeof(totals));
	assert_int_equal(!totals.nr_problems, !heard.nr_problems);
	if (totals.nr_unknown)
		assert_true(totals.nr_problems && heard.nr_notes);
	else if (!totals.nr_problems)
		changes_are_truth(image, since, changes);
	dmera_changes_free(changes);
	return totals.nr_unknown;
}

static uint32_t crc32c(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc;
}

static void put_le32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* A flush of the origin has failed in the last nr eras. */
static void make_unflushed(struct image *image, uint32_t nr)
{
	put_le32(image->data + 4, 2 | nr << 8);
	put_le32(image->data, crc32c(image->data + 4, BLOCK_BYTES - 4) ^ SUPERBLOCK_CSUM_XOR);
	image_write(image, image->data, image->size);
}

static void test_unflushed(void **state)
{
	struct image *image = image_load("001-clean-stop", "truth");
	struct dmera_changes *changes = NULL;
	struct dmera_totals totals;
	struct dmera_facts facts;
	struct dmera_check check;
	struct dmera *era = dmera_make();

	(void)state;
	make_unflushed(image, 1);
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_ALL, &check, sizeof(check)), 0);
	assert_int_equal(check.nr_notes, 1);
	assert_int_equal(check.nr_refusals, 1);
	assert_int_equal(dmera_open(era, image->path, 0), DMERA_NO_ANSWER);
	assert_int_equal(dmera_open(era, image->path, DMERA_REPAIR), 0);
	assert_int_equal(dmera_get_facts(era, &facts, sizeof(facts)), 0);
	assert_true(facts.flags & DMERA_IS_UNFLUSHED);
	assert_int_equal(facts.unflushed_since, image->era - 1);
	assert_int_equal(facts.era_to_remember, 0);
	assert_int_equal(dmera_changes_since(era, image->era, &changes), 0);
	dmera_changes_get_totals(changes, &totals, sizeof(totals));
	assert_int_equal(totals.nr_changed, image->nr_blocks);
	assert_int_equal(totals.nr_unknown, image->nr_blocks);
	dmera_changes_free(changes);
	dmera_destroy(era);
	image_unload(image);
}

/* A block of the array is read only for an answer, or with DMERA_REPAIR.  When damage has been
 * found there is no era to remember. */
static void test_damage_that_opening_does_not_see(void **state)
{
	struct image *image = image_load("005-digested", "truth");
	unsigned nr_late = 0;

	(void)state;
	for (uint64_t block = 1; block < image->size / BLOCK_BYTES; block++) {
		struct dmera_changes *changes = NULL;
		struct dmera *era = dmera_make(), *repairing = dmera_make();
		struct dmera_facts facts;
		struct dmera_check check;

		image_damage(image, block);
		if (!dmera_open(era, image->path, 0) &&
		    dmera_changes_since(era, 1, &changes) == DMERA_DAMAGED) {
			nr_late++;
			assert_null(changes);
			assert_int_equal(dmera_get_facts(era, &facts, sizeof(facts)), 0);
			assert_int_equal(facts.era_to_remember, 0);
			assert_true(facts.nr_problems);
			dmera_close(era);
			assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_ALL, &check,
						     sizeof(check)),
					 DMERA_DAMAGED);
			assert_true(check.nr_refusals);

			assert_int_equal(dmera_open(repairing, image->path, DMERA_REPAIR), 0);
			assert_int_equal(dmera_get_facts(repairing, &facts, sizeof(facts)), 0);
			assert_true(facts.nr_problems);
			assert_int_equal(facts.era_to_remember, 0);
		}
		dmera_changes_free(changes);
		dmera_destroy(era);
		dmera_destroy(repairing);
	}
	assert_true(nr_late);
	image_unload(image);
}

static void test_damage(void **state)
{
	struct image *image = image_load("002-crash", "truth");
	unsigned nr_refused = 0, nr_unknown = 0;
	uint32_t since = image->era;

	(void)state;
	for (uint64_t block = 0; block < image->size / BLOCK_BYTES; block++) {
		struct dmera_changes *changes = NULL;
		struct heard heard;
		int r;

		image_damage(image, block);
		r = ask(image, 0, since, &heard, &changes);
		if (r) {
			nr_refused++;
			assert_int_equal(r, DMERA_DAMAGED);
			assert_null(changes);
			assert_true(heard.nr_problems);
		} else {
			changes_are_truth(image, since, changes);
		}
		dmera_changes_free(changes);
		nr_unknown += repairs(image, since);
	}
	assert_true(nr_refused > 5 && nr_unknown > 1);
	image_unload(image);
}

/* What lies in the blocks of arrays is read last, and is still no part of an answer when it is
 * wrong. */
static void test_nothing_before_the_end(void **state)
{
	struct image *image = image_load("002-crash", "truth");
	unsigned nr_late = 0;

	(void)state;
	for (uint64_t block = 0; block < image->size / BLOCK_BYTES; block++) {
		struct dmera_changes *changes = NULL;
		struct dmera *era = dmera_make();

		image_damage(image, block);
		if (!dmera_open(era, image->path, 0) && dmera_changes_since(era, 0, &changes)) {
			nr_late++;
			assert_null(changes);
			assert_non_null(strstr(dmera_error(era), image->path));
			/* Nor when it is asked for once more. */
			assert_int_equal(dmera_changes_since(era, 0, &changes), DMERA_DAMAGED);
			assert_null(changes);
		}
		dmera_changes_free(changes);
		dmera_destroy(era);
	}
	assert_true(nr_late > 0);
	image_unload(image);
}

static void test_snapshot_that_goes(void **state)
{
	struct image *image = image_load("020-snapshot-held", "truth.snap");
	struct dmera *era = image_open_sound(image, DMERA_SNAPSHOT);
	struct dmera_changes *changes = NULL;
	static uint8_t data[IMAGE_MAX_BYTES];
	size_t size;

	(void)state;
	image_read("021-snapshot-dropped", data, &size);
	assert_int_equal(size, image->size);
	image_write(image, data, size);
	assert_int_equal(dmera_changes_since(era, image->era, &changes), DMERA_NO_ANSWER);
	assert_null(changes);
	assert_true(*dmera_error(era));
	dmera_close(era);
	assert_int_equal(dmera_open(era, image->path, DMERA_SNAPSHOT), DMERA_NO_ANSWER);
	dmera_destroy(era);
	image_unload(image);
}

static void test_settings(void **state)
{
	struct image *image = image_load("022-snapshot-moved-on", "truth.snap");
	struct dmera *era = image_open_sound(image, DMERA_SNAPSHOT);
	uint64_t size = image->nr_blocks * image->block_size;
	struct dmera_changes *changes = NULL;
	struct dmera_run run = {0};

	(void)state;
	dmera_set_snapshot_era(era, image->era + 1);
	assert_int_equal(dmera_changes_since(era, 0, &changes), DMERA_NO_ANSWER);
	dmera_set_snapshot_era(era, 0);
	assert_int_equal(dmera_changes_since(era, 0, &changes), DMERA_NO_ANSWER);
	dmera_set_snapshot_era(era, image->era);
	dmera_set_device_size(era, size + 1);
	assert_int_equal(dmera_changes_since(era, 0, &changes), DMERA_NO_ANSWER);
	dmera_set_device_size(era, size - image->block_size);
	assert_int_equal(dmera_changes_since(era, 0, &changes), DMERA_NO_ANSWER);
	assert_null(changes);

	/* The last block need not be whole, and what has grown is listed. */
	dmera_set_device_size(era, size - 512);
	dmera_set_old_size(era, size - image->block_size - 1);
	assert_int_equal(dmera_changes_since(era, image->era, &changes), 0);
	while (dmera_changes_next(changes, &run))
		;
	assert_int_equal(run.block + run.nr_blocks, image->nr_blocks);
	assert_int_equal(run.offset + run.length, size - 512);
	assert_true(run.nr_blocks >= 2);
	dmera_changes_free(changes);
	dmera_destroy(era);
	image_unload(image);
}

static void test_places(void **state)
{
	struct image *image = image_load("002-crash", "truth");
	struct dmera *era = image_open_sound(image, 0);
	struct dmera_changes *changes;
	struct dmera_run run = {.block = 3001};
	uint8_t bits[4] = {0xaa, 0xaa, 0xaa, 0xaa};

	(void)state;
	assert_int_equal(dmera_changes_since(era, 3, &changes), 0);
	dmera_destroy(era); /* the answer stays */
	assert_int_equal(dmera_changes_next(changes, &run), 1);
	assert_int_equal(run.block, 3001);
	assert_int_equal(run.nr_blocks, 6);
	assert_int_equal(dmera_changes_next(changes, &run), 0);
	assert_int_equal(run.block, 3001);
	run = (struct dmera_run){.block = 1, .nr_blocks = UINT64_MAX};
	assert_int_equal(dmera_changes_next(changes, &run), 0);
	run = (struct dmera_run){.block = UINT64_MAX, .nr_blocks = UINT64_MAX};
	assert_int_equal(dmera_changes_next(changes, &run), 0);

	assert_int_equal(dmera_changes_bitmap(changes, DMERA_CHANGED, 1, bits, 3), 3);
	assert_memory_equal(bits, "\x03\x00\x00\xaa", 4);
	assert_int_equal(dmera_changes_bitmap(changes, DMERA_CHANGED, 511, bits, 4), 1);
	assert_int_equal(dmera_changes_bitmap(changes, DMERA_CHANGED, 512, bits, 4), 0);
	assert_int_equal(dmera_changes_bitmap(changes, DMERA_CHANGED, UINT64_MAX, bits, 4), 0);
	dmera_changes_free(changes);
	image_unload(image);
}

static void test_check(void **state)
{
	struct image *image = image_load("022-snapshot-moved-on", "truth");
	struct dmera_check check;
	struct heard heard;
	struct dmera *era = create_listening(&heard);

	(void)state;
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_SUPERBLOCK, NULL, 0), 0);
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_SNAPSHOT, NULL, 0), 0);
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_ALL, &check, sizeof(check)), 0);
	assert_int_equal(check.device_blocks, image->size / BLOCK_BYTES);
	assert_int_equal(check.allocated_blocks, check.reachable_blocks);
	assert_true(check.reachable_blocks > 5 && check.space_map_blocks >= check.reachable_blocks);
	assert_false(check.nr_fatal || check.nr_non_fatal || check.nr_refusals);
	assert_true(heard.nr_progress && !heard.nr_errors);

	image_damage(image, 0);
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_ALL, &check, sizeof(check)),
			 DMERA_DAMAGED);
	assert_true(check.nr_fatal && heard.nr_problems && heard.nr_errors);
	assert_string_equal(heard.problem, "checksum");
	assert_string_equal(heard.error, dmera_error(era));
	assert_int_equal(dmera_check(era, "/nowhere/meta", DMERA_CHECK_ALL, &check, sizeof(check)),
			 DMERA_SYSTEM);
	assert_int_equal(check.nr_fatal, 0);
	assert_non_null(strstr(dmera_error(era), "/nowhere/meta"));
	dmera_destroy(era);
	image_unload(image);
}

/* What is there instead of a superblock is the error, for an opening and for a check. */
static void says_instead(const struct image *image, const char *text)
{
	struct heard heard;
	struct dmera *era = create_listening(&heard);

	assert_int_equal(dmera_open(era, image->path, 0), DMERA_DAMAGED);
	assert_non_null(strstr(dmera_error(era), text));
	assert_string_equal(heard.problem, "checksum");
	assert_int_equal(dmera_open(era, image->path, DMERA_REPAIR), DMERA_DAMAGED);
	assert_non_null(strstr(dmera_error(era), text));
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_ALL, NULL, 0), DMERA_DAMAGED);
	assert_non_null(strstr(dmera_error(era), text));
	dmera_destroy(era);
}

static void test_instead(void **state)
{
	static uint8_t zeroes[IMAGE_MAX_BYTES];
	struct image *image = image_load("002-crash", "truth");
	uint8_t magic_of_thin[] = {0xba, 0x52, 0x9c, 0x01};

	(void)state;
	image_damage(image, 0);
	says_instead(image, "the superblock is damaged: ");
	image_write(image, zeroes, image->size);
	says_instead(image, "its first block is all zeroes");
	memcpy(zeroes + 32, magic_of_thin, sizeof(magic_of_thin));
	image_write(image, zeroes, image->size);
	says_instead(image, "holds metadata of dm-thin, and no dm-era metadata");
	image_unload(image);
}

static void test_misuse(void **state)
{
	struct image *image = image_load("002-crash", "truth");
	struct dmera_changes *changes = NULL;
	struct dmera_facts facts;
	struct dmera_check check;
	struct dmera *era = dmera_make();

	(void)state;
	assert_int_equal(dmera_changes_since(era, 0, &changes), DMERA_INVALID);
	assert_int_equal(dmera_get_facts(era, &facts, sizeof(facts)), DMERA_INVALID);
	assert_int_equal(dmera_open(era, image->path, 64), DMERA_INVALID);
	assert_int_equal(dmera_open(era, image->path, DMERA_SNAPSHOT | DMERA_SUSPENDED),
			 DMERA_INVALID);
	assert_int_equal(dmera_open(era, image->path, DMERA_SUSPENDED), DMERA_NO_ANSWER);
	assert_int_equal(dmera_open(era, NULL, 0), DMERA_INVALID);
	memset(&check, 0xff, sizeof(check));
	assert_int_equal(dmera_check(era, NULL, DMERA_CHECK_ALL, &check, sizeof(check)),
			 DMERA_INVALID);
	assert_true(!check.nr_fatal && !check.reachable_blocks);
	assert_int_equal(dmera_check(era, image->path, (enum dmera_check_scope)3, NULL, 0),
			 DMERA_INVALID);
	assert_true(*dmera_error(era));
	assert_int_equal(dmera_open(era, image->path, 0), 0);
	assert_string_equal(dmera_error(era), "");
	assert_int_equal(dmera_open(era, image->path, 0), DMERA_INVALID);
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_ALL, NULL, 0), DMERA_INVALID);
	assert_int_equal(dmera_changes_since(era, 0, NULL), DMERA_INVALID);
	assert_non_null(strstr(dmera_error(era), "no place"));
	assert_int_equal(dmera_get_facts(era, NULL, sizeof(facts)), DMERA_INVALID);
	assert_non_null(strstr(dmera_error(era), "no place"));
	assert_int_equal(dmera_changes_since(era, 0, &changes), 0);
	assert_string_equal(dmera_error(era), "");
	dmera_changes_free(changes);
	dmera_close(era);
	dmera_close(era);
	assert_int_equal(dmera_check(era, image->path, DMERA_CHECK_ALL, NULL, 0), 0);
	dmera_destroy(era);
	dmera_destroy(NULL);
	dmera_changes_free(NULL);
	image_unload(image);
}

/* By a handle of its own, sound and damaged, over and over; and by an answer that all share. */
struct asker {
	const struct image *sound, *damaged;
	const struct dmera_changes *shared;
	uint64_t nr_changed;
	unsigned nr_wrong;
};

static uint64_t count(const struct dmera_changes *changes)
{
	struct dmera_run run = {0};
	uint64_t nr = 0;

	while (dmera_changes_next(changes, &run))
		nr += run.nr_blocks;
	return nr;
}

static void *keep_asking(void *arg)
{
	struct dmera_changes *changes;
	struct asker *asker = arg;
	struct heard heard;

	for (unsigned i = 0; i < 20; i++) {
		asker->nr_wrong += count(asker->shared) != asker->nr_changed;
		if (ask(asker->sound, 0, 3, &heard, &changes)) {
			asker->nr_wrong++;
		} else {
			asker->nr_wrong += count(changes) != asker->nr_changed;
			dmera_changes_free(changes);
		}
		asker->nr_wrong += ask(asker->damaged, 0, 3, &heard, &changes) != DMERA_DAMAGED;
		if (ask(asker->damaged, DMERA_REPAIR, 3, &heard, &changes))
			asker->nr_wrong++;
		else
			dmera_changes_free(changes);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct image *sound = image_load("002-crash", "truth"),
		     *damaged = image_load("002-crash", "truth");
	struct asker askers[NR_THREADS];
	pthread_t threads[NR_THREADS];
	struct dmera_changes *shared;
	struct heard heard;
	uint64_t block = 1;

	(void)state;
	assert_int_equal(ask(sound, 0, 3, &heard, &shared), 0);
	do {
		image_damage(damaged, block++);
	} while (!repairs(damaged, 3));
	for (unsigned i = 0; i < NR_THREADS; i++) {
		askers[i] = (struct asker){sound, damaged, shared, count(shared), 0};
		assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, &askers[i]), 0);
	}
	for (unsigned i = 0; i < NR_THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(askers[i].nr_wrong, 0);
	}
	dmera_changes_free(shared);
	image_unload(sound);
	image_unload(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truth),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_leftover_snapshot),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_unflushed),
		cmocka_unit_test(test_damage_that_opening_does_not_see),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_nothing_before_the_end),
		cmocka_unit_test(test_snapshot_that_goes),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_instead),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
