/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What is on a device when a writer of metadata was stopped, by a power failure or an error.
 *
 * Whatever the place and whatever of the unflushed writes is there: the old metadata or the new,
 * sound and with every era, or something that nobody takes for metadata.  Once the writer has said
 * that it is done, the new.  And to see that these tests see: for each flush of a writer there must
 * be a bad state when that flush does nothing.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/validate.h"
#include "build/build.h"
#include "check/check.h"
#include "metadata/map.h"
#include "metadata/stream.h"
#include "ondisk/era_disk.h"
#include "open/open.h"
#include "tests/sim/simdev.h"

#define NR_WRITESETS 3u
#define MAX_WORDS 128u

/* Metadata that are known by heart: the eras follow from the numbers. */
struct content {
	uint32_t nr_blocks, current_era, step;
};

static const struct content old_content = {3000, 40, 7};
static const struct content new_content = {3500, 90, 11};
/* Several writes of the staging file. */
static const struct content large_old = {1200000, 40, 7};
static const struct content large_new = {1100000, 90, 11};

static uint32_t array_era(const struct content *c, uint32_t block)
{
	return block * c->step % (c->current_era - NR_WRITESETS);
}

static uint32_t writeset_era(const struct content *c, uint32_t i)
{
	return c->current_era - NR_WRITESETS + i + 1;
}

/* Writesets hold only the first blocks. */
static uint32_t writeset_bits(const struct content *c)
{
	return (uint32_t)min_u64(c->nr_blocks, MAX_WORDS * 64);
}

static bool is_in_writeset(const struct content *c, uint32_t i, uint32_t block)
{
	return block < writeset_bits(c) && (block + i) % (c->step + i) == 0;
}

static uint32_t right_era(const struct content *c, uint32_t block)
{
	for (uint32_t i = NR_WRITESETS; i-- > 0;)
		if (is_in_writeset(c, i, block))
			return writeset_era(c, i);
	return array_era(c, block);
}

static int feed_writeset(const struct content *c, uint32_t i, const struct era_stream *to)
{
	uint64_t words[MAX_WORDS] = {0};
	uint32_t nr_bits = writeset_bits(c);
	int r = to->writeset_begin(to->ctx, writeset_era(c, i), nr_bits);

	for (uint32_t block = 0; block < nr_bits; block++)
		if (is_in_writeset(c, i, block))
			bits_set(words, block);
	if (!r)
		r = to->words(to->ctx, words, (uint32_t)bits_words(nr_bits));
	return r ? r : to->writeset_end(to->ctx);
}

static int feed_array(const struct content *c, const struct era_stream *to)
{
	int r = to->array_begin(to->ctx);

	for (uint32_t block = 0; block < c->nr_blocks && !r; block++) {
		uint32_t era = array_era(c, block);

		r = to->eras(to->ctx, &era, 1);
	}
	return r ? r : to->array_end(to->ctx);
}

static int feed(const struct content *c, const struct era_stream *to)
{
	const struct era_header header = {8, c->nr_blocks, c->current_era};
	int r = to->begin(to->ctx, &header);

	for (uint32_t i = 0; i < NR_WRITESETS && !r; i++)
		r = feed_writeset(c, i, to);
	if (!r)
		r = feed_array(c, to);
	return r ? r : to->end(to->ctx);
}

struct build_run {
	struct era_build *build;
	struct era_stream stream;
};

static void begin(struct build_run *run, struct simdev *sim, const struct report *rep)
{
	struct blk_dev dev;

	assert_int_equal(simdev_dev(sim, &dev, rep), 0);
	assert_int_equal(era_build_open_dev(&run->build, &dev, ERA_BUILD_TIGHT), 0);
	run->stream = era_build_stream(run->build);
}

static int end(struct build_run *run)
{
	int r = era_build_commit(run->build);

	era_build_close(run->build);
	return r;
}

static int restore(struct simdev *sim, const struct content *c, const struct report *rep)
{
	struct build_run run;

	begin(&run, sim, rep);
	assert_int_equal(feed(c, &run.stream), 0);
	return end(&run);
}

