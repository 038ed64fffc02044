/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a block must look like to be believed.
 *
 * The type that a pointer gives a block decides everything about its shape: checksum constant,
 * kind, value size.  Nothing read from a device is used before blk_validate() has passed it.
 */
#ifndef ERA_BLOCK_VALIDATE_H
#define ERA_BLOCK_VALIDATE_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/problem.h"
#include "base/block_type.h"
#include "block/blk.h"

/* Checks one block, read from block number blk.nr, for its type: checksum,
 * own number, kind, counts and value size, the ascent of a node's keys, and a superblock's own
 * figures.  Pointers and ranges of keys are the walker's business.
 * Returns 0, or ERA_DAMAGED with all of *p set but `where`. */
int blk_validate(struct blk_ro blk, enum block_type type, struct problem *p) must_check;

/* The type that a block read from block number blk.nr is valid for, BLOCK_NONE when there is none.  A
 * node or array block says no more than its values' size, so that several types share a look: then
 * it is the first of them.  Every superblock is BLOCK_SUPERBLOCK. */
enum block_type blk_recognise(struct blk_ro blk);

/* Makes a block of that type valid at block blk.nr: writes its own number, then its checksum. */
void blk_seal(struct blk_rw blk, enum block_type type);

/* The checksum of a block whose kind XORs it with that constant; it lies in the first 4 bytes. */
uint32_t blk_checksum(const void *data, uint32_t csum_xor);

/* Size of the values in a node's leaves or in an array block of that type. */
uint32_t blk_value_size(enum block_type type);

#endif
