/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A delta is applied to a simulated device, and stopped by a power failure or an error anywhere.
 *
 * Until the state is marked, the device is the old backup.  From then on until the new state is
 * saved, the delta can be applied again, and makes the new one; with the new state it is there.
 * And to see that this test sees: without the flush there is a bad state.
 *
 * Damaged deltas never reach the device.  ERA_DELTA_MUTATIONS is how many are tried (10000).
 */
#include "delta_file.h"

#include <errno.h>

#include "base/checked.h"
#include "copy/apply.h"
#include "tests/sim/simdev.h"

#define BLOCK 4096u
#define NR_BLOCKS 24u
#define SIZE (NR_BLOCKS * BLOCK - 512u) /* of the backups */

static char said[1024];

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
}

static const struct report report = {.error = on_error};

/* What is done, in the order in which it is: to save the mark is the first promise, and to begin
 * to save the new state the second. */
struct trial {
	struct simdev *sim;
	struct blk_dev dev;
	struct copy_target target;
	struct backup_state state; /* as it was saved last */
	unsigned nr_saves, nr_zeroes;
	unsigned failing_save;
	void (*on_read)(void);
};

static struct delta_file delta, full;
static uint8_t old_data[NR_BLOCKS * BLOCK], new_data[NR_BLOCKS * BLOCK];
static struct backup_state old_state;

static int op_read(struct copy_target *target, void *data, size_t len, uint64_t at)
{
	struct trial *trial = target->ctx;

	if (trial->on_read)
		trial->on_read();
	return trial->dev.ops->read(&trial->dev, data, len, (off_t)at);
}

static int op_write(struct copy_target *target, const void *data, size_t len, uint64_t at)
{
	struct trial *trial = target->ctx;

	assert_true(at <= SIZE && len <= SIZE - at);
	return trial->dev.ops->write(&trial->dev, data, len, (off_t)at);
}

static int op_zero(struct copy_target *target, uint64_t at, uint64_t len)
{
	static const uint8_t zeroes[NR_BLOCKS * BLOCK];
	struct trial *trial = target->ctx;

	trial->nr_zeroes++;
	return op_write(target, zeroes, (size_t)len, at);
}

static int op_set_size(struct copy_target *target, uint64_t size)
{
	(void)target;
	(void)size;
	fail_msg("the size of a device was set");
	return EINVAL;
}

static int op_flush(struct copy_target *target)
{
	struct trial *trial = target->ctx;

	return trial->dev.ops->flush(&trial->dev);
}

static const struct copy_target_ops ops = {op_read, op_write, op_zero, op_set_size, op_flush};

static int save(void *ctx, const struct backup_state *state)
{
	struct trial *trial = ctx;

	if (++trial->nr_saves == trial->failing_save)
		return report_fail(&report, ERA_SYS, "the state cannot be saved");
	if (!state->under_way)
		simdev_promise(trial->sim, 2);
	trial->state = *state;
	if (state->under_way)
		simdev_promise(trial->sim, 1);
	return 0;
}

static void begin_trial(struct trial *trial, struct simdev *sim, const struct backup_state *state)
{
	*trial = (struct trial){.sim = sim, .state = *state};
	assert_int_equal(simdev_dev(sim, &trial->dev, &report), 0);
	trial->target = (struct copy_target){
		.ops = &ops,
		.ctx = trial,
		.path = "device",
		.rep = &report,
		.fd = -1,
		.is_device = true,
		.exists = true,
		.size = NR_BLOCKS * BLOCK,
	};
}

static int apply_file(struct trial *trial, const struct delta_file *file,
		      struct apply_result *result)
{
	const struct apply_task task = {.delta = file->path, .target = "device", .rep = &report};
	struct backup_state state = trial->state;
	const struct apply_ends ends = {&trial->target, &state, save, trial};
	int r;

	*said = '\0';
	r = apply_to(&task, &ends, result);
	blk_dev_close(&trial->dev);
	return r;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return !*data && !memcmp(data, data + 1, len - 1);
}

static void write_block(struct delta_writer *w, const uint8_t *data, uint64_t at, size_t len)
{
	if (is_zero(data + at, len))
		assert_int_equal(delta_zero(w, at, len), 0);
	else
		assert_int_equal(delta_data(w, at, data + at, len), 0);
}

