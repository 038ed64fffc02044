/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a block must look like to be believed.
 *
 * The type that a pointer requires decides everything about the block's form: checksum constant,
 * kind, value size.  Nothing read from a device is used before blk_validate() has accepted it.
 */
#ifndef ERA_BLOCK_VALIDATE_H
#define ERA_BLOCK_VALIDATE_H

#include <stdint.h>

#include "base/block_type.h"
#include "base/compiler.h"
#include "base/problem.h"
#include "block/blk.h"

/* Checks one block, read from block number blk.nr, for its type: checksum, own number, kind,
 * counts and value size, the order of a node's keys, and a superblock's own fields.  Pointers and
 * ranges of keys are checked by the walker.  Returns 0, or ERA_DAMAGED with all of *p set but
 * `where`. */
int blk_validate(struct blk_ro blk, enum block_type type, struct problem *p) must_check;

/* The type for which a block read from block number blk.nr is valid, or BLOCK_NONE.  A node or
 * array block shows only the size of its values, which several types share: the result is then the
 * first of these.  Every superblock is BLOCK_SUPERBLOCK. */
enum block_type blk_recognise(struct blk_ro blk);

/* Makes a block of this type valid at block blk.nr: writes its own number, then its checksum. */
void blk_seal(struct blk_rw blk, enum block_type type);

/* The checksum of a block, XORed with its kind's constant; it is stored in the first 4 bytes. */
uint32_t blk_checksum(const void *data, uint32_t csum_xor);

/* Size of the values in a node's leaves or in an array block of that type. */
uint32_t blk_value_size(enum block_type type);

#endif