/* From metadata on another device. */
static int repair(struct simdev *sim, const struct content *c, const struct report *rep)
{
	struct era_losses losses;
	struct era_view *view;
	struct simdev other;
	struct blk_dev dev;
	struct build_run run;
	int r;

	simdev_open(&other, sim->nr_blocks);
	assert_int_equal(restore(&other, c, NULL), 0);
	assert_int_equal(simdev_dev(&other, &dev, NULL), 0);
	assert_int_equal(era_view_open_dev(&view, &dev, ERA_VIEW_REPAIR), 0);
	begin(&run, sim, rep);
	assert_int_equal(era_stream_view(view, &run.stream, &losses), 0);
	r = end(&run);
	era_view_close(view);
	simdev_close(&other);
	return r;
}

static bool is_sound(struct simdev *image)
{
	struct era_check_result result;
	struct blk_dev dev;

	assert_int_equal(simdev_dev(image, &dev, NULL), 0);
	assert_int_equal(era_check_dev(&dev, ERA_CHECK_ALL, NULL, &result), 0);
	blk_dev_close(&dev);
	return !result.nr_fatal && !result.nr_non_fatal;
}

static bool has_eras(struct era_view *view, const struct content *c)
{
	struct era_chunk chunk;
	struct era_map *map;
	bool same = era_view_sb(view)->nr_blocks == c->nr_blocks &&
		    era_view_sb(view)->current_era == c->current_era;
	uint32_t next = 0;

	assert_int_equal(era_map_open(&map, view), 0);
	while (same && era_map_next(map, &chunk) == 1)
		for (uint32_t i = 0; i < chunk.nr && same; i++)
			same = chunk.eras[i] == right_era(c, next++);
	era_map_close(map);
	return same && next == c->nr_blocks;
}

/* Whatever their counts are. */
static bool holds(struct simdev *image, const struct content *c)
{
	struct era_superblocks sbs;
	struct era_view *view;
	struct blk_dev dev;
	bool same;

	assert_int_equal(simdev_dev(image, &dev, NULL), 0);
	if (era_read_superblocks(&dev, 0, &sbs)) {
		blk_dev_close(&dev);
		return false;
	}
	if (era_view_begin(&view, &dev, &sbs, 0, 0))
		return false;
	same = has_eras(view, c);
	era_view_close(view);
	return same;
}

enum found {
	FOUND_BAD, /* taken for metadata, but neither the old nor the new */
	FOUND_NONE,
	FOUND_BLANK, /* the kernel would format it */
	FOUND_OLD,
	FOUND_NEW,
};

struct trial {
	const char *name;
	int (*run)(struct simdev *sim, const struct content *c, const struct report *rep);
	const struct content *before; /* NULL: blank */
	const struct content *after;
	uint64_t nr_blocks; /* of the device */
	unsigned states;
	unsigned found[5]; /* states, by what they were */
};

static bool is_blank(const struct simdev *image)
{
	for (size_t i = 0; i < META_BLOCK_SIZE; i++)
		if (image->data[i])
			return false;
	return true;
}

static enum found look(const struct trial *trial, struct simdev *image)
{
	struct superblock sb;
	struct problem p;
	struct blk_dev dev;
	bool valid;

	assert_int_equal(simdev_dev(image, &dev, NULL), 0);
	valid = !superblock_read(&dev, 0, BLOCK_SUPERBLOCK, &sb, &p);
	blk_dev_close(&dev);
	if (!valid)
		return is_blank(image) ? FOUND_BLANK : FOUND_NONE;
	if (!is_sound(image))
		return FOUND_BAD;
	if (holds(image, trial->after))
		return FOUND_NEW;
	return trial->before && holds(image, trial->before) ? FOUND_OLD : FOUND_BAD;
}

static bool judge(void *ctx, struct simdev_stop *stop)
{
	static const char *const words[] = {"unsound", "none", "blank", "old", "new"};
	struct trial *trial = ctx;
	enum found found = look(trial, stop->image);

	trial->found[found]++;
	strcpy(stop->why, words[found]);
	if (stop->promise)
		return found == FOUND_NEW;
	return found != FOUND_BAD && (found != FOUND_BLANK || !trial->before);
}

static void set_up(struct trial *trial, struct simdev *sim)
{
	memset(trial->found, 0, sizeof(trial->found));
	simdev_open(sim, trial->nr_blocks);
	if (trial->before)
		assert_int_equal(restore(sim, trial->before, NULL), 0);
	simdev_settle(sim);
}