static void make_delta(struct delta_file *file, uint32_t from, uint32_t to, const uint8_t *old,
		       const uint8_t *new)
{
	const struct delta_header header = delta_header_of(from, to, SIZE);
	static struct delta_facts facts;
	struct delta_writer w;
	struct sink sink;

	facts = (struct delta_facts){.from_size = from ? SIZE : 0, .block_size = BLOCK};
	delta_file_open(file);
	assert_int_equal(sink_open(&sink, file->path, &report), 0);
	assert_int_equal(delta_begin(&w, &sink, &header), 0);
	for (uint64_t at = 0, len; at < SIZE; at += len) {
		len = min_u64(BLOCK, SIZE - at);
		if (!old || memcmp(old + at, new + at, (size_t)len))
			write_block(&w, new, at, (size_t)len);
	}
	assert_int_equal(delta_end(&w, &facts), 0);
	assert_int_equal(sink_finish(&sink), 0);
	sink_close(&sink);
}

static void set_device(struct simdev *sim, const uint8_t *data)
{
	memcpy(sim->data, data, NR_BLOCKS * BLOCK);
	simdev_settle(sim);
}

/* Behind SIZE the device holds something else, which stays. */
static int setup(void **state)
{
	uint64_t random = 3;
	struct simdev sim;
	struct trial trial;
	struct apply_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(old_data); i++)
		old_data[i] = (uint8_t)unit_random(&random);
	memcpy(new_data, old_data, sizeof(new_data));
	for (size_t block = 1; block < NR_BLOCKS; block += 5)
		memset(new_data + block * BLOCK, (int)block, BLOCK);
	memset(new_data + 3 * BLOCK, 0, 2 * BLOCK);
	memset(new_data + SIZE - 512, 'e', 512);
	make_delta(&full, 0, 1, NULL, old_data);
	make_delta(&delta, 1, 2, old_data, new_data);
	simdev_open(&sim, NR_BLOCKS);
	memcpy(sim.data + SIZE, old_data + SIZE, 512);
	begin_trial(&trial, &sim, &(struct backup_state){0});
	trial.target.size = SIZE; /* of zeroes: with --force it is not asked for */
	trial.state.under_way = true;
	assert_int_equal(apply_file(&trial, &full, &result), 0);
	assert_memory_equal(sim.data, old_data, sizeof(old_data));
	old_state = trial.state;
	assert_true(old_state.has_base && old_state.samples.nr == NR_BLOCKS);
	simdev_close(&sim);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	delta_file_close(&delta);
	delta_file_close(&full);
	return 0;
}

static bool is_device(const struct simdev *sim, const uint8_t *data)
{
	return !memcmp(sim->data, data, NR_BLOCKS * BLOCK);
}

struct judging {
	struct backup_state marked, done;
};

/* Applies the delta to what is there, with a state, and wants the new backup, and a certain end. */
static bool goes_on(struct simdev_stop *stop, const struct backup_state *state, enum apply_end end)
{
	struct apply_result result = {0};
	struct trial trial;
	int r;

	begin_trial(&trial, stop->image, state);
	r = apply_file(&trial, &delta, &result);
	if (!r && result.end == end && is_device(stop->image, new_data) &&
	    backup_name_same(&trial.state.base, &result.header.to) && !trial.state.under_way)
		return true;
	snprintf(stop->why, sizeof(stop->why), "not finished: %.200s", said);
	return false;
}

static bool judge(void *ctx, struct simdev_stop *stop)
{
	const struct judging *judging = ctx;

	if (stop->promise == 0 && is_device(stop->image, old_data))
		return goes_on(stop, &old_state, APPLY_DONE);
	if (stop->promise == 0)
		snprintf(stop->why, sizeof(stop->why), "it was written to before the mark");
	if (stop->promise == 1)
		return goes_on(stop, &judging->marked, APPLY_FINISHED);
	if (stop->promise == 2 && is_device(stop->image, new_data))
		return goes_on(stop, &judging->done, APPLY_ALREADY);
	if (stop->promise == 2)
		snprintf(stop->why, sizeof(stop->why), "the state is ahead of what is there");
	return false;
}

static void find_states(struct judging *judging)
{
	struct simdev sim;
	struct trial trial;
	struct apply_result result;

	simdev_open(&sim, NR_BLOCKS);
	set_device(&sim, old_data);
	begin_trial(&trial, &sim, &old_state);
	assert_int_equal(apply_file(&trial, &delta, &result), 0);
	judging->done = trial.state;
	judging->marked = old_state;
	judging->marked.under_way = true;
	judging->marked.going = result.header;
	simdev_close(&sim);
}

