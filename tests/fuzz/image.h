/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata made wrong on purpose: an image that a kernel wrote, and a list of patches.
 *
 * A patch names a block of the image by its rank among those that have a valid checksum, so nearly
 * every one hits something, and unless it is meant as damage that a checksum shows, the block gets
 * its number and checksum again.  So inputs of some bytes reach what lies behind the validators.
 *
 * A patch is 9 bytes: kind, block (2), where in it (2), value (4).  The kinds are a table in
 * image.c.  Some change several blocks as one step of the target would: so a small image gets deep
 * trees, or counts that are wrong by one.
 */
#ifndef ERA_TESTS_FUZZ_IMAGE_H
#define ERA_TESTS_FUZZ_IMAGE_H

#include "tests/fuzz/fuzz.h"

/* No superblock says more, or than the base did, so that no input is slow for its size alone. */
#define IMAGE_MIN_DATA_BLOCKS (1u << 15)

#define IMAGE_MAX_PATCHES 64u

struct image {
	const struct image_base *base;
	uint8_t *data;
	size_t len;
	bool evident; /* a checksum, an error or the device's end shows all that was done to it */
	bool resized;
	uint32_t touched[12 * IMAGE_MAX_PATCHES]; /* blocks */
	unsigned nr_touched;
	uint32_t nr_added;
	uint32_t bad[IMAGE_MAX_PATCHES]; /* blocks that can't be read, should that be possible */
	unsigned nr_bad;
};

/* Takes the base's number (1 byte) and the patches from input.  The images are those of
 * tests/images in $abs_top_srcdir.  One at a time: its data are the base's, and all that was done
 * to them is undone in image_undo(). */
void image_make(struct image *image, struct input *input);
void image_undo(struct image *image);

/* The base as it was. */
const uint8_t *image_original(const struct image *image, size_t *len);

#endif
