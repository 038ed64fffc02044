/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata that a kernel wrote (tests/images), what is known to be true of them, and the answers of
 * libdmera held against that. What fails ends the test.
 */
#ifndef ERA_TESTS_DMERA_IMAGE_H
#define ERA_TESTS_DMERA_IMAGE_H

#include "unit.h"

#include <stdint.h>

#include <dmera.h>

#define BLOCK_BYTES 4096u
#define IMAGE_MAX_BYTES (1u << 21)
#define MAX_BLOCKS 32768u

struct image {
	const char *name;
	uint8_t data[IMAGE_MAX_BYTES];
	size_t size;
	uint64_t block_size, nr_blocks;
	uint32_t era;
	uint32_t eras[MAX_BLOCKS]; /* of each data block */
	char path[UNIT_PATH_MAX];
};

/* truth: "truth", or "truth.snap" for the metadata snapshot. In a file of its own at path, which is
 * there until it is unloaded. */
struct image *image_load(const char *name, const char *truth);
void image_unload(struct image *image);

/* The metadata of an image, up to IMAGE_MAX_BYTES. */
void image_read(const char *name, uint8_t *data, size_t *size);

/* Other contents, from the beginning of the file. */
void image_write(const struct image *image, const void *data, size_t size);

/* A byte of one block is another one. */
void image_damage(const struct image *image, uint64_t block);

/* The caller destroys it. */
struct dmera *dmera_make(void);
struct dmera *image_open_sound(const struct image *image, unsigned flags);

/* Runs and both bitmaps tell the same, and add up to the totals. */
void changes_tell_one_thing(const struct image *image, const struct dmera_changes *changes);

/* The list is what is true, or no less than that. */
void changes_are_truth(const struct image *image, uint32_t since,
		       const struct dmera_changes *changes);
void changes_are_no_less(const struct image *image, uint32_t since,
			 const struct dmera_changes *changes);

#endif