static void run_stops(uint64_t without_flush, struct simdev_result *found)
{
	const struct simdev_how how = {.states = 200, .without_flush = without_flush};
	static struct judging judging;
	struct simdev sim;
	struct trial trial;
	struct apply_result result;

	find_states(&judging);
	simdev_open(&sim, NR_BLOCKS);
	set_device(&sim, old_data);
	begin_trial(&trial, &sim, &old_state);
	assert_int_equal(apply_file(&trial, &delta, &result), 0);
	assert_int_equal(result.end, APPLY_DONE);
	assert_int_equal(trial.nr_saves, 2);
	assert_true(trial.nr_zeroes);
	assert_int_equal(sim.flushes, 1);
	simdev_for_each_stop(&sim, &how, judge, &judging, found);
	simdev_close(&sim);
}

static void stopped_anywhere(void **state)
{
	struct simdev_result found = {0};

	(void)state;
	run_stops(0, &found);
	print_message("# %lu states at %lu stops\n", (unsigned long)found.states,
		      (unsigned long)found.stops);
	if (found.bad)
		fail_msg("%s", found.first_bad);
	assert_true(found.states > 500);
}

static void the_flush_is_needed(void **state)
{
	struct simdev_result found = {0};

	(void)state;
	run_stops(1, &found);
	assert_true(found.bad);
	assert_non_null(strstr(found.first_bad, "the state is ahead"));
}

/* What fails leaves the old backup, or one that can be finished. */
static void finish_after(struct simdev *sim, struct trial *failed)
{
	struct apply_result result;
	struct trial trial;

	sim->faults = (struct simdev_faults){.bad_block = SIMDEV_NO_BLOCK};
	if (!failed->state.under_way)
		assert_true(is_device(sim, old_data));
	begin_trial(&trial, sim, &failed->state);
	assert_int_equal(apply_file(&trial, &delta, &result), 0);
	assert_int_equal(result.end, failed->state.under_way ? APPLY_FINISHED : APPLY_DONE);
	assert_true(is_device(sim, new_data));
}

/* The nth call fails, until none does; returns how many did. */
static unsigned each_fails(void (*set)(struct trial *trial, unsigned nth))
{
	struct simdev sim;
	struct apply_result result;
	static struct trial trial;

	for (unsigned nth = 1;; nth++) {
		int r;

		simdev_open(&sim, NR_BLOCKS);
		set_device(&sim, old_data);
		begin_trial(&trial, &sim, &old_state);
		set(&trial, nth);
		r = apply_file(&trial, &delta, &result);
		if (r) {
			assert_true(*said);
			finish_after(&sim, &trial);
		}
		simdev_close(&sim);
		if (!r)
			return nth - 1;
	}
}

static void fail_read(struct trial *trial, unsigned nth)
{
	trial->sim->faults.read = nth;
}

static void fail_write(struct trial *trial, unsigned nth)
{
	trial->sim->faults.write = nth;
	trial->sim->faults.short_write = true;
}

static void fail_flush(struct trial *trial, unsigned nth)
{
	trial->sim->faults.flush = nth;
}

static void fail_save(struct trial *trial, unsigned nth)
{
	trial->failing_save = nth;
}

static void errors_anywhere(void **state)
{
	(void)state;
	assert_true(each_fails(fail_read) >= 2 * NR_BLOCKS);
	assert_true(each_fails(fail_write) >= 7);
	assert_int_equal(each_fails(fail_flush), 1);
	assert_int_equal(each_fails(fail_save), 2);
}

static unsigned long nr_mutations(void)
{
	const char *wanted = getenv("ERA_DELTA_MUTATIONS");

	return wanted ? strtoul(wanted, NULL, 10) : 10000;
}

/* Nothing of the device or the state was touched. */
static void refused_untouched(struct simdev *sim, const struct delta_file *file)
{
	struct apply_result result;
	static struct trial trial;

	begin_trial(&trial, sim, &old_state);
	assert_int_not_equal(apply_file(&trial, file, &result), 0);
	assert_true(*said);
	assert_true(!sim->writes && !trial.nr_saves);
}

static void damaged_deltas(void **state)
{
	struct delta_file file;
	struct simdev sim;
	uint64_t random = 5;
	size_t len;
	uint8_t *data = delta_file_get(&delta, &len);

	(void)state;
	delta_file_open(&file);
	simdev_open(&sim, NR_BLOCKS);
	set_device(&sim, old_data);
	for (size_t cut = 0; cut < len; cut += 1 + cut / 8) {
		delta_file_set(&file, data, cut);
		refused_untouched(&sim, &file);
	}
	for (unsigned long i = 0; i < nr_mutations() / 4; i++) {
		size_t at = unit_random(&random) % len;
		uint8_t was = data[at], flip = (uint8_t)(1 + unit_random(&random) % 255);

		data[at] ^= flip;
		delta_file_set(&file, data, len);
		refused_untouched(&sim, &file);
		data[at] = was;
	}
	assert_true(is_device(&sim, old_data));
	simdev_close(&sim);
	delta_file_close(&file);
	free(data);
}