static struct simdev_result stops(struct trial *trial, const struct simdev *sim,
				  uint64_t without_flush)
{
	const struct simdev_how how = {trial->states, 1, without_flush};
	struct simdev_result result;

	simdev_for_each_stop(sim, &how, judge, trial, &result);
	return result;
}

#define SMALL_DEVICE 64u
#define LARGE_DEVICE 1400u

static struct trial trials[] = {
	{"restore onto a blank device", restore, NULL, &new_content, SMALL_DEVICE, 0, {0}},
	{"restore over metadata", restore, &old_content, &new_content, SMALL_DEVICE, 0, {0}},
	{"restore the same again", restore, &new_content, &new_content, SMALL_DEVICE, 0, {0}},
	{"repair onto a blank device", repair, NULL, &new_content, SMALL_DEVICE, 0, {0}},
	{"repair over metadata", repair, &old_content, &new_content, SMALL_DEVICE, 0, {0}},
	{"large over large", restore, &large_old, &large_new, LARGE_DEVICE, 16, {0}},
};

static void stopped_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		struct trial *trial = &trials[i];
		struct simdev_result result;
		struct simdev sim;

		set_up(trial, &sim);
		assert_int_equal(trial->run(&sim, trial->after, NULL), 0);
		simdev_promise(&sim, 1);
		result = stops(trial, &sim, 0);
		print_message("# %s: %u stops, %u states: %u old, %u blank, %u none, %u new\n",
			      trial->name, (unsigned)result.stops, (unsigned)result.states,
			      trial->found[FOUND_OLD], trial->found[FOUND_BLANK],
			      trial->found[FOUND_NONE], trial->found[FOUND_NEW]);
		if (result.bad)
			fail_msg("%s: %s", trial->name, result.first_bad);
		assert_true(trial->found[FOUND_NONE] && trial->found[FOUND_NEW]);
		assert_true(trial->found[trial->before ? FOUND_OLD : FOUND_BLANK] ||
			    trial->before == trial->after);
		simdev_close(&sim);
	}
}

/* On a blank device there is nothing that the first flush would have to put an end to. */
static void no_flush_is_idle(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		struct trial *trial = &trials[i];
		struct simdev sim;

		set_up(trial, &sim);
		assert_int_equal(trial->run(&sim, trial->after, NULL), 0);
		simdev_promise(&sim, 1);
		assert_int_equal(sim.flushes, 3);
		for (uint64_t flush = trial->before ? 1 : 2; flush <= sim.flushes; flush++)
			if (trial->before != trial->after && !stops(trial, &sim, flush).bad)
				fail_msg("%s: nobody misses flush %u", trial->name,
					 (unsigned)flush);
		simdev_close(&sim);
	}
}

/* The one message of a run that failed, and the note after it. */
struct heard {
	unsigned nr_errors, nr_notes;
	char error[256], note[256];
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

	heard->nr_notes++;
	snprintf(heard->note, sizeof(heard->note), "%s", text);
}

/* The error begins with what failed, and ends with why. */
static void check_error(const char *error, const char *what, const char *why)
{
	size_t len = strlen(error), len_why = strlen(why);

	assert_memory_equal(error, what, strlen(what));
	assert_true(len > len_why);
	assert_string_equal(error + len - len_why, why);
}

/* Fails as it should, says so, and whatever comes after it leaves nothing half done. */
static void try_fault(struct trial *trial, const struct simdev_faults *faults, const char *what,
		      const char *why)
{
	struct heard heard = {0};
	const struct report rep = {.ctx = &heard, .error = on_error, .note = on_note};
	bool is_of_superblock = strstr(what, "block 0:");
	struct simdev_result result;
	struct simdev sim;

	set_up(trial, &sim);
	sim.faults = *faults;
	assert_int_equal(trial->run(&sim, trial->after, &rep),
			 faults->write && faults->error != EIO && !is_of_superblock ? ERA_NO_SPACE
										    : ERA_SYS);
	assert_int_equal(heard.nr_errors, 1);
	check_error(heard.error, what, why);
	assert_int_equal(heard.nr_notes, 1);
	assert_non_null(strstr(heard.note, "what it held before may be lost"));
	result = stops(trial, &sim, 0);
	if (result.bad)
		fail_msg("%s, then %s: %s", heard.error, trial->name, result.first_bad);
	simdev_close(&sim);
}

