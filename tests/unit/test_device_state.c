/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The state of a tracked device at the end of its metadata: what is written is read, the newer slot
 * counts, and what older releases wrote is read.
 *
 * With an argument, writes such a state into that file, for tests/golden/make. */
#include "unit.h"

#include <string.h>
#include <zlib.h>

#include "block/dev.h"
#include "era_setup/state.h"
#include "metadata/state_room.h"
#include "ondisk/era_disk.h"

#define GOLDEN "/tests/golden/1.0.0/device.gz"
#define BYTES (STATE_ROOM_BLOCKS * META_BLOCK_SIZE)

static const struct report silent;
static struct state wanted, found;
static char path[UNIT_PATH_MAX];
static unsigned char bytes[BYTES];

/* As tests/golden/1.0.0 has it in its newer slot. */
static void make(struct state *state)
{
	*state = (struct state){
		.sequence = 1,
		.discards_passed = true,
		.era = 4000000007,
		.block_sectors = 128,
		.nr_blocks = 3000000000,
		.sectors = UINT64_C(3000000000) * 128 - 1,
		.nr = 5,
	};
	for (uint32_t i = 0; i < state->nr; i++)
		state->samples[i] = (struct state_sample){.block = i * 700000000,
							  .hash = UINT64_C(0xfedcba9876543210) + i};
}

static void open_file(const char *name, struct blk_dev *dev, struct state_place *place)
{
	assert_int_equal(blk_dev_open(dev, name, BLK_WRITE, &silent), 0);
	*place = (struct state_place){.dev = dev, .name = "none", .on_device = true};
}

static void save(const char *name, struct state *state)
{
	struct state_place place;
	struct blk_dev dev;

	open_file(name, &dev, &place);
	assert_int_equal(state_write(&place, state), 0);
	blk_dev_close(&dev);
}

static int load(const char *name, struct state *state)
{
	struct state_place place;
	struct blk_dev dev;
	int r;

	open_file(name, &dev, &place);
	r = state_read(&place, state);
	blk_dev_close(&dev);
	return r;
}

static int create(void **state)
{
	int fd;

	(void)state;
	unit_temporary(path, "state");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	close(fd);
	make(&wanted);
	return 0;
}

static int discard(void **state)
{
	(void)state;
	return unlink(path);
}

static void same(void)
{
	assert_int_equal(found.sequence, wanted.sequence);
	assert_int_equal(found.discards_passed, wanted.discards_passed);
	assert_int_equal(found.era, wanted.era);
	assert_int_equal(found.block_sectors, wanted.block_sectors);
	assert_int_equal(found.nr_blocks, wanted.nr_blocks);
	assert_int_equal(found.sectors, wanted.sectors);
	assert_int_equal(found.nr, wanted.nr);
	for (uint32_t i = 0; i < wanted.nr; i++) {
		assert_int_equal(found.samples[i].block, wanted.samples[i].block);
		assert_int_equal(found.samples[i].hash, wanted.samples[i].hash);
	}
}

static void test_written_is_read(void **state)
{
	(void)state;
	assert_int_equal(load(path, &found), 0);
	save(path, &wanted);
	assert_int_equal(load(path, &found), 1);
	same();
	wanted.era++;
	wanted.discards_passed = false;
	save(path, &wanted);
	assert_int_equal(load(path, &found), 1);
	same();
}

static void unpack(const char *name)
{
	gzFile in = gzopen(name, "rb");
	FILE *file = fopen(path, "r+b");

	assert_non_null(in);
	assert_non_null(file);
	assert_int_equal(gzread(in, bytes, BYTES), BYTES);
	assert_int_equal(fwrite(bytes, 1, BYTES, file), BYTES);
	gzclose(in);
	fclose(file);
}

static void test_golden_is_read(void **state)
{
	char name[UNIT_PATH_MAX];
	const char *top = getenv("abs_top_srcdir");

	(void)state;
	snprintf(name, sizeof(name), "%s" GOLDEN, top ? top : ".");
	unpack(name);
	wanted.sequence++;
	assert_int_equal(load(path, &found), 1);
	same();
}

/* Both slots: the older one is of another era. */
static int write_golden(const char *name)
{
	make(&wanted);
	wanted.era--;
	wanted.sequence--;
	save(name, &wanted);
	wanted.era++;
	save(name, &wanted);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_written_is_read, create, discard),
		cmocka_unit_test_setup_teardown(test_golden_is_read, create, discard),
	};

	if (argc == 2)
		return write_golden(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
