/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dmera_image.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static FILE *open_part(const char *image, const char *part, char path[UNIT_PATH_MAX])
{
	const char *top = getenv("abs_top_srcdir");

	snprintf(path, UNIT_PATH_MAX, "%s/tests/images/%s/%s", top ? top : ".", image, part);
	return fopen(path, "r");
}

static void read_truth(struct image *image, const char *part)
{
	uint64_t sectors, first, last;
	char path[UNIT_PATH_MAX];
	FILE *file = open_part(image->name, part, path);
	uint32_t era;

	assert_non_null(file);
	assert_int_equal(fscanf(file,
				"# sectors %" SCNu64 " block %" SCNu64 " nr_blocks %" SCNu64
				" era %" SCNu32,
				&sectors, &image->block_size, &image->nr_blocks, &image->era),
			 4);
	image->block_size *= 512;
	assert_true(image->nr_blocks <= MAX_BLOCKS);
	while (fscanf(file, "%" SCNu64 " %" SCNu64 " %" SCNu32, &first, &last, &era) == 3)
		for (uint64_t b = first; b <= last; b++)
			image->eras[b] = era;
	fclose(file);
}

void image_write(const struct image *image, const void *data, size_t size)
{
	FILE *file = fopen(image->path, "r+");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

void image_read(const char *name, uint8_t *data, size_t *size)
{
	char path[UNIT_PATH_MAX];
	FILE *file = open_part(name, "image.gz", path);
	gzFile gz = gzopen(path, "rb");
	int n;

	assert_non_null(file);
	fclose(file);
	assert_non_null(gz);
	n = gzread(gz, data, IMAGE_MAX_BYTES);
	assert_true(n > 0 && gzeof(gz));
	*size = (size_t)n;
	gzclose(gz);
}

struct image *image_load(const char *name, const char *truth)
{
	struct image *image = calloc(1, sizeof(*image));
	int fd;

	assert_non_null(image);
	image->name = name;
	image_read(name, image->data, &image->size);
	read_truth(image, truth);
	unit_temporary(image->path, "dmera");
	fd = mkstemp(image->path);
	assert_true(fd >= 0);
	close(fd);
	image_write(image, image->data, image->size);
	return image;
}

void image_unload(struct image *image)
{
	unlink(image->path);
	free(image);
}

struct dmera *dmera_make(void)
{
	struct dmera *era = dmera_create();

	assert_non_null(era);
	return era;
}

struct dmera *image_open_sound(const struct image *image, unsigned flags)
{
	struct dmera *era = dmera_make();

	assert_int_equal(dmera_open(era, image->path, flags), 0);
	assert_string_equal(dmera_error(era), "");
	return era;
}

static bool is_set(const uint8_t *bits, uint64_t block)
{
	return bits[block / 8] >> block % 8 & 1;
}

void changes_tell_one_thing(const struct image *image, const struct dmera_changes *changes)
{
	static uint8_t changed[MAX_BLOCKS / 8], unknown[MAX_BLOCKS / 8];
	size_t size = (size_t)(image->nr_blocks + 7) / 8;
	uint64_t nr_changed = 0, nr_unknown = 0, at = 0;
	struct dmera_totals totals;
	struct dmera_run run = {0};

	assert_int_equal(dmera_changes_bitmap(changes, DMERA_CHANGED, 0, changed, sizeof(changed)),
			 size);
	assert_int_equal(dmera_changes_bitmap(changes, DMERA_UNKNOWN, 0, unknown, sizeof(unknown)),
			 size);
	while (dmera_changes_next(changes, &run)) {
		assert_true(run.nr_blocks && run.block >= at);
		for (; at < run.block; at++)
			assert_false(is_set(changed, at) || is_set(unknown, at));
		for (; at < run.block + run.nr_blocks; at++) {
			assert_true(is_set(changed, at));
			assert_int_equal(is_set(unknown, at), run.flags == DMERA_RUN_UNKNOWN);
		}
		assert_int_equal(run.offset, run.block * image->block_size);
		assert_int_equal(run.length, run.nr_blocks * image->block_size);
		nr_changed += run.nr_blocks;
		nr_unknown += run.flags ? run.nr_blocks : 0;
	}
	for (; at < size * 8; at++)
		assert_false(is_set(changed, at));
	dmera_changes_get_totals(changes, &totals, sizeof(totals));
	assert_int_equal(totals.nr_blocks, image->nr_blocks);
	assert_int_equal(totals.nr_changed, nr_changed);
	assert_int_equal(totals.nr_unknown, nr_unknown);
}

static bool lists(const struct dmera_changes *changes, uint64_t block)
{
	uint8_t byte = 0;

	assert_int_equal(dmera_changes_bitmap(changes, DMERA_CHANGED, block / 8, &byte, 1), 1);
	return byte >> block % 8 & 1;
}

void changes_are_truth(const struct image *image, uint32_t since,
		       const struct dmera_changes *changes)
{
	for (uint64_t b = 0; b < image->nr_blocks; b++)
		assert_int_equal(lists(changes, b), image->eras[b] >= since);
}

void changes_are_no_less(const struct image *image, uint32_t since,
			 const struct dmera_changes *changes)
{
	for (uint64_t b = 0; b < image->nr_blocks; b++)
		assert_true(lists(changes, b) || image->eras[b] < since);
}

void image_damage(const struct image *image, uint64_t block)
{
	static uint8_t data[IMAGE_MAX_BYTES];

	memcpy(data, image->data, image->size);
	data[block * BLOCK_BYTES + 100] ^= 0x10;
	image_write(image, data, image->size);
}