static void failing_writes_and_flushes(void **state)
{
	static const struct {
		int error;
		bool short_write, lasting;
		const char *text;
	} kinds[] = {
		{EIO, false, false, "Input/output error"},
		{EIO, false, true, "Input/output error"},
		{EIO, true, false, "Input/output error"},
		{ENOSPC, false, true, "No space left on device"},
		{ENOSPC, true, true, "No space left on device"},
		{EFBIG, true, false, "File too large"},
	};

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(trials); t++) {
		struct trial *trial = &trials[t];
		uint64_t writes = trial->nr_blocks == LARGE_DEVICE ? 4 : 3;

		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			struct simdev_faults faults = {.bad_block = SIMDEV_NO_BLOCK,
						       .error = kinds[k].error,
						       .short_write = kinds[k].short_write,
						       .lasting = kinds[k].lasting};

			if (trial->nr_blocks == LARGE_DEVICE && k != 2)
				continue;
			for (faults.write = 1; faults.write <= writes; faults.write++)
				try_fault(trial, &faults,
					  faults.write == 1 || faults.write == writes
						  ? "simulated device: cannot write block 0: "
						  : "simulated device: cannot write blocks ",
					  kinds[k].text);
			faults.write = 0;
			for (faults.flush = 1; faults.flush <= 3; faults.flush++)
				try_fault(trial, &faults,
					  "simulated device: cannot flush: ", kinds[k].text);
		}
	}
}

/* era_check --auto-repair: metadata whose counts are wrong stay what they are, or get right
 * ones. */
static void count_index_as_free(struct simdev *sim)
{
	const struct superblock_disk *sb = (const void *)sim->data;
	uint64_t index_nr = le64_get(sb->sm.bitmap_root);
	const struct index_disk *index = (const void *)(sim->data + index_nr * META_BLOCK_SIZE);
	struct blk_rw bitmap = {.nr = le64_get(index->entry[0].blocknr)};
	struct le64 *word;

	bitmap.data = sim->data + bitmap.nr * META_BLOCK_SIZE;
	word = &((struct bitmap_disk *)bitmap.data)->words[index_nr / BITMAP_ENTRIES_PER_WORD];
	*word = le64_make(le64_get(*word) &
			  ~(UINT64_C(3) << index_nr % BITMAP_ENTRIES_PER_WORD * 2));
	blk_seal(bitmap, BLOCK_BITMAP);
	simdev_settle(sim);
}

static int repair_counts(struct simdev *sim, const struct report *rep)
{
	struct era_check_result result;
	struct blk_dev dev;
	int r;

	assert_int_equal(simdev_dev(sim, &dev, rep), 0);
	r = era_check_dev(&dev, ERA_CHECK_REPAIR, rep, &result);
	assert_int_equal(result.repair.done, !r);
	blk_dev_close(&dev);
	return r;
}

static bool judge_counts(void *ctx, struct simdev_stop *stop)
{
	unsigned *nr_sound = ctx;
	struct era_check_result result;
	struct blk_dev dev;

	assert_int_equal(simdev_dev(stop->image, &dev, NULL), 0);
	assert_int_equal(era_check_dev(&dev, ERA_CHECK_ALL, NULL, &result), 0);
	blk_dev_close(&dev);
	*nr_sound += !result.nr_of_counts;
	snprintf(stop->why, sizeof(stop->why), "%u wrong counts, %u other problems",
		 (unsigned)result.nr_of_counts, (unsigned)result.nr_others);
	return !result.nr_others && holds(stop->image, &old_content) &&
	       (!stop->promise || !result.nr_of_counts);
}

static void wrong_counts(struct simdev *sim)
{
	simdev_open(sim, SMALL_DEVICE);
	assert_int_equal(restore(sim, &old_content, NULL), 0);
	count_index_as_free(sim);
}

