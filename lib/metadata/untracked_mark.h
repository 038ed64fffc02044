/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A mark in a metadata device: its device was there without its target, so there are no lists until
 * all blocks count as written.  It goes where the metadata go, by whatever name; doc/state.md has
 * the format.
 *
 * It is in the superblock, behind the fields, where the kernel keeps it, and goes into copies of
 * any length; and in the last block, where it survives damage of the superblock.
 */
#ifndef ERA_METADATA_UNTRACKED_MARK_H
#define ERA_METADATA_UNTRACKED_MARK_H

#include <stdbool.h>

#include "base/compiler.h"
#include "block/dev.h"
#include "metadata/superblock.h"

#define UNTRACKED_SINCE_BYTES 32u
#define UNTRACKED_UNKNOWN_TIME "an unknown time"

/* since: a text.  A superblock that is damaged gets none.  at_end: a state was found
 * (era_setup/state.h), which shows that the metadata leave the end of the device free.  Errors are
 * reported. */
int untracked_mark_write(struct blk_dev *dev, const char *since, bool at_end) must_check;

/* Returns 1, 0 if there is none, or an error, reported.  One that is damaged counts, as long as it
 * can be told from what is none; so does one in a superblock that is damaged. */
int untracked_mark_read(struct blk_dev *dev, char since[UNTRACKED_SINCE_BYTES]) must_check;

/* A new superblock for dev keeps the mark of a damaged one that is there.  ERA_SYS when there is no
 * memory (reported). */
int untracked_mark_keep(struct blk_dev *dev, struct superblock *sb) must_check;

/* Of a device that is open for writing; without a mark nothing is written.  Errors are reported. */
int untracked_mark_clear(struct blk_dev *dev) must_check;

#endif