/* With a right checksum it may be applied, if it is well-formed; op_write() sees that nothing is
 * written outside. */
static void hostile_deltas(void **state)
{
	struct delta_file file;
	struct simdev sim;
	struct apply_result result;
	static struct trial trial;
	uint64_t random = 9;
	size_t len;
	uint8_t *data = delta_file_get(&delta, &len);

	(void)state;
	delta_file_open(&file);
	simdev_open(&sim, NR_BLOCKS);
	for (unsigned long i = 0; i < nr_mutations() / 4; i++) {
		size_t at = unit_random(&random) % (i % 2 ? 200 : len);
		uint8_t was = data[at];

		data[at] = (uint8_t)unit_random(&random);
		delta_make_right(data, len);
		delta_file_set(&file, data, len);
		set_device(&sim, old_data);
		begin_trial(&trial, &sim, &old_state);
		if (apply_file(&trial, &file, &result))
			assert_true(*said && !sim.writes && !trial.nr_saves);
		assert_memory_equal(sim.data + SIZE, old_data + SIZE, 512);
		data[at] = was;
	}
	simdev_close(&sim);
	delta_file_close(&file);
	free(data);
}

/* Half a delta was applied, and then something else wrote: what the delta does not touch tells. */
static void another_half(void **state)
{
	static struct judging judging;
	struct simdev sim;
	struct trial trial;
	struct apply_result result;

	(void)state;
	find_states(&judging);
	simdev_open(&sim, NR_BLOCKS);
	set_device(&sim, old_data);
	sim.data[10 * BLOCK] ^= 1;
	begin_trial(&trial, &sim, &judging.marked);
	assert_int_equal(apply_file(&trial, &delta, &result), ERA_NO_ANSWER);
	assert_non_null(strstr(said, "was changed"));
	assert_true(!sim.writes);
	begin_trial(&trial, &sim, &judging.marked);
	assert_int_equal(apply_file(&trial, &full, &result), 0);
	assert_true(is_device(&sim, old_data));
	simdev_close(&sim);
}

static void an_unfinished_one_takes_no_other(void **state)
{
	static struct judging judging;
	struct delta_file other;
	struct simdev sim;
	struct trial trial;
	struct apply_result result;

	(void)state;
	find_states(&judging);
	make_delta(&other, 1, 3, old_data, new_data);
	simdev_open(&sim, NR_BLOCKS);
	set_device(&sim, old_data);
	begin_trial(&trial, &sim, &judging.marked);
	assert_int_equal(apply_file(&trial, &other, &result), ERA_NO_ANSWER);
	assert_non_null(strstr(said, "begun and not finished"));
	assert_true(!sim.writes && !trial.nr_saves);
	simdev_close(&sim);
	delta_file_close(&other);
}

/* Another delta of the same name, as if it had been written over the first. */
static void exchange_delta(void)
{
	struct delta_file other;
	size_t len;
	uint8_t *data;

	make_delta(&other, 1, 2, new_data, old_data);
	data = delta_file_get(&other, &len);
	delta_file_set(&delta, data, len);
	free(data);
	delta_file_close(&other);
}

/* When one is finished, samples are read after it has been verified. */
static void one_that_changes_meanwhile(void **state)
{
	static struct judging judging;
	struct simdev sim;
	struct trial trial;
	struct apply_result result;
	size_t len;
	uint8_t *data = delta_file_get(&delta, &len);

	(void)state;
	find_states(&judging);
	simdev_open(&sim, NR_BLOCKS);
	set_device(&sim, old_data);
	begin_trial(&trial, &sim, &judging.marked);
	trial.on_read = exchange_delta;
	assert_int_equal(apply_file(&trial, &delta, &result), ERA_SYS);
	assert_non_null(strstr(said, "changed while it was being applied"));
	assert_true(trial.state.under_way);
	delta_file_set(&delta, data, len);
	finish_after(&sim, &trial);
	simdev_close(&sim);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stopped_anywhere),
		cmocka_unit_test(the_flush_is_needed),
		cmocka_unit_test(errors_anywhere),
		cmocka_unit_test(damaged_deltas),
		cmocka_unit_test(hostile_deltas),
		cmocka_unit_test(another_half),
		cmocka_unit_test(an_unfinished_one_takes_no_other),
		cmocka_unit_test(one_that_changes_meanwhile),
	};

	return cmocka_run_group_tests_name("apply", tests, setup, teardown);
}