static void counts_are_made_right(void **state)
{
	const struct simdev_how how = {.states = 0};
	struct simdev_result result;
	unsigned nr_sound = 0;
	struct simdev sim;

	(void)state;
	wrong_counts(&sim);
	assert_false(is_sound(&sim));
	assert_int_equal(repair_counts(&sim, NULL), 0);
	simdev_promise(&sim, 1);
	simdev_for_each_stop(&sim, &how, judge_counts, &nr_sound, &result);
	print_message("# --auto-repair: %u stops, %u states, %u of them sound\n",
		      (unsigned)result.stops, (unsigned)result.states, nr_sound);
	if (result.bad)
		fail_msg("--auto-repair: %s", result.first_bad);
	assert_true(nr_sound && nr_sound < result.states);
	for (uint64_t flush = 1; flush <= sim.flushes; flush++) {
		const struct simdev_how without = {.without_flush = flush};

		simdev_for_each_stop(&sim, &without, judge_counts, &nr_sound, &result);
		if (!result.bad)
			fail_msg("--auto-repair: nobody misses flush %u", (unsigned)flush);
	}
	assert_int_equal(sim.flushes, 2);
	simdev_close(&sim);
}

static void try_repair_fault(const struct simdev_faults *faults)
{
	const struct simdev_how how = {.states = 0};
	struct heard heard = {0};
	const struct report rep = {.ctx = &heard, .error = on_error};
	struct simdev_result result;
	unsigned nr_sound = 0;
	struct simdev sim;

	wrong_counts(&sim);
	sim.faults = *faults;
	assert_int_equal(repair_counts(&sim, &rep), ERA_SYS);
	assert_int_equal(heard.nr_errors, 1);
	simdev_for_each_stop(&sim, &how, judge_counts, &nr_sound, &result);
	if (result.bad)
		fail_msg("%s: %s", heard.error, result.first_bad);
	simdev_close(&sim);
}

static void failing_repairs_of_counts(void **state)
{
	struct simdev_faults faults = {.bad_block = SIMDEV_NO_BLOCK};
	struct simdev sim;
	uint64_t writes;

	(void)state;
	wrong_counts(&sim);
	assert_int_equal(repair_counts(&sim, NULL), 0);
	writes = sim.writes;
	simdev_close(&sim);
	for (unsigned short_write = 0; short_write < 2; short_write++) {
		faults.short_write = short_write;
		for (faults.write = 1; faults.write <= writes; faults.write++)
			try_repair_fault(&faults);
		faults.write = 0;
	}
	for (faults.flush = 1; faults.flush <= 2; faults.flush++)
		try_repair_fault(&faults);
}

/* A device that gives another block 0 when it is asked for that one the so manieth time. */
static unsigned nr_reads_of_zero, wrong_read;
static const struct blk_dev_ops *good_ops;

static int read_otherwise(struct blk_dev *dev, void *data, size_t len, off_t at)
{
	int r = good_ops->read(dev, data, len, at);

	if (!at && ++nr_reads_of_zero == wrong_read)
		((uint8_t *)data)[offsetof(struct superblock_disk, era_array_root)] ^= 1;
	return r;
}

static int repair_with_wrong_read(struct simdev *sim, unsigned nr, struct heard *heard)
{
	const struct report rep = {.ctx = heard, .error = on_error};
	struct era_check_result result;
	struct blk_dev_ops ops;
	struct blk_dev dev;
	int r;

	nr_reads_of_zero = 0;
	wrong_read = nr;
	wrong_counts(sim);
	assert_int_equal(simdev_dev(sim, &dev, &rep), 0);
	good_ops = dev.ops;
	ops = *good_ops;
	ops.read = read_otherwise;
	dev.ops = &ops;
	r = era_check_dev(&dev, ERA_CHECK_REPAIR, &rep, &result);
	blk_dev_close(&dev);
	return r;
}

/* Its checksum is made anew before it is written, so what is wrong with it would be right for
 * ever. */
static void a_superblock_read_wrong_is_not_written(void **state)
{
	unsigned nr = 0, nr_refused = 0;

	(void)state;
	do {
		struct heard heard = {0};
		struct simdev sim;

		nr_refused += repair_with_wrong_read(&sim, ++nr, &heard) == ERA_SYS;
		assert_true(holds(&sim, &old_content));
		simdev_close(&sim);
	} while (nr_reads_of_zero >= nr);
	assert_true(nr > 3 && nr_refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stopped_anywhere),
		cmocka_unit_test(no_flush_is_idle),
		cmocka_unit_test(failing_writes_and_flushes),
		cmocka_unit_test(counts_are_made_right),
		cmocka_unit_test(failing_repairs_of_counts),
		cmocka_unit_test(a_superblock_read_wrong_is_not_written),
	};

	return cmocka_run_group_tests_name("stops", tests, NULL, NULL);
}
