/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Does a device have metadata at all?  If not, what is it instead? */
#ifndef ERA_METADATA_RECOGNISE_H
#define ERA_METADATA_RECOGNISE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/problem.h"

struct blk_dev;

enum first_block {
	FIRST_SOUND,
	FIRST_DAMAGED, /* it has the magic of dm-era */
	FIRST_ZERO,    /* the kernel formats such a device */
	FIRST_STOPPED, /* what superblock_invalidate() leaves */
	FIRST_OTHER,
};

/* Judges a first block that is not sound. */
enum first_block first_block_judge(const void *block);

/* Does the first block have the magic of dm-era?  An error is not reported, and means no. */
bool era_has_magic(struct blk_dev *dev) must_check;

/* Refuses a device that has no metadata, judging by its size or first bytes, with words that
 * scripts know. */
int era_look_like_metadata(struct blk_dev *dev) must_check;

/* For a reader that ends with p, a problem of the superblock, which it has reported: reports as an
 * error what the device holds instead, and what to do now.  Returns what p is as an error; a block
 * that could not be read holds nothing that can be told. */
int first_block_refuse(struct blk_dev *dev, const struct problem *p) must_check;

/* For one that goes on: notes what a device without a superblock holds instead, if it is known. */
void first_block_note(struct blk_dev *dev);

#endif
